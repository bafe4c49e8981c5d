// How a migration will go, before it begins: the rounds of pre-copy played through by the very
// rules that will be followed (stop-rule.ts, stuck.ts), on the VM's dirty-page curve and on what
// the link was measured to carry. Played three times: as expected, with a faster link and a calmer
// guest, and the other way round; these two are the error bars. Pure. Pages of 4,096 bytes, ms.
// Source of the idea: Akoush et al., "Predicting the Performance of Virtual Machine Migration",
// MASCOTS 2010 (there: the history of dirty pages, replayed).

import { z } from 'zod'
import type { MigrationParams } from '../message-parts.ts'
import { pageBytes } from '../units.ts'
import { type CurvePoint, pagesWithin } from './dirty-curve.ts'
import { decideAfterRound, type RoundMeasured, switchoverOverheadMs } from './stop-rule.ts'
import { patienceOf, remedyFor } from './stuck.ts'

export interface ForecastInput {
  readonly curve: readonly CurvePoint[]
  /** Pages that are not zero: what the first round has to carry. */
  readonly contentPages: number
  readonly link: LinkSeen
  readonly params: MigrationParams
  /** What the VM has of a core before it is slowed down. */
  readonly percent: number
}

/** What a link carries of pages' content, and how far off it may be: 0.5 is half as much again. */
export interface LinkSeen {
  readonly bytesPerMs: number
  readonly spread: number
  /** What a switchover costs besides its pages. */
  readonly switchoverMs: number
}

/** Nothing was measured yet: anything from a slow network to a fast loopback. */
export const linkUnknown: LinkSeen = {
  ...{ bytesPerMs: 300_000, spread: 1 },
  switchoverMs: 2 * switchoverOverheadMs,
}

/** As expected, and the error bars. */
export const Range = z.strictObject({ expected: z.number(), low: z.number(), high: z.number() })
export type Range = z.infer<typeof Range>

export const ways = ['converges', 'stopped', 'slowed-down', 'post-copy', 'given-up'] as const
export type Way = (typeof ways)[number]

export const Forecast = z.strictObject({
  /** `hopeless`: it would be given up, even if all went well. */
  verdict: z.enum(['fits', 'doubtful', 'hopeless']),
  /** How it is expected to come to its end. */
  way: z.enum(ways),
  rounds: Range,
  bytes: Range,
  totalMs: Range,
  downtimeMs: Range,
})
export type Forecast = z.infer<typeof Forecast>

/** A round costs an answer of the other end and a look at the log besides its pages. */
const roundOverheadMs = 3
/** Both ends get ready: a link, a machine. */
const beginningMs = 15
/** How far off a curve may be: guests change their minds. */
const curveSpread = 0.25

export function forecast(input: ForecastInput): Forecast {
  const { spread } = input.link
  const expected = play(input, 1, 1)
  const well = play(input, 1 + spread, 1 - curveSpread)
  const badly = play(input, 1 / (1 + spread), 1 + curveSpread)
  const range = (of: (played: Played) => number): Range => {
    const all = [expected, well, badly].map(of)
    return { expected: all[0] ?? 0, low: Math.min(...all), high: Math.max(...all) }
  }
  const isGivenUp = ({ way }: Played) => way === 'given-up'
  const doubtful = isGivenUp(expected) || isGivenUp(badly)
  return {
    verdict: isGivenUp(well) ? 'hopeless' : doubtful ? 'doubtful' : 'fits',
    way: expected.way,
    rounds: range(({ rounds }) => rounds),
    bytes: range(({ bytes }) => bytes),
    totalMs: range(({ totalMs }) => totalMs),
    downtimeMs: range(({ downtimeMs }) => downtimeMs),
  }
}

interface Played {
  readonly way: Way
  readonly rounds: number
  readonly bytes: number
  readonly totalMs: number
  readonly downtimeMs: number
}

/** One migration in thought. */
function play(input: ForecastInput, linkFactor: number, dirtyFactor: number): Played {
  const game = new Game(input, linkFactor, dirtyFactor)
  if (input.params.mode === 'stop-and-copy') return game.stopAndCopy()
  for (;;) {
    const end = game.round()
    if (end !== undefined) return game.end(end)
  }
}

