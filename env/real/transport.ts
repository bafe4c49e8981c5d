// WebSockets (RFC 6455) as links, by the ws package; with credentials over TLS 1.3, where both ends
// show a certificate of the cluster. No compression: pages are compressed, if at all, by whoever
// knows their content. A client masks with zeros, which ws then skips: the mask protects old HTTP
// proxies from chosen bytes, and Godwit's links run over loopback, a trusted network or TLS; it
// would cost two thirds of the speed.

import { createServer as createPlainServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { WebSocket, WebSocketServer } from 'ws'
import type { Fault } from '#proto/faults.ts'
import { BufferedLink } from '../buffered-link.ts'
import type { Link, LinkClosed, Listener, Log, Transport, TransportLimits } from '../env.ts'
import { Callers } from './callers.ts'
import { type Credentials, certificateName, coordinatorName, provenNameOf } from './credentials.ts'
import { noteReceived } from './received-garbage.ts'

export const realTransport: Transport = transportWith(undefined)

/**
 * `wss://NAME@host:port`: at that address only who has the certificate of NAME is spoken to;
 * without a name, only the coordinator.
 */
export function transportWith(credentials: Credentials | undefined, log?: Log): Transport {
  return {
    listen: (address, limits, onLink) => {
      const server = serverFor(credentials, log)
      return listen(address, limits, onLink, server, credentials?.name)
    },
    connect: (address, limits, timeoutMs) => connect(address, limits, timeoutMs, credentials),
  }
}

async function listen(
  address: string,
  limits: TransportLimits,
  onLink: (link: Link) => void,
  server: Server,
  name: string | undefined,
): Promise<Listener> {
  const url = new URL(address)
  const sockets = new WebSocketServer({
    server,
    perMessageDeflate: false,
    maxPayload: limits.messageBytesMax,
  })
  // What fails on one connection is that connection's end.
  sockets.on('error', () => undefined)
  const callers = new Callers(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(Number(url.port), url.hostname.replace(/^\[(.*)\]$/, '$1'), resolve)
  })
  sockets.on('connection', (socket, { socket: from }) =>
    onLink(linkOfSocket(socket, `${from.remoteAddress}:${from.remotePort}`, provenNameOf(from))),
  )
  const { port } = server.address() as AddressInfo
  return {
    address: `${url.protocol}//${name ? `${name}@` : ''}${url.hostname}:${port}`,
    close: () =>
      new Promise((resolve) => {
        for (const client of sockets.clients) client.terminate()
        sockets.close()
        server.close(() => resolve())
        // Who has not said yet what he wants would be waited for, a minute or two.
        callers.end()
      }),
  }
}

/** A server that lets in, with credentials, only who shows a certificate of the cluster. */
function serverFor(credentials: Credentials | undefined, log: Log | undefined): Server {
  if (!credentials) return createPlainServer()
  const options = { ...credentials.now, requestCert: true, rejectUnauthorized: true }
  const server = createTlsServer(options)
  credentials.onChange((now) => server.setSecureContext(now))
  server.on('secureConnection', (socket) => credentials.watch(socket))
  noteRefused(server, log, 'peer refused')
  return server
}

/**
 * Who spoke no TLS to us, or showed no certificate of the cluster. Not who left by himself: so does
 * a probe that looks whether anybody listens.
 */
export function noteRefused(server: Server, log: Log | undefined, what: string): void {
  server.on('tlsClientError', (error: Error & { code?: string }, socket: TLSSocket) => {
    const { authorizationError: unproven, remoteAddress: peer } = socket
    if (error.code === 'ECONNRESET' && !unproven) return
    const message = unproven ? String(unproven) : error.message
    log?.warn(what, { code: 'bad-certificate', peer, message })
  })
}

async function connect(
  address: string,
  limits: TransportLimits,
  timeoutMs: number,
  credentials: Credentials | undefined,
): Promise<Link> {
  const url = new URL(address)
  const name = url.username || coordinatorName
  url.username = ''
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: limits.messageBytesMax,
    handshakeTimeout: timeoutMs,
    generateMask: (mask) => mask.fill(0),
    ...(credentials && { ...credentials.now, servername: certificateName(name) }),
  })
  let isTrusted = true
  socket.once('upgrade', ({ socket: own }) => {
    isTrusted = credentials?.watch(own) ?? true
  })
  const link = linkOfSocket(socket, address, credentials && name)
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', (error) => reject(named(error, address, name)))
  })
  if (!isTrusted) throw named(revoked, address, name)
  return link
}

const revoked = Object.assign(new Error('it was revoked'), { code: 'CERT_REVOKED' })

/** Of an end that is not the one that was meant, or speaks no TLS: Node's codes of TLS errors. */
function named(error: Error & { code?: string }, address: string, name: string): Error {
  const isOurs = /CERT|SIGNATURE|ALTNAME|EPROTO|_SSL_|_TLS_/.test(error.code ?? '')
  if (!isOurs) return error
  const message = `${address} shows no certificate of ${name} (${error.message}): godwit certs show`
  const fault: Fault = { code: 'bad-certificate', message }
  return Object.assign(new Error(message), { fault })
}

/** A ws socket, from whichever server it came, as a Link. @param name that it has proven */
export function linkOfSocket(socket: WebSocket, peer: string, name?: string): Link {
  return new SocketLink(socket, peer, name)
}

class SocketLink extends BufferedLink {
  readonly peer: string
  readonly provenName: string | undefined
  readonly #socket: WebSocket
  #ending: LinkClosed | undefined

  constructor(socket: WebSocket, peer: string, name: string | undefined) {
    super()
    this.#socket = socket
    this.peer = peer
    this.provenName = name
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
    noteReceived(data.length)
    if (this.#ending) return
    if (isBinary) this.deliver(data)
    else this.close('bad-message')
  }
}
