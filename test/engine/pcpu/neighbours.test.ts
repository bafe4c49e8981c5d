// What a guest may cost its neighbours and its node: a slice of time, a serial line at its speed.

import { describe, expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import { finisherRegion, uartRegion } from '#engine/devices/memory-map.ts'
import { TestDisk } from '../machine-rig.ts'
import type { Script } from '../scripted-core.ts'
import { PcpuRig } from './pcpu-rig.ts'

describe('a VM whose work is slow', () => {
  /** Each call takes a tenth of a ms, and retires one instruction. */
  const caller = (rig: () => PcpuRig): Script => {
    return (core) => {
      rig().host.ms += 0.1
      core.retire(1)
      return Exit.sbi
    }
  }

  test('by calls or devices has its turn no longer than others', () => {
    const rig: PcpuRig = new PcpuRig({ scripts: { a: caller(() => rig) } })
    rig.start('a')
    const before = rig.host.ms
    rig.pcpu.run()
    expect(rig.host.ms - before).toBeLessThan(1.2)
  })

  test('after having been fast has one slice that is too long, not many', () => {
    let perInstructionMs = 0
    const rig: PcpuRig = new PcpuRig({
      scripts: {
        a: (core, budget) => {
          rig.host.ms += budget * perInstructionMs
          core.retire(budget)
          return Exit.budget
        },
      },
    })
    rig.start('a')
    rig.runMs(100)
    perInstructionMs = 0.0001
    rig.pcpu.run()
    const before = rig.host.ms
    rig.pcpu.run()
    expect(rig.host.ms - before).toBeLessThan(2)
  })
})

describe('a VM that never gives the thread back by itself', () => {
  /** What it does in a slice, and what that takes. */
  const offenders: Record<string, (host: { ms: number }) => Script> = {
    'loops with interrupts off': () => (core, budget) => {
      core.setTimer(0n)
      core.retire(budget)
      return Exit.budget
    },
    'traps in a loop, and retires nothing': (host) => (_core, budget) => {
      host.ms += budget * 0.0001
      return Exit.budget
    },
    'fences in a loop, 5 us each': (host) => (core, budget) => {
      host.ms += budget * 0.005
      core.retire(budget)
      return Exit.budget
    },
    'has a disk do 64 KiB after every few instructions': (host) => (core) => {
      host.ms += 0.03
      core.retire(5)
      return Exit.requested
    },
    'asks for input that never comes, by polling': () => (core, budget) => {
      const asked = Math.min(budget, 32)
      for (let n = 0; n < asked; n++) core.hooks.mmioRead(uartRegion.gpa + 5, 1)
      core.retire(asked)
      return core.exitRequested ? Exit.requested : Exit.budget
    },
    'naps for no time at all': () => (core) => {
      core.retire(3)
      core.setTimer(BigInt(core.hooks.timeTicks()))
      return Exit.wfi
    },
  }

  test.each(Object.keys(offenders))('one that %s has its share, and its neighbour too', (name) => {
    const rig: PcpuRig = new PcpuRig({
      scripts: { bad: (core, budget) => offenders[name]?.(rig.host)(core, budget) ?? Exit.budget },
    })
    rig.start('bad')
    // It takes some slices to find out how slow one is.
    rig.runMs(200)
    rig.start('good')
    const untilMs = rig.host.ms + 1000
    let longestMs = 0
    for (let lastRanMs = rig.host.ms; rig.host.ms < untilMs; ) {
      const { instructions } = rig.stats('good')
      const sleepMs = rig.pcpu.run()
      rig.host.ms += sleepMs
      if (rig.stats('good').instructions > instructions) lastRanMs = rig.host.ms
      longestMs = Math.max(longestMs, rig.host.ms - lastRanMs)
    }
    expect(rig.stats('good').ranMs).toBeGreaterThan(480)
    // Two slices of the other, and its own.
    expect(longestMs).toBeLessThan(3.2)
  })
})

describe('a VM that is loud', () => {
  test('a guest that never stops writing is carried at the speed of its line', () => {
    const flood: Script = (core) => {
      for (let n = 0; n < 10_000; n++) core.hooks.mmioWrite(uartRegion.gpa, 1, 0n)
      core.retire(1000)
      return Exit.budget
    }
    /** A byte at a time, and a nap whose alarm is past already. */
    const drops: Script = (core) => {
      core.hooks.mmioWrite(uartRegion.gpa, 1, 0n)
      core.retire(100)
      core.setTimer(0n)
      return Exit.wfi
    }
    const rig = new PcpuRig({ scripts: { flood, drops } })
    for (const vmId of ['flood', 'drops', 'good']) rig.start(vmId)
    rig.runMs(1000)
    const pieces = (vmId: string) =>
      rig.events.flatMap((event) =>
        event.on === 'output' && event.vmId === vmId ? [event.bytes.length] : [],
      )
    const mebibytes = pieces('flood').reduce((sum, bytes) => sum + bytes, 0) / (1 << 20)
    expect(mebibytes).toBeGreaterThan(3.5)
    expect(mebibytes).toBeLessThan(4.5)
    expect(pieces('drops').length).toBeLessThan(9000)
    expect(rig.stats('good').ranMs).toBeGreaterThan(800)
  })
})

test('a disk that cannot even be closed ends its VM alone', () => {
  const powersOff: Script = (core) => {
    core.hooks.mmioWrite(finisherRegion.gpa, 4, 0x5555n)
    return Exit.requested
  }
  const broken = new TestDisk(4096)
  broken.close = () => {
    throw new Error('EIO')
  }
  const rig = new PcpuRig({ scripts: { a: powersOff }, openDisk: () => broken })
  rig.start('a', { disk: { sizeBytes: 4096, layers: ['disk'] } })
  rig.start('good')
  rig.runMs(20)
  expect(rig.events).toMatchObject([{ on: 'stopped', vmId: 'a', reason: 'shut-down' }])
  expect(rig.stats('good').ranMs).toBeGreaterThan(10)
})
