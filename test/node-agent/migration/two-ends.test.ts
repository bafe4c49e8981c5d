// Never two running copies, never none: source and destination stepped against each other, the link
// cut at every message, the migration cancelled at every step, the work done in every order.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asCommandId } from '#proto/ids.ts'
import { planOf, type Twist, TwoEnds } from './two-ends.ts'

const begin = (purpose: 'migrate' | 'clone', twist?: Twist) =>
  new TwoEnds(planOf(purpose, { independent: true }), twist)

/** How many deliveries an undisturbed one takes. */
function length(purpose: 'migrate' | 'clone'): number {
  const ends = begin(purpose)
  let steps = 0
  for (; !ends.isOver; steps++) ends.step()
  return steps
}

/**
 * The coordinator's rule: a prepared copy whose source gave up runs, anything else is discarded.
 */
function resolve(ends: TwoEnds): void {
  if (ends.sourceReleased && !ends.destinationRuns && ends.destinationPrepared) {
    ends.destinationRuns = true
    ends.tellDestination({ on: 'settled' })
    ends.tellSource({ on: 'settled', verdict: 'runs-there' })
  } else if (ends.sourceReleased && ends.destinationRuns && !ends.sourceDestroyed) {
    ends.tellSource({ on: 'settled', verdict: 'runs-there' })
  }
}

const runners = (ends: TwoEnds) => Number(ends.sourceRuns) + Number(ends.destinationRuns)

describe('a migration', () => {
  test('an undisturbed one: pause, prove, release, run, destroy', () => {
    const ends = begin('migrate').run()
    expect(ends.story).toEqual([
      ...['paused', 'prepared', 'released', 'running', 'destroyed', 'answer done'],
    ])
    expect(ends.results[0]?.record).toMatchObject({ hash: '0123456789abcdef', pages: 2049 })
  })

  test('rounds go on while the rest is too much for the downtime allowed', () => {
    const ends = begin('migrate', { dirtyPages: [2_000_000, 900_000, 300_000, 1000] }).run()
    expect(ends.source.rounds.map((round) => round.dirtyPages).slice(0, 2)).toEqual([
      2_000_000, 900_000,
    ])
    expect(ends.destinationRuns).toBe(true)
  })

  test('what is sent while it stands still takes as long as it takes', () => {
    const ends = new TwoEnds(planOf('migrate', { mode: 'stop-and-copy' }))
    while (ends.source.phase !== 'finishing') ends.step()
    ends.nowMs = 3_600_000
    ends.tellSource({ on: 'woken' })
    expect(ends.run().story).toContain('answer done')
  })

  test('a VM that will not converge stays where it is', () => {
    const ends = begin('migrate', { dirtyPages: Array(40).fill(100_000_000) }).run()
    expect(ends.story).toContain('answer not-converging')
    expect(ends.story).toContain('discarded')
    expect(ends.story).not.toContain('paused')
  })

  test('a copy that differs is discarded, and the VM goes on at the source', () => {
    const ends = begin('migrate', { hashThere: 'ffffffffffffffff' }).run()
    expect(ends.story).toEqual(['paused', 'discarded', 'resumed', 'answer hash-mismatch'])
  })

  test('a destination that may not start keeps the copy, and both wait for the coordinator', () => {
    const ends = begin('migrate', { startFails: true }).run()
    expect(ends.story).toEqual(['paused', 'prepared', 'released', 'doubt'])
    resolve(ends)
    expect(ends.destinationRuns).toBe(true)
    expect(ends.story.at(-1)).toBe('answer done')
  })

  test('cut at every message: after the coordinator has spoken, one copy runs', () => {
    for (let at = 1; at <= length('migrate'); at++) {
      const ends = begin('migrate')
      for (let n = 0; n < at; n++) ends.step()
      ends.cut()
      ends.run()
      resolve(ends)
      expect(runners(ends), `cut after ${at}: ${ends.story.join(', ')}`).toBe(1)
      expect(ends.results, `cut after ${at}`).toHaveLength(1)
    }
  })

  test('cancelled at every step: it is cancelled or done, never both', () => {
    for (let at = 0; at <= length('migrate'); at++) {
      const ends = begin('migrate')
      for (let n = 0; n < at; n++) ends.step()
      const commandId = asCommandId('cancel')
      const fault = { code: 'cancelled', message: 'asked' } as const
      ends.tellSource({ on: 'cancel', commandId, fault })
      ends.run()
      resolve(ends)
      const answer = ends.results.find((result) => result.commandId === commandId)
      expect(answer?.fault?.code ?? 'done', ends.story.join(', ')).toBe(
        ends.destinationRuns ? 'wrong-state' : 'done',
      )
      expect(runners(ends), `cancelled after ${at}: ${ends.story.join(', ')}`).toBe(1)
    }
  })

  test('law: in any order of things, cut anywhere: at most one runs, in the end one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(3), { minLength: 1, maxLength: 40 }),
        fc.option(fc.nat(30)),
        fc.array(fc.constantFrom(0, 10, 100_000, 3_000_000), { maxLength: 6 }),
        (choices, cutAfter, dirtyPages) => {
          const ends = begin('migrate', { dirtyPages })
          for (let n = 0; n < (cutAfter ?? 0); n++) ends.step(choices[n % choices.length])
          if (cutAfter !== null) ends.cut()
          ends.run(choices)
          resolve(ends)
          expect(runners(ends), ends.story.join(', ')).toBe(1)
          expect(ends.results).toHaveLength(1)
        },
      ),
    )
  })

  test('a VM that is lost (fenced, crashed) is not resumed by its migration', () => {
    for (let at = 0; at <= length('migrate'); at++) {
      const ends = begin('migrate')
      for (let n = 0; n < at; n++) ends.step()
      if (ends.sourceReleased) break
      const before = ends.story.length
      ends.sourceRuns = false
      ends.tellSource({ on: 'vm-lost', fault: { code: 'lease-lost', message: 'fenced' } })
      ends.run()
      expect(ends.story.slice(before)).not.toContain('resumed')
      expect(ends.destinationRuns).toBe(false)
    }
  })

  test('every wait ends: a source whose destination falls silent gives up by its clock', () => {
    for (let at = 0; at < length('migrate'); at++) {
      const ends = begin('migrate')
      for (let n = 0; n < at; n++) ends.step()
      // There the sender's own watch gives up.
      if (['copying', 'finishing'].includes(ends.source.phase)) continue
      ends.nowMs += 60_001
      ends.tellSource({ on: 'woken' })
      expect(['ended', 'in-doubt'], `after ${at}`).toContain(ends.source.phase)
    }
  })
})

