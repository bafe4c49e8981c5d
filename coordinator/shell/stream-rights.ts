// Who may have a stream, and for how long: asked at the gate before it is opened, and again and
// again while it is open: logged out, expired, revoked, not the owner any more. Whatever carries
// the streams (sockets.ts; the simulated world has none). Not here: what streams carry
// (client-streams.ts), who may do what (guard.ts). Times in ms.

import type { Cancel, Clock } from '#env/env.ts'
import { type Identity, may } from '#proto/accounts.ts'
import type { ClusterView, Problem } from '#proto/api.ts'
import type { Coordinator } from '../coordinator.ts'
import type { Importer } from '../templates/signatures.ts'
import type { Route, StreamAccess } from './client-streams.ts'
import { type Caller, type Gate, problemOfDenial } from './guard.ts'
import { problemOf } from './problems.ts'

/** How long an end of a right may go unnoticed that nobody told us of: an expiry, a new owner. */
const lookMs = 500

const keyOf = ({ kind, hasLinks, vmId }: Route) =>
  kind === 'sights' && (hasLinks || vmId === '') ? 'WS links' : `WS ${kind}`
const askedOf = ({ vmId, name }: Route) => ({
  params: name === undefined ? { id: vmId } : { name },
})

/** Why this stream is not for who asks for it; undefined: it is. */
export function whyNot(gate: Gate, route: Route, caller: Caller): Problem | undefined {
  const admitted = gate.admit(caller, keyOf(route))
  if ('denied' in admitted) return problemOfDenial(admitted)
  const denied = gate.judge(keyOf(route), admitted.who, askedOf(route))
  return denied && problemOf(denied)
}

export function accessOf(gate: Gate, caller: Caller): StreamAccess {
  const sight = () => {
    const who = gate.again(caller)
    return who && gate.sight(who)
  }
  return {
    seen: (view) => sight()?.cluster(view) ?? nothingOf(view),
    mayType: (vmId) => sight()?.mayOn('type', vmId) ?? false,
    importer: () => importerOf(gate.again(caller), gate.isOpen),
  }
}

function importerOf(who: Identity | undefined, isOpen: boolean): Importer {
  const owner = who?.role === 'person' ? who.name : undefined
  const mayTrust = isOpen || (who !== undefined && may(who, 'run-cluster'))
  return { by: who?.name || undefined, owner, mayTrust }
}

/** Of who may not look any more, and whose stream has not been closed yet. */
function nothingOf({ quotas: _, groups: __, ...view }: ClusterView): ClusterView {
  return { ...view, nodes: [], vms: [], migrations: [], events: [], rules: [] }
}

/** An open stream, as far as it can be taken away. */
export interface HeldStream {
  onClose(fn: () => void): void
  /** It ends, and nothing that its client still says is heard. */
  forbid(): void
}

/** Looks again and again whether those who have a stream may still have it. */
export class StreamRights {
  readonly #ports: { gate: Gate; coordinator: Coordinator; clock: Clock }
  readonly #held = new Map<HeldStream, () => boolean>()
  #nextLook: Cancel | undefined

  constructor(ports: { gate: Gate; coordinator: Coordinator; clock: Clock }) {
    this.#ports = ports
    ports.gate.onChange(() => this.#look())
  }

  watch(stream: HeldStream, route: Route, caller: Caller): void {
    const { gate, coordinator } = this.#ports
    const who = gate.again(caller)
    if (['console', 'screen'].includes(route.kind) && who?.name) {
      const how = who.limits ? `somebody, by a token or link of ${who.name},` : who.name
      const text = `${how} has opened the ${route.kind} of ${route.vmId}`
      coordinator.ask({ do: 'note', text, vmId: route.vmId }, who.name)
    }
    this.#held.set(
      stream,
      () => gate.judge(keyOf(route), gate.again(caller), askedOf(route)) === undefined,
    )
    stream.onClose(() => this.#held.delete(stream))
    this.#arm()
  }

  stop(): void {
    this.#nextLook?.()
  }

  /** As long as there is a stream. */
  #arm(): void {
    const { clock } = this.#ports
    if (this.#nextLook || this.#held.size === 0) return
    this.#nextLook = clock.wakeAt(clock.nowMs() + lookMs, () => {
      this.#nextLook = undefined
      this.#look()
      this.#arm()
    })
  }

  #look(): void {
    for (const [stream, mayStill] of this.#held) {
      if (mayStill()) continue
      this.#held.delete(stream)
      stream.forbid()
    }
  }
}
