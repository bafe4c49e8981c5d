// The streams of clients, whatever carries them: watchers at /v1/watch, consoles at
// /v1/vms/ID/console. A watcher gets a whole ClusterView after each change, at most ten a second;
// one that does not read is left out until it has caught up, and dropped when it never does.
// Not here: WebSockets (sockets.ts).

import type { Clock } from '#env/env.ts'
import type { ClusterView, Problem } from '#proto/api.ts'
import { fault } from '#proto/faults.ts'
import { asVmId, type VmId } from '#proto/ids.ts'
import { mayAct, vmActionPhases } from '#proto/state.ts'
import type { ConsoleHub } from '../console/console-hub.ts'
import type { ConsoleClient } from '../console/console-stream.ts'
import type { Coordinator } from '../coordinator.ts'
import { unknownVm } from '../core/action-refusals.ts'
import { problemOf } from './problems.ts'

/** Ten views a second are smooth to the eye and cheap to make. */
const viewEveryMs = 100
/** A watcher with so much unread gets no more views, and after a minute is dropped. */
const watcherBytesMax = 4 << 20

/** The coordinator's end of one client's stream. */
export interface StreamEnd {
  readonly bufferedBytes: number
  text(text: string): void
  bytes(bytes: Uint8Array): void
  close(reason: string): void
  /** At once, whatever is on its way. */
  drop(): void
  onBytes(fn: (bytes: Uint8Array) => void): void
  onClose(fn: () => void): void
}

interface StreamPorts {
  readonly coordinator: Coordinator
  readonly consoles: ConsoleHub
  readonly clock: Clock
}

/** What this client may see and do; asked each time, for it may change while the stream is open. */
export interface StreamAccess {
  seen(view: ClusterView): ClusterView
  mayType(vmId: VmId): boolean
}
/** Where nobody has an account. */
export const wholeAccess: StreamAccess = { seen: (view) => view, mayType: () => true }

export class ClientStreams {
  readonly #consoles: ConsoleHub
  readonly #watchers: Watchers

  constructor({ coordinator, consoles, clock }: StreamPorts) {
    this.#consoles = consoles
    this.#watchers = new Watchers(coordinator, clock)
  }

  open(route: Route, end: StreamEnd, access: StreamAccess = wholeAccess): void {
    if (route.kind === 'watch') this.#watchers.add(end, access)
    else openConsole(this.#consoles, end, route, access)
  }

  stop(): void {
    this.#watchers.stop()
  }
}

export interface Route {
  readonly kind: 'agent' | 'watch' | 'console'
  readonly vmId: VmId
  readonly isReplay: boolean
  readonly problem: Problem | undefined
}

export function routeOf({ pathname, searchParams }: URL, { state }: Coordinator): Route {
  const isReplay = searchParams.get('replay') === '1'
  const none = { vmId: asVmId(''), isReplay, problem: undefined }
  if (pathname === '/agent') return { kind: 'agent', ...none }
  if (pathname === '/v1/watch') return { kind: 'watch', ...none }
  const name = /^\/v1\/vms\/([^/]+)\/console$/.exec(pathname)?.[1]
  const vmId = asVmId(name ?? '')
  if (name === undefined) {
    const paths = '/agent, /v1/watch or /v1/vms/ID/console'
    const problem = problemOf(fault('bad-request', `no WebSocket here: connect to ${paths}`), 404)
    return { kind: 'console', vmId, isReplay, problem }
  }
  const vm = state.vms.get(vmId)
  if (!vm) return { kind: 'console', vmId, isReplay, problem: problemOf(unknownVm(name)) }
  const allowed = vmActionPhases.console.join(' or ')
  const text = `${name} is ${vm.phase}; its console needs it ${allowed}`
  const problem = mayAct('console', vm.phase) ? undefined : problemOf(fault('wrong-state', text))
  return { kind: 'console', vmId, isReplay, problem }
}

function openConsole(
  consoles: ConsoleHub,
  end: StreamEnd,
  { vmId, isReplay }: Route,
  access: StreamAccess,
): void {
  const client: ConsoleClient = {
    isReplay,
    get bufferedBytes() {
      return end.bufferedBytes
    },
    header: (header) => end.text(JSON.stringify(header)),
    output: (bytes) => end.bytes(bytes),
    close: (reason) => end.close(reason),
  }
  const session = consoles.attach(vmId, client)
  end.onBytes((bytes) => {
    if (access.mayType(vmId)) session.input(bytes)
  })
  end.onClose(() => session.detach())
}

/** Everybody who watches the cluster. */
class Watchers {
  readonly #coordinator: Coordinator
  readonly #clock: Clock
  readonly #ends = new Map<StreamEnd, Watcher>()
  #sentRevision = 0
  #isArmed = false
  #isStopped = false

  constructor(coordinator: Coordinator, clock: Clock) {
    this.#coordinator = coordinator
    this.#clock = clock
    coordinator.observe({ changed: () => this.#arm() })
  }

  add(end: StreamEnd, access: StreamAccess): void {
    this.#ends.set(end, { readAtMs: this.#clock.nowMs(), access })
    end.onClose(() => this.#ends.delete(end))
    end.text(JSON.stringify(access.seen(this.#coordinator.view())))
  }

  stop(): void {
    this.#isStopped = true
  }

  #arm(): void {
    if (this.#isArmed || this.#isStopped || this.#ends.size === 0) return
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
    for (const [end, watcher] of this.#ends) {
      if (end.bufferedBytes < watcherBytesMax) {
        watcher.readAtMs = nowMs
        const seen = watcher.access.seen(view)
        end.text(seen === view ? text : JSON.stringify(seen))
      } else if (nowMs - watcher.readAtMs > 60_000) end.drop()
    }
  }
}

interface Watcher {
  readAtMs: number
  readonly access: StreamAccess
}
