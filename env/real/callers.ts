// All who are connected to a server, whatever they have said: Node's own closeAllConnections()
// knows of those only whose HTTP has begun. Who connects to a TLS port and says nothing would be
// waited for, two minutes long, and who was upgraded for ever: so long no other would serve in its
// place.

import type { Server, Socket } from 'node:net'

export class Callers {
  readonly #sockets = new Set<Socket>()
  #isOver = false

  /** @param server before it listens */
  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      if (this.#isOver) return void socket.destroy()
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** All of them go, and whoever comes until the server has closed. */
  end(): void {
    this.#isOver = true
    for (const socket of this.#sockets) socket.destroy()
  }
}
