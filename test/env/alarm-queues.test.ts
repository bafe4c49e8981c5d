// The virtual clock rings as a list would that is sorted anew each time, however many alarms wait,
// fixed times ahead or anywhere, and whichever of them are cancelled.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Cancel } from '#env/env.ts'
import { VirtualClock } from '#env/memory.ts'

interface Due {
  readonly atMs: number
  readonly name: number
}

/** What waits as a plain list. */
class SortedClock {
  nowMs = 0
  readonly #waiting: Due[] = []

  set(atMs: number, name: number): Cancel {
    const due = { atMs: Math.max(atMs, this.nowMs), name }
    this.#waiting.push(due)
    return () => {
      const at = this.#waiting.indexOf(due)
      if (at >= 0) this.#waiting.splice(at, 1)
    }
  }

  /** Names are numbers in the order of setting. */
  ringNext(): Due | undefined {
    this.#waiting.sort((a, b) => a.atMs - b.atMs || a.name - b.name)
    const due = this.#waiting.shift()
    if (due) this.nowMs = due.atMs
    return due
  }
}

const deed = fc.oneof(
  // As a cluster does: kinds of alarms, each so far ahead.
  fc.record({ do: fc.constant('set'), aheadMs: fc.constantFrom(0, 0.2, 50, 250, 250, 2500) }),
  fc.record({ do: fc.constant('set'), aheadMs: fc.integer({ min: -5, max: 20_000 }) }),
  fc.record({ do: fc.constant('cancel'), at: fc.nat() }),
  fc.record({ do: fc.constant('ring') }),
)

test('law: alarms ring in order of time, then of setting, and cancelled ones never', () => {
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 200, size: 'max' }), (deeds) => {
      const [clock, plain] = [new VirtualClock(), new SortedClock()]
      const rung: Due[] = []
      const cancels: (readonly [Cancel, Cancel])[] = []
      const ring = () => {
        const due = plain.ringNext()
        const before = rung.length
        clock.ringNext()
        expect(rung.slice(before)).toEqual(due ? [due] : [])
        return due
      }
      for (const one of deeds)
        if ('aheadMs' in one) {
          const [atMs, name] = [clock.nowMs() + one.aheadMs, cancels.length]
          const note = () => void rung.push({ atMs: clock.nowMs(), name })
          cancels.push([clock.wakeAt(atMs, note), plain.set(atMs, name)])
        } else if ('at' in one)
          for (const cancel of cancels[one.at % cancels.length] ?? []) cancel()
        else ring()
      while (ring());
      expect(clock.nextAlarmMs).toBeUndefined()
    }),
  )
})
