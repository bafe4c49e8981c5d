// What a guest learns of the time in which it was ready to run and others did (SBI 2.0, chapter
// 16), on a pCPU whose time passes only by instructions.

import { describe, expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { busy, type Script } from '../scripted-core.ts'
import { PcpuRig, periodic } from './pcpu-rig.ts'

const areaAt = 0x2000

/** Asks for its stolen time first of all, and then does as the script says. */
function accounting(script: Script): Script {
  let hasAsked = false
  return (core, budget) => {
    if (hasAsked) return script(core, budget)
    hasAsked = true
    core.setX(17, 0x535441n)
    core.setX(10, BigInt(ramGpa + areaAt))
    core.retire(1)
    return Exit.sbi
  }
}

const stolenMs = (rig: PcpuRig, vmId: string) =>
  Number(rig.cores.get(vmId)?.ram.view.getBigUint64(areaAt + 8, true)) / 1e6

describe('stolen time', () => {
  test('two busy guests take half of the time from each other', () => {
    const scripts = { a: accounting(busy), b: accounting(busy) }
    const rig = new PcpuRig({ scripts })
    for (const vmId of ['a', 'b']) rig.start(vmId)
    rig.runMs(400)
    for (const vmId of ['a', 'b']) expect(Math.abs(stolenMs(rig, vmId) - 200)).toBeLessThan(5)
  })

  test('a guest alone, and one that sleeps, are stolen from as good as nothing', () => {
    const alone = new PcpuRig({ scripts: { a: accounting(busy) } })
    alone.start('a')
    alone.runMs(300)
    expect(stolenMs(alone, 'a')).toBeLessThan(2)
    const sleeping = new PcpuRig({ scripts: { a: accounting(periodic(1000, 100_000)) } })
    sleeping.start('a')
    sleeping.runMs(300)
    expect(stolenMs(sleeping, 'a')).toBeLessThan(2)
  })

  test('what a cap keeps from a guest is stolen too', () => {
    const rig = new PcpuRig({ scripts: { a: accounting(busy) } })
    rig.start('a', { cpuCapPercent: 25 })
    rig.runMs(1000)
    const { ranMs } = rig.stats('a')
    expect(ranMs).toBeLessThan(400)
    expect(Math.abs(stolenMs(rig, 'a') + ranMs - 1000)).toBeLessThan(80)
  })

  test.each([40, 50, 80])(
    'of %i % of a core the rest is stolen, and none of it twice',
    (percent) => {
      const rig = new PcpuRig({ scripts: { a: accounting(busy) } })
      rig.start('a', { cpuCapPercent: percent })
      rig.runMs(1000)
      expect(Math.abs(stolenMs(rig, 'a') + rig.stats('a').ranMs - 1000)).toBeLessThan(5)
    },
  )

  test('what a deadline keeps from a guest is stolen too', () => {
    const rig = new PcpuRig({ scripts: { a: accounting(busy) } })
    rig.start('a')
    rig.runMs(20)
    const before = stolenMs(rig, 'a')
    rig.do({ do: 'allow', vmId: 'a', untilMs: rig.host.ms + 10 })
    rig.runMs(110)
    rig.do({ do: 'allow', vmId: 'a', untilMs: Infinity })
    rig.runMs(10)
    expect(Math.abs(stolenMs(rig, 'a') - before - 100)).toBeLessThan(2)
  })

  test('while it is paused nothing is stolen', () => {
    const rig = new PcpuRig({ scripts: { a: accounting(busy), b: accounting(busy) } })
    for (const vmId of ['a', 'b']) rig.start(vmId)
    rig.runMs(100)
    rig.do({ do: 'pause', vmId: 'a' })
    const before = stolenMs(rig, 'a')
    rig.runMs(500)
    rig.do({ do: 'resume', vmId: 'a' })
    rig.runMs(20)
    expect(stolenMs(rig, 'a') - before).toBeLessThan(30)
  })

  test('under clock `instructions` none is: no time passes for the guest meanwhile', () => {
    const rig = new PcpuRig({ scripts: { a: accounting(busy), b: busy } })
    rig.start('a', { clock: 'instructions' })
    rig.start('b')
    rig.runMs(200)
    expect(stolenMs(rig, 'a')).toBe(0)
  })
})
