// Laws of the scheduler, over random crowds of VMs on a pCPU whose time passes only by what they
// do: each gets what its shares and its cap give it, and nobody waits for ever.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Script } from '../scripted-core.ts'
import { instructionsPerMs, PcpuRig, periodic } from './pcpu-rig.ts'

const shares = fc.integer({ min: 256, max: 8192 })
const ticksPerMs = 10_000
const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0)
const ranMs = (rig: PcpuRig, vmId: string) => rig.stats(vmId).ranMs

/** Naps of random length after work of random length, each VM by its own numbers. */
const napper = fc.record({
  workMs: fc.double({ min: 0.01, max: 5, noNaN: true }),
  napMs: fc.double({ min: 0.01, max: 20, noNaN: true }),
  cpuShares: shares,
})
const napping = ({ workMs, napMs }: { workMs: number; napMs: number }): Script => {
  const instructions = Math.ceil(workMs * instructionsPerMs)
  let left = instructions
  const sleep = periodic(0, Math.ceil(napMs * ticksPerMs))
  return (core, budget) => {
    const now = Math.min(left, budget)
    core.retire(now)
    left -= now
    if (left > 0) return 0
    left = instructions
    return sleep(core, budget)
  }
}

describe('shares', () => {
  test('law: VMs that never rest share a second by their weights', () => {
    fc.assert(
      fc.property(fc.array(shares, { minLength: 1, maxLength: 12 }), (weights) => {
        const rig = new PcpuRig()
        for (const [n, cpuShares] of weights.entries()) rig.start(`vm-${n}`, { cpuShares })
        rig.runMs(1000)
        for (const [n, weight] of weights.entries()) {
          const dueMs = (1000 * weight) / sum(weights)
          // Two slices, and what finding out the length of a slice takes.
          expect(Math.abs(ranMs(rig, `vm-${n}`) - dueMs)).toBeLessThan(0.02 * dueMs + 2.5)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('law: among VMs that nap, one that never rests gets no less than its share', () => {
    const crowd = fc.array(napper, { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(crowd, shares, (nappers, cpuShares) => {
        const scripts = Object.fromEntries(nappers.map((how, n) => [`nap-${n}`, napping(how)]))
        const rig = new PcpuRig({ scripts })
        rig.start('busy', { cpuShares })
        for (const [n, { cpuShares }] of nappers.entries()) rig.start(`nap-${n}`, { cpuShares })
        rig.runMs(1000)
        const dueMs = (1000 * cpuShares) / (cpuShares + sum(nappers.map((how) => how.cpuShares)))
        expect(ranMs(rig, 'busy')).toBeGreaterThan(0.97 * dueMs - 3)
        // And nothing is left lying: somebody always wants to run.
        const allMs = sum(nappers.map((_, n) => ranMs(rig, `nap-${n}`))) + ranMs(rig, 'busy')
        expect(allMs).toBeGreaterThan(999)
      }),
      { numRuns: 60 },
    )
  })

  test('a VM whose lease did not hold has no claim to that time when it does again', () => {
    const rig = new PcpuRig()
    rig.start('leased', { leased: true })
    rig.start('free')
    rig.leaseUntilMs = 0
    rig.runMs(1000)
    rig.leaseUntilMs = Infinity
    const before = ranMs(rig, 'free')
    rig.runMs(100)
    expect(Math.abs(ranMs(rig, 'free') - before - 50)).toBeLessThan(3)
  })
})

describe('caps', () => {
  test('law: in no 100 ms does a VM have more than its cap and a slice', () => {
    const caps = fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(caps, fc.array(napper, { maxLength: 4 }), (percents, nappers) => {
        const scripts = Object.fromEntries(nappers.map((how, n) => [`vm-${n}`, napping(how)]))
        const rig = new PcpuRig({ scripts })
        for (const [n, cpuCapPercent] of percents.entries()) rig.start(`vm-${n}`, { cpuCapPercent })
        rig.runMs(50)
        const had = percents.map(() => [] as number[])
        for (let step = 0; step < 40; step++) {
          for (const [n] of percents.entries()) had[n]?.push(ranMs(rig, `vm-${n}`))
          rig.runMs(10)
        }
        for (const [n, percent] of percents.entries()) {
          const windows = had[n]?.slice(10).map((ms, at) => ms - (had[n]?.[at] ?? 0)) ?? []
          expect(Math.max(...windows)).toBeLessThan(percent + 1.3)
        }
      }),
      { numRuns: 40 },
    )
  })

  test.each([3, 25, 60, 97])(
    'a VM that never rests gets its %i percent, to a percent',
    (percent) => {
      const rig = new PcpuRig()
      rig.start('capped', { cpuCapPercent: percent })
      rig.runMs(1000)
      expect(Math.abs(ranMs(rig, 'capped') / 10 - percent)).toBeLessThan(1)
    },
  )

  test('one that has overdrawn a low cap goes on at once when the cap is lifted', () => {
    const slow = { isOver: false }
    // A device access that lasts 20 ms, as a write to a busy disk does.
    const script: Script = (core, budget) => {
      core.retire(slow.isOver ? budget : 20 * instructionsPerMs)
      slow.isOver = true
      return 0
    }
    const rig = new PcpuRig({ scripts: { throttled: script } })
    rig.start('throttled', { cpuCapPercent: 2 })
    rig.runMs(30)
    const before = ranMs(rig, 'throttled')
    rig.do({ do: 'weigh', vmId: 'throttled', cpuShares: 1024, cpuCapPercent: 100 })
    rig.runMs(100)
    expect(ranMs(rig, 'throttled') - before).toBeGreaterThan(95)
  })
})

describe('waking', () => {
  test.each([1, 8, 40])('a VM that mostly sleeps runs next, among %i that never rest', (busies) => {
    let woke = 0
    let latestMs = 0
    const dueTicks: number[] = []
    const everySoOften: Script = (core, budget) => {
      const nowTicks = core.hooks.timeTicks()
      const due = dueTicks.pop()
      if (due !== undefined) latestMs = Math.max(latestMs, (nowTicks - due) / ticksPerMs)
      woke++
      // Each tenth of its fair share.
      const napTicks = 2 * (busies + 1) * ticksPerMs
      const exit = periodic(20_000, napTicks)(core, budget)
      dueTicks.push(core.timerTicks)
      return exit
    }
    const rig = new PcpuRig({ scripts: { person: everySoOften } })
    for (let n = 0; n < busies; n++) rig.start(`busy-${n}`)
    rig.runMs(100)
    rig.start('person')
    rig.runMs(1000)
    expect(woke).toBeGreaterThan(1000 / (2 * (busies + 2)) - 2)
    expect(latestMs).toBeLessThan(1.5)
  })

  test('nobody starves: of a hundred VMs of any weight each has its turn again and again', () => {
    const rig = new PcpuRig()
    let longestMs = 0
    for (let n = 0; n < 100; n++) rig.start(`vm-${n}`, { cpuShares: n % 10 === 0 ? 256 : 1024 })
    let before = rig.stats('vm-0')
    let waitedMs = 0
    for (let step = 0; step < 4000; step++) {
      rig.runMs(1)
      const now = rig.stats('vm-0')
      waitedMs = now.instructions === before.instructions ? waitedMs + 1 : 0
      longestMs = Math.max(longestMs, waitedMs)
      before = now
    }
    // A quarter of the weight: every fourth round of 92 ms.
    expect(longestMs).toBeLessThan(2 * 4 * 92.5)
  })
})

describe('a crowd that sleeps', () => {
  test('leaves a busy VM its whole pCPU, and wakes it for nothing', () => {
    const idle = periodic(1000, 10_000 * ticksPerMs)
    const names = Array.from({ length: 1000 }, (_, n) => `idle-${n}`)
    const scripts = Object.fromEntries(names.map((name) => [name, idle]))
    const rig = new PcpuRig({ scripts })
    for (const name of names) rig.start(name)
    rig.start('busy')
    rig.runMs(100)
    const before = ranMs(rig, 'busy')
    rig.runMs(1000)
    expect(ranMs(rig, 'busy') - before).toBeGreaterThan(995)
  })

  test('is woken in batches, however their alarms lie', () => {
    const naps = Array.from({ length: 200 }, (_, n) => periodic(10, (5 + n / 100) * ticksPerMs))
    const scripts = Object.fromEntries(naps.map((nap, n) => [`vm-${n}`, nap]))
    const rig = new PcpuRig({ scripts })
    for (const vmId of Object.keys(scripts)) rig.start(vmId)
    rig.runMs(100)
    let sleeps = 0
    const untilMs = rig.host.ms + 1000
    while (rig.host.ms < untilMs) {
      const sleepMs = rig.pcpu.run()
      if (sleepMs > 0) sleeps++
      rig.host.ms += sleepMs
    }
    expect(sleeps).toBeLessThan(2000)
  })
})
