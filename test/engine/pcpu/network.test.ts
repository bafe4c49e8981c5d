// A pCPU between its VMs' network devices and the agent: frames go both ways in batches, wake who
// sleeps, never touch who stands still; and a guest that floods is carried at its line's speed.

import { expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import { netSlot, plicRegion, ramGpa, virtioIrq, virtioRegion } from '#engine/devices/memory-map.ts'
import type { VirtioMmio } from '#engine/devices/virtio-mmio.ts'
import { receiveQueue, transmitQueue } from '#engine/devices/virtio-net.ts'
import { VirtioDriver } from '../devices/virtio-driver.ts'
import type { Script, ScriptedCore } from '../scripted-core.ts'
import { PcpuRig } from './pcpu-rig.ts'

const { gpa } = virtioRegion(netSlot)
const [sendAt, receiveAt] = [0x8000, 0x10000]
const frame = new Uint8Array(60).fill(7)
const queues = 2
const hasDriver = true

const plicAt = {
  priority: plicRegion.gpa + 4 * virtioIrq(netSlot),
  enabled: plicRegion.gpa + 0x2080,
  claim: plicRegion.gpa + 0x20_1004,
}

/** A guest with a driver for its card. */
class Guest {
  readonly core: ScriptedCore
  readonly sender: VirtioDriver

  constructor(core: ScriptedCore) {
    this.core = core
    const registers = {
      read: (offset: number, size: number) => Number(core.hooks.mmioRead(gpa + offset, size)),
      write: (offset: number, size: number, value: number) =>
        core.hooks.mmioWrite(gpa + offset, size, BigInt(value)),
    }
    const driver = new VirtioDriver(registers as unknown as VirtioMmio, core.ram)
    driver.start(1 << 5, queues)
    core.hooks.mmioWrite(plicAt.priority, 4, 1n)
    core.hooks.mmioWrite(plicAt.enabled, 4, BigInt(1 << virtioIrq(netSlot)))
    const receiver = driver.queue(receiveQueue)
    receiver.chain([{ at: receiveAt, bytes: 1530, write: true }])
    receiver.offer(0)
    this.sender = driver.queue(transmitQueue)
    core.ram.bytes.set(frame, sendAt + 12)
    this.sender.describe(0, ramGpa + sendAt, 72, 0)
  }

  /** Takes the interrupt, if there is one. */
  interrupted(): boolean {
    const { hooks, external } = this.core
    if (!external) return false
    const source = hooks.mmioRead(plicAt.claim, 4) ?? 0n
    hooks.mmioWrite(gpa + 0x64, 4, 1n)
    hooks.mmioWrite(plicAt.claim, 4, source)
    return true
  }
}

/** Sets its card up in its first slice, then does `each` in all others. */
function guest(each: (guest: Guest) => Exit): Script {
  let made: Guest | undefined
  return (core) => {
    core.retire(1000)
    if (made) return each(made)
    made = new Guest(core)
    return Exit.budget
  }
}

const network = { network: true } as const

test('what a guest sends in a slice leaves in one piece, and what comes wakes it', () => {
  let [sent, woken] = [false, 0]
  const rig = new PcpuRig({
    scripts: {
      a: guest((guest) => {
        if (guest.interrupted() && sent) woken++
        if (!sent) for (let n = 0; n < 2; n++) guest.sender.offer(0)
        sent = true
        return Exit.wfi
      }),
    },
  })
  rig.start('a', network)
  rig.runMs(10)
  const events = rig.events.filter(({ on }) => on === 'frames')
  expect(events).toEqual([{ on: 'frames', vmId: 'a', frames: [frame, frame], lost: 0 }])
  const before = woken
  expect(rig.do({ do: 'frames', vmId: 'a', frames: [frame] })).toEqual({ taken: 1, hasDriver })
  rig.runMs(10)
  expect(woken).toBe(before + 1)
  expect(rig.cores.get('a')?.ram.bytes.slice(receiveAt + 12, receiveAt + 72)).toEqual(frame)
})

test('a VM that stands still gets nothing: its RAM may be on its way to another node', () => {
  const rig = new PcpuRig({ scripts: { a: guest(() => Exit.wfi) } })
  rig.start('a', network)
  rig.runMs(10)
  rig.do({ do: 'pause', vmId: 'a' })
  expect(rig.do({ do: 'frames', vmId: 'a', frames: [frame] })).toEqual({ taken: 0, hasDriver })
  expect(rig.cores.get('a')?.ram.bytes[receiveAt + 12]).toBe(0)
})

test('a VM without a network takes none, nor one without a driver, and neither is woken', () => {
  const rig = new PcpuRig({ scripts: { a: () => Exit.wfi, b: () => Exit.wfi } })
  rig.start('a')
  rig.start('b', network)
  rig.runMs(10)
  for (const vmId of ['a', 'b']) {
    const before = rig.stats(vmId).ranMs
    const answer = rig.do({ do: 'frames', vmId, frames: [frame] })
    expect(answer).toEqual({ taken: 0, hasDriver: false })
    rig.runMs(10)
    expect(rig.stats(vmId).ranMs).toBe(before)
  }
})

test('a guest that sends all the time is carried at the speed of its line', () => {
  const rig = new PcpuRig({
    scripts: {
      a: guest(({ sender }) => {
        for (let n = 0; n < 8; n++) sender.offer(0)
        return Exit.budget
      }),
    },
  })
  rig.start('a', network)
  rig.start('neighbour')
  rig.runMs(1000)
  const sent = rig.events.reduce(
    (sum, event) => sum + (event.on === 'frames' ? event.frames.length : 0),
    0,
  )
  // 32,000 a second, and what the line takes at once.
  expect(sent).toBeGreaterThan(20_000)
  expect(sent).toBeLessThan(35_000)
  expect(rig.stats('neighbour').ranMs).toBeGreaterThan(450)
})
