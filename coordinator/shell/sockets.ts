// WebSockets on the API's port: agents at /agent, and the streams of clients. What cannot be opened
// is refused before the handshake with a problem document, as the HTTP API would; what is open is
// closed as soon as its client may not have it any more: logged out, expired, revoked, not the
// owner. Not here: what streams carry (client-streams.ts), who may have one (guard.ts).

import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Cancel } from '#env/env.ts'
import { linkOfSocket, provenNameOf } from '#env/real.ts'
import { type Identity, may } from '#proto/accounts.ts'
import type { Problem } from '#proto/api.ts'
import { fault } from '#proto/faults.ts'
import { controlBytesMax } from '#proto/units.ts'
import { type AgentDoor, welcomeAgent } from '../agent-links.ts'
import type { Importer } from '../templates/signatures.ts'
import {
  ClientStreams,
  type Route,
  routeOf,
  type StreamAccess,
  type StreamEnd,
} from './client-streams.ts'
import { type Caller, callerOf, type Gate, problemOfDenial } from './guard.ts'
import { problemOf } from './problems.ts'

/** What a client may send at once on a console. */
const consoleFrameBytesMax = 64 * 1024
/** How long an end of a right may go unnoticed that nobody told us of: an expiry, a new owner. */
const lookMs = 500
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
  const rights = new Rights(door)
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
      rights.watch(ws, route, caller)
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

const keyOf = ({ kind, hasLinks, vmId }: Route) =>
  kind === 'sights' && (hasLinks || vmId === '') ? 'WS links' : `WS ${kind}`
const askedOf = ({ vmId, name }: Route) => ({
  params: name === undefined ? { id: vmId } : { name },
})

function whyNot(gate: Gate, route: Route, caller: Caller): Problem | undefined {
  const admitted = gate.admit(caller, keyOf(route))
  if ('denied' in admitted) return problemOfDenial(admitted)
  const denied = gate.judge(keyOf(route), admitted.who, askedOf(route))
  return denied && problemOf(denied)
}

function accessOf(gate: Gate, caller: Caller): StreamAccess {
  const sight = () => {
    const who = gate.again(caller)
    return who && gate.sight(who)
  }
  return {
    seen: (view) => sight()?.cluster(view) ?? { ...view, ...nothing },
    mayType: (vmId) => sight()?.mayOn('type', vmId) ?? false,
    importer: () => importerOf(gate.again(caller), gate.isOpen),
  }
}

function importerOf(who: Identity | undefined, isOpen: boolean): Importer {
  const owner = who?.role === 'person' ? who.name : undefined
  const mayTrust = isOpen || (who !== undefined && may(who, 'run-cluster'))
  return { by: who?.name || undefined, owner, mayTrust }
}

const nothing = { nodes: [], vms: [], migrations: [], events: [], rules: [] }

/** Looks again and again whether those who have a stream may still have it. */
class Rights {
  readonly #door: SocketDoor
  readonly #held = new Map<WebSocket, () => boolean>()
  #nextLook: Cancel = () => undefined

  constructor(door: SocketDoor) {
    this.#door = door
    door.gate.onChange(() => this.#look())
    this.#arm()
  }

  watch(ws: WebSocket, route: Route, caller: Caller): void {
    const { gate, coordinator } = this.#door
    const who = gate.again(caller)
    if (['console', 'screen'].includes(route.kind) && who?.name) {
      const how = who.limits ? `somebody, by a token or link of ${who.name},` : who.name
      const text = `${how} has opened the ${route.kind} of ${route.vmId}`
      coordinator.ask({ do: 'note', text, vmId: route.vmId }, who.name)
    }
    this.#held.set(
      ws,
      () => gate.judge(keyOf(route), gate.again(caller), askedOf(route)) === undefined,
    )
    ws.on('close', () => this.#held.delete(ws))
  }

  stop(): void {
    this.#nextLook()
  }

  #arm(): void {
    const { clock } = this.#door
    this.#nextLook = clock.wakeAt(clock.nowMs() + lookMs, () => {
      this.#look()
      this.#arm()
    })
  }

  #look(): void {
    for (const [ws, mayStill] of this.#held) {
      if (mayStill()) continue
      this.#held.delete(ws)
      ws.removeAllListeners('message')
      ws.close(notAllowedCode, 'not allowed any more')
    }
  }
}

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
