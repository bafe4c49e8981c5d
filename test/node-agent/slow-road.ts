// A road between two processes that a test can make slow and break: a TCP proxy in front of a
// node's peer port. Bytes per second; both directions, each for itself.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

const tickMs = 5

export class SlowRoad {
  bytesPerSec: number
  isBlocked = false
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Those that came to it, in their order, and what each has brought. */
  readonly #near: { readonly socket: Socket; bytes: number }[] = []
  #broken = 0

  static async to(address: string, bytesPerSec = Number.POSITIVE_INFINITY): Promise<SlowRoad> {
    const { hostname, port } = new URL(address)
    const road = new SlowRoad(hostname, Number(port), bytesPerSec)
    await once(road.#server.listen(0, '127.0.0.1'), 'listening')
    return road
  }

  private constructor(host: string, port: number, bytesPerSec: number) {
    this.bytesPerSec = bytesPerSec
    this.#server = createServer((near) => {
      if (this.isBlocked) return void near.destroy()
      const far = connect(port, host)
      const one = { socket: near, bytes: 0 }
      this.#near.push(one)
      near.on('data', (bytes) => {
        one.bytes += bytes.length
      })
      this.#join(near, far)
      this.#join(far, near)
    })
  }

  get address(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get isUsed(): boolean {
    return this.#sockets.size > 0
  }

  /** How many connections it has broken. */
  get broken(): number {
    return this.#broken
  }

  /** How many connections there ever were. */
  get connections(): number {
    return this.#near.length
  }

  /** Bytes that each connection has brought here, in the order of the connections. */
  get carried(): number[] {
    return this.#near.map(({ bytes }) => bytes)
  }

  /** That connection, and what is on it. */
  breakOne(index: number): void {
    this.#broken++
    this.#near[index]?.socket.destroy()
  }

  /** What is on it is lost. */
  break(): void {
    for (const socket of this.#sockets) {
      this.#broken++
      socket.destroy()
    }
  }

  async close(): Promise<void> {
    this.break()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.on('error', () => undefined)
    from.on('close', () => {
      this.#sockets.delete(from)
      to.end()
    })
    from.on('data', (bytes: Buffer) => {
      to.write(bytes)
      const ms = (1000 * bytes.length) / this.bytesPerSec
      if (ms < tickMs) return
      from.pause()
      setTimeout(() => from.resume(), ms)
    })
  }
}
