// The balloon as the agent's thread has it: a command, and what the stats say. The guest's driver
// is played by hand, with its rings in the script's RAM.

import { describe, expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import {
  balloonSlot,
  plicRegion,
  ramGpa,
  virtioIrq,
  virtioRegion,
} from '#engine/devices/memory-map.ts'
import type { Script, ScriptedCore } from '../scripted-core.ts'
import { PcpuRig } from './pcpu-rig.ts'

const { gpa } = virtioRegion(balloonSlot)
const featureStats = 1 << 1
const [queueAt, statsAt] = [0x1000, 0x4000]
const [availAt, usedAt] = [0x1400, 0x1800]

const set = (core: ScriptedCore, register: number, value: number) =>
  core.hooks.mmioWrite(gpa + register, 4, BigInt(value))
const get = (core: ScriptedCore, register: number) => Number(core.hooks.mmioRead(gpa + register, 4))

function startDriver(core: ScriptedCore): void {
  // tidy: data table
  const writes = [
    [0x70, 3],
    [0x20, featureStats],
    [0x24, 1],
    [0x20, 1],
    [0x70, 11],
    [0x30, 2],
    [0x38, 8],
    [0x80, ramGpa + queueAt],
    [0x90, ramGpa + availAt],
    [0xa0, ramGpa + usedAt],
    [0x44, 1],
    [0x70, 15],
  ] as const
  for (const [register, value] of writes) set(core, register, value)
}

/** Interrupts of the device reach S-mode (PLIC specification: priorities, enables, context 1). */
function enableInterrupt({ hooks }: ScriptedCore): void {
  const irq = virtioIrq(balloonSlot)
  hooks.mmioWrite(plicRegion.gpa + 4 * irq, 4, 1n)
  hooks.mmioWrite(plicRegion.gpa + 0x2080, 4, 1n << BigInt(irq))
}

/** Takes the interrupt and says that it is dealt with. */
function endInterrupt({ hooks }: ScriptedCore): void {
  const claimed = hooks.mmioRead(plicRegion.gpa + 0x20_1004, 4) ?? 0n
  hooks.mmioWrite(plicRegion.gpa + 0x20_1004, 4, claimed)
}

/** Lends the one buffer of statistics for the n-th time. */
function tellFree(core: ScriptedCore, n: number, freeBytes: bigint): void {
  const { ram } = core
  ram.view.setUint16(statsAt, 4, true)
  ram.view.setBigUint64(statsAt + 2, freeBytes, true)
  ram.view.setBigUint64(queueAt, BigInt(ramGpa + statsAt), true)
  ram.view.setUint32(queueAt + 8, 10, true)
  ram.view.setUint16(availAt + 4 + 2 * (n % 8), 0, true)
  ram.view.setUint16(availAt + 2, n + 1, true)
  core.hooks.mmioWrite(gpa + 0x50, 4, 2n)
}

/** Tells of its memory when asked, each time of a byte less, and gives up what it is to. */
/** @param hangs from then on it only burns time. */
function ballooning(hangs = () => false): Script {
  let told = 0
  const tell = (core: ScriptedCore) => tellFree(core, told++, BigInt(5001 - told))
  return (core, budget) => {
    if (hangs()) {
      core.retire(budget)
      return Exit.budget
    }
    core.retire(1000)
    if (told === 0) {
      startDriver(core)
      enableInterrupt(core)
      tell(core)
    } else if (get(core, 0x60) & 1) {
      tell(core)
    }
    set(core, 0x104, get(core, 0x100))
    set(core, 0x64, 3)
    endInterrupt(core)
    return Exit.wfi
  }
}

describe('a balloon', () => {
  test('moves as the guest runs, even one that was idle', () => {
    const rig = new PcpuRig({ scripts: { a: ballooning() } })
    rig.start('a')
    rig.runMs(5)
    expect(rig.do({ do: 'balloon', vmId: 'a', targetPages: 40 })).toEqual({ actualPages: 0 })
    expect(rig.stats('a')).toMatchObject({ balloonTargetPages: 40, balloonPages: 0 })
    rig.runMs(5)
    expect(rig.stats('a')).toMatchObject({ balloonTargetPages: 40, balloonPages: 40 })
  })

  test('of a VM that stands still is not to be moved', () => {
    const rig = new PcpuRig({ scripts: { a: ballooning() } })
    rig.start('a')
    rig.do({ do: 'pause', vmId: 'a' })
    const command = { do: 'balloon', vmId: 'a', targetPages: 40 } as const
    expect(rig.pcpu.handle(command)).toMatchObject({ message: expect.stringContaining('paused') })
    expect(rig.stats('a').balloonTargetPages).toBe(0)
  })
})

describe('what a guest says of its memory', () => {
  test('is asked for now and then, not each time that somebody looks', () => {
    const rig = new PcpuRig({ scripts: { a: ballooning() } })
    rig.start('a')
    expect(rig.stats('a').memoryUse).toBeUndefined()
    rig.runMs(5)
    expect(rig.stats('a').memoryUse?.freeBytes).toBe(5000)
    for (let second = 0; second < 25; second++) {
      rig.runMs(1000)
      rig.stats('a')
    }
    rig.runMs(5)
    expect(rig.stats('a').memoryUse?.freeBytes).toBe(5000 - 3)
  })

  test('under clock `instructions` is what it said by itself: nobody’s look changes a run', () => {
    const rig = new PcpuRig({ scripts: { a: ballooning() } })
    rig.start('a', { clock: 'instructions' })
    rig.runMs(5)
    for (let second = 0; second < 25; second++) {
      rig.runMs(1000)
      rig.stats('a')
    }
    expect(rig.stats('a').memoryUse?.freeBytes).toBe(5000)
  })
})

describe('a guest that hangs', () => {
  const secondsOf = (rig: PcpuRig, seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      rig.runMs(1000)
      rig.do({ do: 'stats' })
    }
  }
  const ends = ({ events }: PcpuRig) => events.filter(({ on }) => on === 'stopped')

  test('ends as one that crashed, when its heartbeat is over', () => {
    let isHung = false
    const rig = new PcpuRig({ scripts: { a: ballooning(() => isHung), b: ballooning() } })
    rig.start('a', { heartbeatMs: 3000 })
    rig.start('b', { heartbeatMs: 3000 })
    secondsOf(rig, 20)
    expect(ends(rig)).toEqual([])
    isHung = true
    secondsOf(rig, 6)
    const detail = expect.stringContaining('has not answered for 3000 ms')
    expect(ends(rig)).toEqual([{ on: 'stopped', vmId: 'a', reason: 'crashed', detail }])
  })

  test('may do so for ever without one', () => {
    let isHung = false
    const rig = new PcpuRig({ scripts: { a: ballooning(() => isHung) } })
    rig.start('a')
    secondsOf(rig, 12)
    isHung = true
    secondsOf(rig, 60)
    expect(ends(rig)).toEqual([])
  })

  test('is not one that stood still meanwhile: it answers when it goes on', () => {
    const rig = new PcpuRig({ scripts: { a: ballooning() } })
    rig.start('a', { heartbeatMs: 3000 })
    secondsOf(rig, 5)
    rig.do({ do: 'pause', vmId: 'a' })
    secondsOf(rig, 60)
    rig.do({ do: 'resume', vmId: 'a' })
    secondsOf(rig, 20)
    expect(ends(rig)).toEqual([])
  })
})
