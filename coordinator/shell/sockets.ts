// WebSockets on the API's port: agents at /agent, and the streams of clients. What cannot be opened
// is refused before the handshake with a problem document, as the HTTP API would.
// Not here: what streams carry (client-streams.ts).

import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { linkOfSocket } from '#env/real.ts'
import type { Problem } from '#proto/api.ts'
import { fault } from '#proto/faults.ts'
import { controlBytesMax } from '#proto/units.ts'
import { type AgentDoor, welcomeAgent } from '../agent-links.ts'
import { ClientStreams, routeOf, type StreamEnd } from './client-streams.ts'
import { isSameHost } from './origin.ts'
import { problemOf } from './problems.ts'

/** What a client may send at once on a console. */
const consoleFrameBytesMax = 64 * 1024

export interface Sockets {
  close(): void
}

/** Takes the upgrades of an HTTP server. */
export function openSockets(server: Server, door: AgentDoor): Sockets {
  const options = { noServer: true, perMessageDeflate: false } as const
  const agents = new WebSocketServer({ ...options, maxPayload: controlBytesMax })
  const clients = new WebSocketServer({ ...options, maxPayload: consoleFrameBytesMax })
  const streams = new ClientStreams(door)
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!isSameHost(request.headers)) return refuseUpgrade(socket, problemOf(foreign, 403))
    const url = addressOf(request)
    const target = routeOf(url, door.coordinator)
    if (target.problem) return refuseUpgrade(socket, target.problem)
    const accept = target.kind === 'agent' ? agents : clients
    accept.handleUpgrade(request, socket, head, (ws) => {
      if (target.kind === 'agent') welcomeAgent(door, linkOfSocket(ws, peerOf(request)))
      else streams.open(target, endOf(ws))
    })
  }
  server.on('upgrade', upgrade)
  return {
    close: () => {
      server.off('upgrade', upgrade)
      streams.stop()
      for (const ws of [...agents.clients, ...clients.clients]) ws.terminate()
    },
  }
}

const foreign = fault('bad-request', 'a page of another host may not connect: use our own page')

/** What the request asks for. A path that is none leads nowhere, as an unknown one does. */
const addressOf = ({ url }: IncomingMessage): URL =>
  URL.parse(url ?? '/', 'http://coordinator') ?? new URL('http://coordinator/')

const peerOf = ({ socket }: IncomingMessage) => `${socket.remoteAddress}:${socket.remotePort}`

function refuseUpgrade(socket: Duplex, problem: Problem): void {
  const body = JSON.stringify(problem)
  socket.on('error', () => undefined)
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\n` +
      'Content-Type: application/problem+json\r\nConnection: close\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

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
