// WebSockets (RFC 6455) as links, by the ws package. No compression: pages are compressed, if at
// all, by whoever knows their content. A client masks with zeros, which ws then skips: the mask
// protects old HTTP proxies from chosen bytes, and Godwit's links run over loopback, a trusted
// network or TLS; it would cost two thirds of the speed.

import { WebSocket, WebSocketServer } from 'ws'
import { BufferedLink } from '../buffered-link.ts'
import type { Link, LinkClosed, Listener, Transport, TransportLimits } from '../env.ts'

export const realTransport: Transport = { listen, connect }

async function listen(
  address: string,
  limits: TransportLimits,
  onLink: (link: Link) => void,
): Promise<Listener> {
  const url = new URL(address)
  const server = new WebSocketServer({
    host: url.hostname,
    port: Number(url.port),
    perMessageDeflate: false,
    maxPayload: limits.messageBytesMax,
  })
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve)
    server.once('error', reject)
  })
  server.on('connection', (socket, request) =>
    onLink(linkOfSocket(socket, `${request.socket.remoteAddress}:${request.socket.remotePort}`)),
  )
  const bound = server.address() as { port: number }
  return {
    address: `ws://${url.hostname}:${bound.port}`,
    close: () =>
      new Promise((resolve) => {
        for (const client of server.clients) client.terminate()
        server.close(() => resolve())
      }),
  }
}

async function connect(address: string, limits: TransportLimits, timeoutMs: number): Promise<Link> {
  const socket = new WebSocket(address, {
    perMessageDeflate: false,
    maxPayload: limits.messageBytesMax,
    handshakeTimeout: timeoutMs,
    generateMask: (mask) => mask.fill(0),
  })
  const link = linkOfSocket(socket, address)
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  return link
}

/** A ws socket, from whichever server it came, as a Link. */
export function linkOfSocket(socket: WebSocket, peer: string): Link {
  return new SocketLink(socket, peer)
}

class SocketLink extends BufferedLink {
  readonly peer: string
  readonly #socket: WebSocket
  #ending: LinkClosed | undefined

  constructor(socket: WebSocket, peer: string) {
    super()
    this.#socket = socket
    this.peer = peer
    socket.binaryType = 'nodebuffer'
    socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary))
    socket.on('error', (error) => {
      const large = 'code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
      this.#ending ??= { by: 'error', reason: large ? 'message-too-large' : error.message }
    })
    socket.on('close', (_code, reason) => {
      const given = reason.toString()
      this.end(this.#ending ?? { by: 'peer', reason: given || 'the peer closed the link' })
    })
  }

  send(bytes: Uint8Array, sent?: () => void): void {
    if (this.#ending || this.#socket.readyState !== WebSocket.OPEN) return
    this.count(bytes.length)
    this.#socket.send(bytes, () => {
      sent?.()
      this.count(-bytes.length)
    })
  }

  close(reason: string): void {
    if (this.#ending || this.isEnded) return
    this.#ending = { by: 'local', reason }
    // 123 bytes is what a close frame can carry. A peer that does not answer it is cut off by ws
    // after 30 s.
    this.#socket.close(1000, Buffer.from(reason).subarray(0, 120))
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#ending) return
    if (isBinary) this.deliver(data)
    else this.close('bad-message')
  }
}