describe('post-copy', () => {
  const plan = planOf('migrate', { mode: 'post-copy' })
  const tooMuch = { dirtyPages: Array(4).fill(100_000_000) }
  const leave = (twist: Twist = {}) => new TwoEnds(plan, { ...tooMuch, ...twist })

  test('an undisturbed one: it runs there, is served, and is destroyed here when all is there', () => {
    const ends = leave().run()
    expect(ends.story).toEqual([
      ...['paused', 'prepared', 'released', 'running', 'serving', 'destroyed', 'answer done'],
    ])
    expect(ends.results[0]?.record?.postCopy).toMatchObject({ pages: 3, reconnections: 0 })
    expect(ends.source.rounds).toHaveLength(2)
  })

  test('a VM whose rest is small enough needs none', () => {
    const ends = leave({ dirtyPages: [10] }).run()
    expect(ends.story).not.toContain('serving')
    expect(ends.results[0]?.record).not.toHaveProperty('postCopy')
  })

  test('pages that were damaged end the VM there, and nothing runs here', () => {
    const ends = leave({ damaged: true }).run()
    expect(ends.story.slice(-3)).toEqual(['destroyed', 'answer hash-mismatch', 'lost'])
    expect(runners(ends)).toBe(0)
  })

  test('a source that never comes back: the VM there waits, and then says that it is lost', () => {
    const ends = leave()
    while (ends.source.phase !== 'serving') ends.step()
    ends.tellDestination({ on: 'link-closed', reason: 'cut' })
    ends.nowMs += 29_000
    ends.tellDestination({ on: 'woken' })
    expect(ends.story).not.toContain('lost')
    ends.nowMs += 2000
    ends.tellDestination({ on: 'woken' })
    expect(ends.story.at(-1)).toBe('lost')
  })

  test('law: cut anywhere, again and again: one runs in the end, with all of its pages', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(3), { minLength: 1, maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 5 }),
        (choices, cuts) => {
          const ends = leave()
          for (const steps of cuts) {
            for (let n = 0; n < steps; n++) ends.step(choices[n % choices.length])
            ends.cut()
          }
          ends.run(choices)
          resolve(ends)
          const told = ends.story.join(', ')
          expect(runners(ends), told).toBe(1)
          expect(ends.results, told).toHaveLength(1)
          if (ends.destinationRuns) expect(ends.requestsLeft, told).toBeLessThanOrEqual(0)
          if (ends.sourceReleased) expect(ends.story, told).not.toContain('resumed')
        },
      ),
      { seed: 4, numRuns: 2000 },
    )
  })

  test('on command, at any moment: at once, or too late; never twice, never lost', () => {
    const commandId = asCommandId('hasten')
    for (let at = 1; at < 60; at++) {
      const ends = begin('migrate', { dirtyPages: Array(60).fill(100_000_000) })
      for (let n = 0; n < at && !ends.isOver; n++) ends.step()
      ends.tellSource({ on: 'post-copy', commandId })
      ends.run()
      const [answers, ended] = [
        ends.results.filter((result) => result.commandId === commandId),
        ends.results.filter((result) => result.commandId !== commandId),
      ]
      expect(answers, `after ${at}`).toHaveLength(1)
      expect(ended, `after ${at}`).toHaveLength(1)
      expect(runners(ends), `after ${at}: ${ends.story.join(', ')}`).toBe(1)
      if (!answers[0]?.fault) expect(ends.story).toContain('serving')
    }
  })

  test('a destination that is too old for it is not offered it', () => {
    const ends = leave()
    ends.tellSource({ on: 'linked', protocolVersion: 1 })
    expect(ends.results[0]?.fault?.code).toBe('version-mismatch')
  })
})

