// The destination of a migration or clone as spans, one a phase: incoming, verify, prepared,
// resume, and in post-copy the pages that come after. Pure: a state in, spans out. Not here: the
// machine (migration/destination.ts), the span that they are parts of (trail.ts).

import type { OpenSpan } from '#env/spans.ts'
import type {
  DestinationEffect,
  DestinationPhase,
  DestinationState,
} from '../migration/destination-state.ts'

const names: Record<DestinationPhase, string | undefined> = {
  incoming: 'incoming',
  restoring: 'verify',
  prepared: 'prepared',
  starting: 'resume',
  paging: 'fetch pages',
  whole: 'fetch pages',
  ended: undefined,
}

export class DestinationSpans {
  readonly #whole: OpenSpan
  #phase: DestinationPhase = 'incoming'
  #span: OpenSpan | undefined

  constructor(whole: OpenSpan, nowMs: number) {
    this.#whole = whole
    this.#span = whole.child('incoming', { atMs: nowMs })
  }

  /** After each step. */
  see(state: DestinationState, nowMs: number, effects: readonly DestinationEffect[]): void {
    if (state.phase === this.#phase) return
    const [before, name] = [names[this.#phase], names[state.phase]]
    this.#phase = state.phase
    if (before === name) return
    const end = { atMs: nowMs, fault: faultIn(effects) }
    this.#span?.end(end)
    this.#span = name === undefined ? undefined : this.#whole.child(name, { atMs: nowMs })
    if (name === undefined) this.#whole.end(end)
  }
}

function faultIn(effects: readonly DestinationEffect[]): string | undefined {
  for (const effect of effects) {
    if (effect.do === 'discard' || effect.do === 'lose') return effect.fault.message
    if (effect.do === 'send' && effect.message.t === 'abort') return effect.message.fault.message
  }
  return undefined
}
