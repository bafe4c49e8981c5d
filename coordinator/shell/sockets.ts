// WebSockets on the API's port: agents at /agent, and the streams of clients. What cannot be opened
// is refused before the handshake with a problem document, as the HTTP API would; what is open is
// closed as soon as its client may not have it any more.
// Not here: what streams carry (client-streams.ts), who may have one (stream-rights.ts).

import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { linkOfSocket, provenNameOf } from '#env/real.ts'
import type { Problem } from '#proto/api.ts'
import { fault } from '#proto/faults.ts'
import { controlBytesMax } from '#proto/units.ts'
import { type AgentDoor, welcomeAgent } from '../agent-links.ts'
import { ClientStreams, routeOf, type StreamEnd } from './client-streams.ts'
import { callerOf, type Gate } from './guard.ts'
import { problemOf } from './problems.ts'
import { accessOf, type HeldStream, StreamRights, whyNot } from './stream-rights.ts'

/** What a client may send at once on a console. */
const consoleFrameBytesMax = 64 * 1024
/** WebSocket's own code for it (RFC 6455, section 7.4.1: policy violation). */
const notAllowedCode = 1008

/** What agents and clients come to. */
type SocketDoor = AgentDoor & { readonly gate: Gate; readonly isTls: boolean }

export interface Sockets {
  close(): void
}

/** Takes the upgrades of an HTTP server. */
export function openSockets(server: Server, door: SocketDoor): Sockets {
  const { gate } = door
  const options = { noServer: true, perMessageDeflate: false } as const
  const agents = new WebSocketServer({ ...options, maxPayload: controlBytesMax })
  const clients = new WebSocketServer({ ...options, maxPayload: consoleFrameBytesMax })
  const streams = new ClientStreams(door)
  const rights = new StreamRights(door)
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const route = routeOf(addressOf(request), door.coordinator)
    const caller = callerOf(request)
    const provenName = provenNameOf(request.socket)
    const isStranger = route.kind === 'agent' && door.isTls && provenName === undefined
    const problem = isStranger
      ? problemOf(noCertificate)
      : (whyNot(gate, route, caller) ?? route.problem)
    if (problem) return refuseUpgrade(socket, problem)
    const accept = route.kind === 'agent' ? agents : clients
    accept.handleUpgrade(request, socket, head, (ws) => {
      if (route.kind === 'agent')
        return welcomeAgent(door, linkOfSocket(ws, peerOf(request), provenName))
      rights.watch(heldOf(ws), route, caller)
      streams.open(route, endOf(ws), accessOf(gate, caller))
    })
  }
  server.on('upgrade', upgrade)
  return {
    close: () => {
      server.off('upgrade', upgrade)
      streams.stop()
      rights.stop()
      for (const ws of [...agents.clients, ...clients.clients]) ws.terminate()
    },
  }
}

const noCertificate = fault(
  'bad-certificate',
  'an agent shows a certificate of this cluster: godwit certs issue NODE, and --certs FOLDER',
)

/** What the request asks for. A path that is none leads nowhere, as an unknown one does. */
const addressOf = ({ url }: IncomingMessage): URL =>
  URL.parse(url ?? '/', 'http://coordinator') ?? new URL('http://coordinator/')

const peerOf = ({ socket }: IncomingMessage) => `${socket.remoteAddress}:${socket.remotePort}`

function refuseUpgrade(socket: Duplex, problem: Problem): void {
  const body = JSON.stringify(problem)
  socket.on('error', () => undefined)
  // Whoever never closes his side would stay for ever, and hold up our end.
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\n` +
      'Content-Type: application/problem+json\r\nConnection: close\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

const heldOf = (ws: WebSocket): HeldStream => ({
  onClose: (fn) => void ws.on('close', fn),
  forbid: () => {
    ws.removeAllListeners('message')
    ws.close(notAllowedCode, 'not allowed any more')
  },
})

const endOf = (ws: WebSocket): StreamEnd => {
  ws.on('error', () => undefined)
  return {
    get bufferedBytes() {
      return ws.bufferedAmount
    },
    text: (text) => ws.send(text),
    bytes: (bytes) => ws.send(bytes, { binary: true }),
    close: (reason) => ws.close(1013, reason.slice(0, 120)),
    drop: () => ws.terminate(),
    onBytes: (fn) => void ws.on('message', (data) => fn(new Uint8Array(data as Buffer))),
    onClose: (fn) => void ws.on('close', fn),
  }
}
