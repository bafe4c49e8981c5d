// WebSockets on the API's port: agents at /agent, watchers at /v1/watch, consoles at
// /v1/vms/ID/console. What cannot be opened is refused before the handshake with a problem
// document, as the HTTP API would. A watcher gets a whole ClusterView after each change, at most
// ten a second; one that does not read is left out until it has caught up, and dropped when it
// never does.

import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Clock } from '#env/env.ts'
import { linkOfSocket } from '#env/real.ts'
import type { ClusterView, Problem } from '#proto/api.ts'
import { fault } from '#proto/faults.ts'
import { asVmId, type VmId } from '#proto/ids.ts'
import { mayAct, vmActionPhases } from '#proto/state.ts'
import { controlBytesMax } from '#proto/units.ts'
import { type AgentDoor, welcomeAgent } from '../agent-links.ts'
import type { ConsoleClient } from '../console/console-stream.ts'
import type { Coordinator } from '../coordinator.ts'
import { unknownVm } from '../core/action-refusals.ts'
import { isSameHost } from './origin.ts'
import { problemOf } from './problems.ts'

/** Ten views a second are smooth to the eye and cheap to make. */
const viewEveryMs = 100
/** A watcher with so much unread gets no more views, and after a minute is dropped. */
const watcherBytesMax = 4 << 20
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
  const watchers = new Watchers(door.coordinator, door.clock)
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!isSameHost(request.headers)) return refuseUpgrade(socket, problemOf(foreign, 403))
    const url = addressOf(request)
    const target = routeOf(url, door.coordinator)
    if (target.problem) return refuseUpgrade(socket, target.problem)
    const accept = target.kind === 'agent' ? agents : clients
    accept.handleUpgrade(request, socket, head, (ws) => {
      if (target.kind === 'agent') welcomeAgent(door, linkOfSocket(ws, peerOf(request)))
      else if (target.kind === 'watch') watchers.add(ws)
      else openConsole(door, ws, target.vmId, url.searchParams.get('replay') === '1')
    })
  }
  server.on('upgrade', upgrade)
  return {
    close: () => {
      server.off('upgrade', upgrade)
      watchers.stop()
      for (const ws of [...agents.clients, ...clients.clients]) ws.terminate()
    },
  }
}

const foreign = fault('bad-request', 'a page of another host may not connect: use our own page')

/** What the request asks for. A path that is none leads nowhere, as an unknown one does. */
const addressOf = ({ url }: IncomingMessage): URL =>
  URL.parse(url ?? '/', 'http://coordinator') ?? new URL('http://coordinator/')

const peerOf = ({ socket }: IncomingMessage) => `${socket.remoteAddress}:${socket.remotePort}`

interface Route {
  readonly kind: 'agent' | 'watch' | 'console'
  readonly vmId: VmId
  readonly problem: Problem | undefined
}

function routeOf({ pathname }: URL, { state }: Coordinator): Route {
  const none = { vmId: asVmId(''), problem: undefined }
  if (pathname === '/agent') return { kind: 'agent', ...none }
  if (pathname === '/v1/watch') return { kind: 'watch', ...none }
  const name = /^\/v1\/vms\/([^/]+)\/console$/.exec(pathname)?.[1]
  const vmId = asVmId(name ?? '')
  if (name === undefined) {
    const paths = '/agent, /v1/watch or /v1/vms/ID/console'
    const problem = problemOf(fault('bad-request', `no WebSocket here: connect to ${paths}`), 404)
    return { kind: 'console', vmId, problem }
  }
  const vm = state.vms.get(vmId)
  if (!vm) return { kind: 'console', vmId, problem: problemOf(unknownVm(name)) }
  const allowed = vmActionPhases.console.join(' or ')
  const text = `${name} is ${vm.phase}; its console needs it ${allowed}`
  const problem = mayAct('console', vm.phase) ? undefined : problemOf(fault('wrong-state', text))
  return { kind: 'console', vmId, problem }
}

function refuseUpgrade(socket: Duplex, problem: Problem): void {
  const body = JSON.stringify(problem)
  socket.on('error', () => undefined)
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\n` +
      'Content-Type: application/problem+json\r\nConnection: close\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

function openConsole(door: AgentDoor, ws: WebSocket, vmId: VmId, isReplay: boolean): void {
  const client: ConsoleClient = {
    isReplay,
    get bufferedBytes() {
      return ws.bufferedAmount
    },
    header: (header) => ws.send(JSON.stringify(header)),
    output: (bytes) => ws.send(bytes, { binary: true }),
    close: (reason) => ws.close(1013, reason.slice(0, 120)),
  }
  const session = door.consoles.attach(vmId, client)
  ws.on('message', (data) => session.input(new Uint8Array(data as Buffer)))
  ws.on('error', () => undefined)
  ws.on('close', () => session.detach())
}

/** Everybody who watches the cluster. */
class Watchers {
  readonly #coordinator: Coordinator
  readonly #clock: Clock
  readonly #sockets = new Map<WebSocket, number>()
  #sentRevision = 0
  #isArmed = false
  #isStopped = false

  constructor(coordinator: Coordinator, clock: Clock) {
    this.#coordinator = coordinator
    this.#clock = clock
    coordinator.observe({ changed: () => this.#arm() })
  }

  add(ws: WebSocket): void {
    this.#sockets.set(ws, this.#clock.nowMs())
    ws.on('error', () => undefined)
    ws.on('close', () => this.#sockets.delete(ws))
    ws.send(JSON.stringify(this.#coordinator.view()))
  }

  stop(): void {
    this.#isStopped = true
  }

  #arm(): void {
    if (this.#isArmed || this.#isStopped || this.#sockets.size === 0) return
    this.#isArmed = true
    this.#clock.wakeAt(this.#clock.nowMs() + viewEveryMs, () => {
      this.#isArmed = false
      if (!this.#isStopped) this.#send(this.#coordinator.view())
    })
  }

  #send(view: ClusterView): void {
    if (view.revision === this.#sentRevision) return
    this.#sentRevision = view.revision
    const text = JSON.stringify(view)
    const nowMs = this.#clock.nowMs()
    for (const [ws, readAtMs] of this.#sockets) {
      if (ws.bufferedAmount < watcherBytesMax) {
        this.#sockets.set(ws, nowMs)
        ws.send(text)
      } else if (nowMs - readAtMs > 60_000) ws.terminate()
    }
  }
}
