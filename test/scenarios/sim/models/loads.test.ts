// What a model asks of its CPU: constants, waves, traces; and who gets how much when all ask at
// once.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type LoadStairs, loadStairs } from '#scenarios/sim/models/load-stairs.ts'
import { shareOut } from '#scenarios/sim/models/share-out.ts'
import { readTraces } from '#scenarios/sim/models/traces.ts'
import type { ModelLoad } from '#scenarios/sim/models/vm-model.ts'

const traces = readTraces('quiet-vm,2,3,2\nbusy-vm,80,90,100\n')

function stairs(load: ModelLoad, ownPhase = 0): LoadStairs {
  const made = loadStairs(load, traces, ownPhase)
  if ('code' in made) throw new Error(made.message)
  return made
}

test('a trace has a sample every five minutes, and begins again', () => {
  const { percentAt, stepAfter } = stairs({ is: 'trace', trace: 'busy-vm', fromMs: 0 })
  expect([0, 299_999, 300_000, 600_000, 900_000].map(percentAt)).toEqual([80, 80, 90, 100, 80])
  expect([0, 299_999, 300_000].map(stepAfter)).toEqual([300_000, 300_000, 600_000])
})

test('a trace that nobody knows is a fault that names it', () => {
  expect(loadStairs({ is: 'trace', trace: 'lost', fromMs: 0 }, traces, 0)).toMatchObject({
    message: expect.stringContaining('lost'),
  })
})

test.each(['vm,2,x,3', 'vm', 'vm,2,101', 'vm,-1', 'vm,1.5'])('%s is no trace', (line) => {
  expect(() => readTraces(`good,1,2\n${line}\n`)).toThrow(/line 2/)
})

test('a wave goes round its mean, each VM with its own phase', () => {
  const load = { is: 'wave', meanPercent: 40, swingPercent: 30, periodMs: 9_600_000 } as const
  const [one, other] = [stairs(load), stairs(load, 0.5)]
  expect(one.percentAt(2_400_000)).toBeCloseTo(70)
  expect(other.percentAt(2_400_000)).toBeCloseTo(10)
  expect(one.stepAfter(0)).toBe(100_000)
})

const asking = fc.record({ percent: fc.nat(100), shares: fc.integer({ min: 1, max: 10_000 }) })

test('CPU is given away to the last, and nobody gets more than they ask for', () => {
  fc.assert(
    fc.property(fc.array(asking, { minLength: 1 }), fc.nat(400), (all, capacity) => {
      const got = shareOut(all, capacity)
      const sum = (of: number[]) => of.reduce((a, b) => a + b, 0)
      for (const [at, { percent }] of all.entries()) expect(got[at]).toBeLessThanOrEqual(percent)
      const wanted = sum(all.map(({ percent }) => percent))
      expect(sum(got)).toBeCloseTo(Math.min(wanted, capacity))
    }),
  )
})

test('who gets less than they ask for gets as much for a share as anybody', () => {
  const [hungry, modest, double] = [
    { percent: 100, shares: 1 },
    { percent: 10, shares: 1 },
    { percent: 100, shares: 2 },
  ]
  expect(shareOut([hungry, modest, double], 100)).toEqual([30, 10, 60])
})
