// A protected VM's deadline on its pCPU: nothing of it retires past that, nothing wakes it, and it
// goes on at once when it is moved. Time passes only by instructions and by the pCPU's sleep.

import { describe, expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import type { VmConfig } from '#engine/vm-config.ts'
import { busy, type Script } from '../scripted-core.ts'
import { PcpuRig, periodic } from './pcpu-rig.ts'

/** A rig whose VM `a` notes when it ran last, in host ms: at the end of the run. */
function watchedRig(script: Script, more: Partial<VmConfig> = {}, others: readonly string[] = []) {
  const seen = { runs: 0, lastMs: 0 }
  const rig: PcpuRig = new PcpuRig({
    scripts: {
      a: (core, budget) => {
        const before = core.retired
        const exit = script(core, budget)
        seen.runs++
        seen.lastMs = rig.host.ms + (core.retired - before) / 100_000
        return exit
      },
    },
  })
  rig.start('a', more)
  for (const vmId of others) rig.start(vmId)
  return { rig, seen }
}

const allow = (rig: PcpuRig, untilMs: number) => rig.do({ do: 'allow', vmId: 'a', untilMs })

describe('no instruction retires past the deadline, and all before it may', () => {
  const clocks = ['real', 'instructions'] as const
  test.each(clocks)('of a busy VM, under clock %s', (clock) => {
    const { rig, seen } = watchedRig(busy, { clock })
    rig.runMs(50)
    for (const ms of [0.3, 10, 7.77]) {
      const untilMs = rig.host.ms + ms
      allow(rig, untilMs)
      rig.runMs(ms + 30)
      expect(seen.lastMs).toBeLessThanOrEqual(untilMs)
      expect(seen.lastMs).toBeGreaterThan(untilMs - 0.2)
    }
  })

  test.each(clocks)('of one that naps: its alarms do not wake it, under clock %s', (clock) => {
    const { rig, seen } = watchedRig(periodic(1000, 20_000), { clock })
    rig.runMs(50)
    const untilMs = rig.host.ms + 9
    allow(rig, untilMs)
    rig.runMs(100)
    expect(seen.lastMs).toBeLessThanOrEqual(untilMs)
    expect(seen.lastMs).toBeGreaterThan(untilMs - 4)
    const { runs } = seen
    allow(rig, Infinity)
    rig.runMs(20)
    expect(seen.runs).toBeGreaterThan(runs + 5)
  })

  test('of a capped one', () => {
    const { rig, seen } = watchedRig(busy, { cpuCapPercent: 20 })
    rig.runMs(100)
    const untilMs = rig.host.ms + 50
    allow(rig, untilMs)
    const { ranMs } = rig.stats('a')
    rig.runMs(100)
    expect(seen.lastMs).toBeLessThanOrEqual(untilMs)
    expect(Math.abs(rig.stats('a').ranMs - ranMs - 10)).toBeLessThan(2)
  })

  test('of one whose turn comes only when it has passed', () => {
    const { rig, seen } = watchedRig(busy, {}, ['b', 'c'])
    rig.runMs(30)
    const untilMs = rig.host.ms + 5
    allow(rig, untilMs)
    rig.host.ms += 4.99 // the thread was late
    const { runs } = seen
    rig.runMs(50)
    expect(seen.runs).toBe(runs)
  })
})

test('whether a VM needs the lease can change while it is ready, either way', () => {
  const { rig, seen } = watchedRig(busy, { leased: true }, ['b'])
  rig.leaseUntilMs = 0
  rig.runMs(10)
  expect(seen.runs).toBe(0)
  rig.do({ do: 'set-lease', vmId: 'a', leased: false })
  const { ranMs } = rig.stats('a')
  rig.runMs(100)
  expect(Math.abs(rig.stats('a').ranMs - ranMs - 50)).toBeLessThan(2)
  rig.do({ do: 'set-lease', vmId: 'a', leased: true })
  const { runs } = seen
  rig.runMs(20)
  expect(seen.runs).toBe(runs)
  rig.leaseUntilMs = Infinity
  rig.runMs(20)
  expect(seen.runs).toBeGreaterThan(runs)
})

describe('a VM that is held by its deadline', () => {
  test('goes on at once when it is moved into the future, time and again', () => {
    const { rig, seen } = watchedRig(busy)
    for (let n = 0; n < 5; n++) {
      const before = seen.runs
      allow(rig, rig.host.ms + 2)
      rig.pcpu.run()
      const { runs } = seen
      expect(runs).toBeGreaterThan(before)
      rig.host.ms += 5
      rig.pcpu.run()
      expect(rig.pcpu.run()).toBe(Infinity) // it costs no sleepless waiting
      expect(seen.runs).toBe(runs)
    }
    const { runs } = seen
    allow(rig, rig.host.ms - 1)
    rig.runMs(10)
    expect(seen.runs).toBe(runs)
  })

  test('is not woken by input, nor by a look at its balloon; and finds the input later', () => {
    const asleep: Script = () => Exit.wfi
    const { rig, seen } = watchedRig(asleep)
    rig.pcpu.run()
    allow(rig, rig.host.ms)
    const before = seen.runs
    const answer = rig.do({ do: 'input', vmId: 'a', offset: 0, bytes: Uint8Array.of(65) })
    expect(answer).toEqual({ accepted: 1 })
    rig.do({ do: 'balloon', vmId: 'a', targetPages: 1 })
    rig.do({ do: 'frames', vmId: 'a', frames: [new Uint8Array(60)] })
    expect(rig.pcpu.run()).toBe(Infinity)
    expect(seen.runs).toBe(before)
    allow(rig, Infinity)
    expect(rig.pcpu.run()).toBe(0)
  })

  test('is not gone on with by a resume, and a paused one stays paused when it is moved', () => {
    const { rig, seen } = watchedRig(busy)
    rig.do({ do: 'pause', vmId: 'a' })
    allow(rig, rig.host.ms)
    rig.do({ do: 'resume', vmId: 'a' })
    rig.runMs(5)
    expect(seen.runs).toBe(0)
    rig.do({ do: 'pause', vmId: 'a' })
    allow(rig, Infinity)
    rig.runMs(5)
    expect(seen.runs).toBe(0)
    rig.do({ do: 'resume', vmId: 'a' })
    rig.runMs(5)
    expect(seen.runs).toBeGreaterThan(0)
  })

  test('can be captured when it is paused', () => {
    const { rig } = watchedRig(busy)
    allow(rig, rig.host.ms + 3)
    rig.runMs(10)
    rig.do({ do: 'pause', vmId: 'a' })
    expect(rig.do({ do: 'capture', vmId: 'a' }).sections.length).toBeGreaterThan(0)
  })

  test('leaves its time to the others', () => {
    const { rig } = watchedRig(busy, {}, ['b', 'c'])
    rig.runMs(30)
    allow(rig, rig.host.ms)
    const [b, c] = [rig.stats('b').ranMs, rig.stats('c').ranMs]
    rig.runMs(100)
    expect(Math.abs(rig.stats('b').ranMs - b - 50)).toBeLessThan(2)
    expect(Math.abs(rig.stats('c').ranMs - c - 50)).toBeLessThan(2)
    // It has no claim to the time in which it was held.
    const a = rig.stats('a').ranMs
    allow(rig, Infinity)
    rig.runMs(99)
    expect(Math.abs(rig.stats('a').ranMs - a - 33)).toBeLessThan(3)
  })

  test('a deadline that is no number is refused', () => {
    const { rig } = watchedRig(busy)
    expect(() => allow(rig, Number.NaN)).toThrow('deadline')
  })
})
