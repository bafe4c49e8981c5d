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
