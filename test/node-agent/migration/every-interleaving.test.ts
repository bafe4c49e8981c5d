// Every interleaving of a migration's messages and work, with up to three faults anywhere: cuts,
// alarms that ring too early, a cancel, and a coordinator that decides as soon as it may. The step
// machines are the real ones; what is explored is a graph of states, each visited once.
// Law: never two copies run; and when nothing can happen any more, one does.
// Not here: post-copy, whose links are made anew without end (two-ends.test.ts tries it at random);
// processes that die, and leases (test/coordinator/model, scenarios/sim).

import { expect, test } from 'vitest'
import type { MigrationParams } from '#proto/messages.ts'
import { planOf, TwoEnds } from './two-ends.ts'

/** A number: the next thing of that queue. */
type Act = number | 'cut' | 'source-alarm' | 'destination-alarm' | 'cancel' | 'verdict'
const faults: readonly Act[] = ['cut', 'source-alarm', 'destination-alarm', 'cancel']
const faultsMax = 3

const cancelled = { code: 'cancelled', message: 'somebody asked' } as const

interface Explored {
  readonly states: number
  readonly ends: ReadonlySet<string>
  /** The first way that breaks the law. */
  readonly broken?: { readonly why: string; readonly path: readonly Act[] }
}

/** What the coordinator may decide while the source is in doubt. */
type Coordinator = (ends: TwoEnds) => 'here' | 'there' | undefined

/** The destination's copy is complete, or certainly gone: nothing else may be decided on. */
const careful: Coordinator = ({ destination, destinationRuns }) => {
  if (destinationRuns || destination?.phase === 'prepared') return 'there'
  return !destination || destination.phase === 'ended' ? 'here' : undefined
}

const isInDoubt = ({ source }: TwoEnds): boolean => source.phase === 'in-doubt'

function decide(ends: TwoEnds, verdict: 'here' | 'there'): void {
  // First the end that loses it, or takes it; only then the other one hears of it.
  if (verdict === 'there' && ends.destination && !ends.destinationRuns) {
    ends.tellDestination({ on: 'settled' })
    ends.destinationRuns = true
  }
  if (verdict === 'here') ends.sourceRuns = true
  ends.tellSource({ on: 'settled', verdict: verdict === 'here' ? 'runs-here' : 'runs-there' })
}

function act(ends: TwoEnds, what: Act, coordinator: Coordinator): void {
  if (typeof what === 'number') ends.step(what)
  else if (what === 'cut') ends.cut()
  else if (what === 'cancel') ends.tellSource({ on: 'cancel', fault: cancelled })
  else if (what === 'verdict') {
    const verdict = coordinator(ends)
    if (verdict) decide(ends, verdict)
  } else {
    ends.nowMs += 1_000_000
    if (what === 'source-alarm') ends.tellSource({ on: 'woken' })
    else ends.tellDestination({ on: 'woken' })
  }
}

class Explorer {
  readonly #given: Partial<MigrationParams>
  readonly #coordinator: Coordinator
  readonly #seen = new Set<string>()
  readonly #ends = new Set<string>()

  constructor(given: Partial<MigrationParams>, coordinator: Coordinator) {
    this.#given = given
    this.#coordinator = coordinator
  }

  explore(): Explored {
    const open: (readonly Act[])[] = [[]]
    for (let path = open.pop(); path; path = open.pop()) {
      try {
        const ends = this.#replay(path)
        const faultsLeft = faultsMax - path.filter((one) => faults.includes(one)).length
        if (this.#isNew(ends, faultsLeft)) open.push(...this.#next(ends, path, faultsLeft))
      } catch (error) {
        return { ...this.#told(), broken: { why: String(error), path } }
      }
    }
    return this.#told()
  }

  #told() {
    return { states: this.#seen.size, ends: this.#ends }
  }

  #replay(path: readonly Act[]): TwoEnds {
    const ends = new TwoEnds(planOf('migrate', this.#given), { dirtyPages: [0, 300, 4] })
    for (const what of path) act(ends, what, this.#coordinator)
    return ends
  }

  #isNew(ends: TwoEnds, faultsLeft: number): boolean {
    const key = `${faultsLeft} ${ends.key}`
    if (this.#seen.has(key)) return false
    this.#seen.add(key)
    return true
  }

  #next(ends: TwoEnds, path: readonly Act[], faultsLeft: number): (readonly Act[])[] {
    const may: Act[] = Array.from({ length: ends.choices }, (_, choice) => choice)
    if (isInDoubt(ends) && this.#coordinator(ends)) may.push('verdict')
    if (may.length === 0) this.#end(ends)
    if (faultsLeft > 0) may.push(...faults)
    return may.map((what) => [...path, what])
  }

  #end({ source, destination, sourceRuns, destinationRuns, story }: TwoEnds): void {
    const where = sourceRuns ? 'source' : destinationRuns ? 'destination' : 'nowhere'
    this.#ends.add(where)
    if (where === 'nowhere')
      throw new Error(`no copy runs: ${source.phase}, ${destination?.phase}: ${story.join(', ')}`)
  }
}

const modes: readonly Partial<MigrationParams>[] = [{ mode: 'stop-and-copy' }, { mode: 'pre-copy' }]

for (const given of modes)
  test(`one copy runs, whatever happens: ${given.mode}`, { timeout: 180_000 }, () => {
    const found = new Explorer(given, careful).explore()
    expect(found.broken).toBeUndefined()
    expect(found.states).toBeGreaterThan(800)
    expect([...found.ends].sort()).toEqual(['destination', 'source'])
  })

test('a coordinator that takes silence for an end is found', { timeout: 180_000 }, () => {
  const rash: Coordinator = () => 'here'
  expect(new Explorer({ mode: 'pre-copy' }, rash).explore().broken?.why).toContain('two copies')
})