class Game {
  readonly #input: ForecastInput
  readonly #bytesPerMs: number
  readonly #switchoverMs: number
  readonly #dirtyFactor: number
  readonly #rounds: (RoundMeasured & { readonly pages: number })[] = []
  #pages: number
  #bytes = 0
  #ms = beginningMs
  #percent: number
  #limitFactor = 1
  #sinceRound = 0

  constructor(input: ForecastInput, linkFactor: number, dirtyFactor: number) {
    const limit = input.params.bandwidthBytesPerSecMax / 1000
    const carried = input.link.bytesPerMs * linkFactor
    this.#input = input
    this.#bytesPerMs = limit > 0 ? Math.min(limit, carried) : carried
    this.#dirtyFactor = dirtyFactor
    // What makes a link slow makes a switchover slow: a busy machine.
    this.#switchoverMs = input.link.switchoverMs / linkFactor
    this.#pages = input.contentPages
    this.#percent = input.percent
  }

  /** The next round; then how it ends, or undefined: it goes on. */
  round(): Way | undefined {
    const bytes = this.#pages * pageBytes
    const ms = bytes / this.#bytesPerMs + roundOverheadMs
    const dirtyPages = this.#dirtied(ms)
    this.#rounds.push({ pages: this.#pages, bytes, ms, dirtyPages })
    this.#bytes += bytes
    this.#ms += ms
    this.#pages = dirtyPages
    return this.#judge()
  }

  stopAndCopy(): Played {
    return { ...this.end('stopped'), totalMs: this.#ms + this.#restMs(), rounds: 1 }
  }

  end(way: Way): Played {
    const rest = this.#pages * pageBytes
    const isGone = way === 'post-copy' || way === 'given-up'
    const downtimeMs = way === 'given-up' ? 0 : isGone ? this.#switchoverMs : this.#restMs()
    const bytes = way === 'given-up' ? this.#bytes : this.#bytes + rest
    // Of post-copy the last pages come after the switchover; they are part of its time.
    const fetchMs = way === 'post-copy' ? rest / this.#bytesPerMs : 0
    const totalMs = this.#ms + downtimeMs + fetchMs
    const rounds = this.#rounds.length + (way === 'given-up' ? 0 : 1)
    return { way, rounds, bytes, totalMs, downtimeMs }
  }

  #restMs(): number {
    return (this.#pages * pageBytes) / this.#bytesPerMs + this.#switchoverMs
  }

  /** A VM that is slowed down writes as much in a longer time. */
  #dirtied(ms: number): number {
    const speed = (this.#percent / this.#input.percent) * this.#dirtyFactor
    return Math.min(pagesWithin(this.#input.curve, ms * speed), this.#input.contentPages)
  }

  #judge(): Way | undefined {
    const { params } = this.#input
    const { verdict, isBearable, expectedDowntimeMs } = this.#decide()
    const isSlowed = this.#percent < this.#input.percent
    if (verdict === 'stop') return isSlowed ? 'slowed-down' : 'converges'
    if (params.mode === 'post-copy') return isBearable ? 'converges' : 'post-copy'
    if (verdict === 'again') return undefined
    const { downtimeMsMax, roundsMax, whenStuck: policy } = params
    const stuck = { policy, downtimeMsMax, roundsMax, expectedDowntimeMs, rounds: this.#rounds }
    return this.#mend(
      remedyFor({
        ...{ ...stuck, percent: this.#percent, fullPercent: this.#input.percent },
        limitFactor: this.#limitFactor,
      }),
    )
  }

  #decide() {
    const { params } = this.#input
    const downtimeMsMax = params.downtimeMsMax * this.#limitFactor
    const patienceRounds = patienceOf(params.whenStuck)
    const { roundsMax } = params
    const limits = { downtimeMsMax, roundsMax, patienceRounds, sinceRound: this.#sinceRound }
    return decideAfterRound(this.#rounds, limits)
  }

  #mend(remedy: ReturnType<typeof remedyFor>): Way | undefined {
    switch (remedy.do) {
      case 'stop':
        return 'stopped'
      case 'give-up':
        return 'given-up'
      case 'post-copy':
        return 'post-copy'
      case 'raise-limit':
        this.#limitFactor = remedy.factor
        return this.#decide().verdict === 'stop' ? 'stopped' : undefined
      case 'throttle':
        this.#percent = remedy.percent
        this.#sinceRound = this.#rounds.length - 1
        return undefined
    }
  }
}
