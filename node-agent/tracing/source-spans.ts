// The source of a migration or clone as spans, one a phase, made of what its step machine is after
// each step: offer, round 0, round 1 …, stop-and-copy, verify, switchover. Pure: a state in, spans
// out. Not here: the machine (migration/source.ts), the span that they are parts of (trail.ts).

import type { SpanAttributes } from '#env/env.ts'
import type { OpenSpan } from '#env/spans.ts'
import type { SourceEffect, SourcePhase, SourceState } from '../migration/source-state.ts'

/** Phases that are one to whoever looks; a round is three, and has its number. */
const names: Record<SourcePhase, string | undefined> = {
  connecting: 'offer',
  offering: 'offer',
  copying: 'round',
  applying: 'round',
  looking: 'round',
  stopping: 'stop-and-copy',
  finishing: 'stop-and-copy',
  forking: 'fork',
  promised: 'verify',
  proving: 'verify',
  released: 'switchover',
  'in-doubt': 'in doubt',
  serving: 'post-copy',
  ended: undefined,
}

export class SourceSpans {
  readonly #whole: OpenSpan
  #span: OpenSpan | undefined
  #name: string | undefined = 'offer'
  #round = 0

  constructor(whole: OpenSpan, nowMs: number) {
    this.#whole = whole
    this.#span = whole.child('offer', { atMs: nowMs })
  }

  /** After each step. */
  see(state: SourceState, nowMs: number, effects: readonly SourceEffect[]): void {
    const isRound = names[state.phase] === 'round'
    if (names[state.phase] === this.#name && (!isRound || state.round === this.#round)) return
    const fault = faultIn(state, effects)
    this.#span?.end({ atMs: nowMs, fault, attributes: this.#attributes(state) })
    this.#begin(state, nowMs)
  }

  #begin({ phase, round }: SourceState, atMs: number): void {
    const name = names[phase]
    this.#name = name
    this.#round = round
    const title = name === 'round' ? `round ${round}` : name
    this.#span = title === undefined ? undefined : this.#whole.child(title, { atMs })
  }

  /** What is known at the end of a phase. */
  #attributes({ rounds, served, marks, downtimeMs }: SourceState): SpanAttributes {
    switch (this.#name) {
      case 'round':
      case 'stop-and-copy':
        return roundAttributes(rounds.findLast(({ round }) => round === this.#round))
      case 'verify':
        return {
          'godwit.state_ms': marks.stateMs ?? 0,
          'godwit.verification_ms': marks.verificationMs ?? 0,
        }
      case 'switchover':
        return { 'godwit.downtime_ms': downtimeMs }
      case 'post-copy':
        return { 'godwit.pages': served.pages, 'godwit.bytes': served.bytes }
      default:
        return {}
    }
  }
}

function roundAttributes(record: SourceState['rounds'][number] | undefined): SpanAttributes {
  if (!record) return {}
  const { round, pages, zeroPages, bytes, dirtyPages } = record
  return {
    ...{ 'godwit.round': round, 'godwit.pages': pages, 'godwit.zero_pages': zeroPages },
    ...{ 'godwit.bytes': bytes, 'godwit.dirty_pages': dirtyPages },
  }
}

function faultIn({ plan }: SourceState, effects: readonly SourceEffect[]): string | undefined {
  for (const effect of effects)
    if (effect.do === 'answer' && effect.commandId === plan.commandId) return effect.fault?.message
  return undefined
}