/** Of a clone whose pages come later. */
const fork = (twist?: Twist) => new TwoEnds(planOf('clone'), twist)

describe('a clone whose pages come later', () => {
  test('starts when it is proven, while its parent goes on, and ends when it is whole', () => {
    const ends = fork().run()
    expect(ends.story).toEqual(['forked', 'prepared', 'running', 'answer done'])
    expect([ends.sourceRuns, ends.sourceDestroyed]).toEqual([true, false])
    expect(ends.results[0]?.record).toMatchObject({ postCopy: { pages: 3, reconnections: 0 } })
  })

  test('cut at every message: it is whole over the next link, or was never begun', () => {
    const whole = fork()
    let steps = 0
    for (; !whole.isOver; steps++) whole.step()
    for (let at = 1; at <= steps; at++) {
      const ends = fork()
      for (let n = 0; n < at; n++) ends.step()
      ends.cut()
      ends.run()
      const told = `cut after ${at}: ${ends.story.join(', ')}`
      expect(ends.sourceRuns, told).toBe(true)
      expect(ends.results, told).toHaveLength(1)
      expect(ends.story, told).not.toContain('serving')
      if (ends.destinationRuns) expect(ends.requestsLeft, told).toBeLessThanOrEqual(0)
    }
  })

  test('whose pages were damaged on their way is told, and its parent goes on', () => {
    const ends = fork({ damaged: true }).run()
    expect(ends.results[0]?.fault?.code).toBe('hash-mismatch')
    expect([ends.sourceRuns, ends.sourceDestroyed]).toEqual([true, false])
  })

  test('whose destination is not heard of any more is given up when it must have given up', () => {
    const ends = fork()
    while (ends.source.phase !== 'serving') ends.step()
    ends.cut()
    const gone = { on: 'link-failed', fault: { code: 'link-lost', message: 'nobody' } } as const
    ends.tellSource(gone)
    expect(ends.source.phase).toBe('serving')
    ends.nowMs += 31_000
    ends.tellSource(gone)
    expect(ends.results[0]?.fault?.code).toBe('link-lost')
    expect([ends.source.phase, ends.sourceRuns]).toEqual(['ended', true])
  })

  test('is served on when its parent has ended, and cannot be cancelled any more', () => {
    const ends = fork()
    while (ends.source.phase !== 'serving') ends.step()
    ends.tellSource({ on: 'vm-lost', fault: { code: 'guest-crashed', message: 'it has ended' } })
    const fault = { code: 'cancelled', message: 'by the test' } as const
    ends.tellSource({ on: 'cancel', fault, commandId: asCommandId('cancel') })
    ends.run()
    expect(ends.story.filter((line) => line.startsWith('answer'))).toEqual([
      ...['answer wrong-state', 'answer done'],
    ])
  })
})

describe('a clone', () => {
  test('the parent goes on when its last page is staged, the clones when proven', () => {
    const ends = begin('clone').run()
    expect(ends.story).toEqual(['paused', 'resumed', 'prepared', 'running', 'answer done'])
    expect(ends.results[0]?.record?.downtimeMs).toBeGreaterThan(0)
  })

  test('cut at every message: the parent runs on', () => {
    for (let at = 1; at <= length('clone'); at++) {
      const ends = begin('clone')
      for (let n = 0; n < at; n++) ends.step()
      ends.cut()
      ends.run()
      expect(ends.sourceRuns, `cut after ${at}: ${ends.story.join(', ')}`).toBe(true)
      expect(ends.story).not.toContain('released')
      expect(ends.results).toHaveLength(1)
    }
  })
})
