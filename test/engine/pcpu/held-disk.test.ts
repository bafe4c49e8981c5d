// A VM on its pCPU whose disk writes are held: the store sees them when the agent says so, and not
// before; with too much held it waits; and its end, a change of its disk or a fork loses none.

import { describe, expect, test } from 'vitest'
import { Exit, type PreservedPages } from '#engine/cpu/core-port.ts'
import { applyBatch } from '#engine/devices/held-batch.ts'
import { blockSlot, finisherRegion, virtioRegion } from '#engine/devices/memory-map.ts'
import type { VirtioMmio } from '#engine/devices/virtio-mmio.ts'
import { heldBytesMax } from '#engine/pcpu/vm-disk.ts'
import { VirtioDriver } from '../devices/virtio-driver.ts'
import { TestDisk } from '../machine-rig.ts'
import type { Script, ScriptedCore } from '../scripted-core.ts'
import { PcpuRig } from './pcpu-rig.ts'

const { gpa } = virtioRegion(blockSlot)
const [outRequest, flushRequest] = [1, 4]
const mebibyte = 1 << 20
const pieceBytes = 64 * 1024
const moreThanSlice = 150_000

/** A guest that does one thing with its disk in each slice. */
function writer(each: (driver: VirtioDriver, core: ScriptedCore, slice: number) => void): Script {
  let driver: VirtioDriver | undefined
  let slice = 0
  return (core) => {
    core.retire(moreThanSlice)
    if (driver) each(driver, core, slice++)
    else {
      const registers = {
        read: (offset: number, size: number) => Number(core.hooks.mmioRead(gpa + offset, size)),
        write: (offset: number, size: number, value: number) =>
          core.hooks.mmioWrite(gpa + offset, size, BigInt(value)),
      }
      driver = new VirtioDriver(registers as unknown as VirtioMmio, core.ram)
      driver.start()
    }
    return Exit.budget
  }
}

const powerOff = (core: ScriptedCore) => core.hooks.mmioWrite(finisherRegion.gpa, 4, 0x5555n)
const sector = (fill: number) => new Uint8Array(512).fill(fill)

/** Writes the number of its slice to the sector of that number, and flushes. */
const counting = () =>
  writer((driver, _core, slice) => {
    driver.request(outRequest, slice, sector(slice + 1))
    driver.request(flushRequest, 0, 0)
  })

function heldRig(script: Script, sizeBytes = mebibyte) {
  const opened: TestDisk[] = []
  const openDisk = () => {
    opened.push(new TestDisk(sizeBytes))
    return opened.at(-1) as TestDisk
  }
  const rig = new PcpuRig({ scripts: { a: script }, openDisk })
  const disk = { sizeBytes, layers: ['base', 'top'] }
  const config = rig.config('a', { disk })
  rig.do({ do: 'attach', config, start: 'empty' })
  const run = (slices: number) => {
    for (let n = 0; n < slices; n++) rig.pcpu.run()
  }
  const tell = (command: 'hold-disk' | 'write-held' | 'release-disk' | 'resume' | 'pause') =>
    rig.do({ do: command, vmId: 'a' })
  const take = () => rig.do({ do: 'take-held', vmId: 'a' }).batch
  return { rig, opened, run, tell, take, config }
}

const written = (disk: TestDisk | undefined) => (disk?.bytes ?? []).filter((byte) => byte > 0)
const untouched = (disk: TestDisk | undefined) => written(disk).length === 0

describe('a held disk', () => {
  test('shows the store what was taken, when it is to be written, and the replica the same', () => {
    const { opened, run, tell, take } = heldRig(counting())
    tell('hold-disk')
    tell('resume')
    run(4) // the first sets the card up
    const batch = take()
    run(3)
    const [store] = opened
    expect(untouched(store)).toBe(true)
    expect(store?.flushes).toBe(0)
    tell('write-held')
    const replica = new TestDisk(mebibyte)
    applyBatch(replica, batch)
    expect(store?.bytes).toEqual(replica.bytes)
    expect(written(store).length).toBe(3 * 512)
    tell('write-held')
    expect(store?.bytes).toEqual(replica.bytes)
    tell('release-disk')
    expect(written(store).length).toBe(6 * 512)
    run(1)
    expect(written(store).length).toBe(7 * 512)
  })

  test('can be one that is open and written to: what was before is durable first', () => {
    const { opened, run, tell, take } = heldRig(
      writer((driver, _core, slice) => driver.request(outRequest, slice, sector(9))),
    )
    tell('resume')
    run(3)
    expect(opened[0]?.flushes).toBe(0)
    tell('hold-disk')
    tell('hold-disk')
    expect(opened[0]?.flushes).toBe(1)
    run(2)
    expect(written(opened[0]).length).toBe(2 * 512)
    expect(take().length).toBeGreaterThan(2 * 512)
    expect(take().length).toBe(0)
  })

  test('of a VM without one is nothing to hold, take, write or release', () => {
    const rig = new PcpuRig()
    rig.start('a')
    for (const command of ['hold-disk', 'write-held', 'release-disk'] as const)
      expect(rig.do({ do: command, vmId: 'a' })).toBeUndefined()
    expect(rig.do({ do: 'take-held', vmId: 'a' }).batch).toEqual(new Uint8Array(0))
    rig.runMs(5)
    expect(rig.stats('a').instructions).toBeGreaterThan(0)
  })

  test('that fails or is fenced refuses, keeps what it holds, and can be written later', () => {
    const { rig, opened, run, tell, take } = heldRig(counting())
    tell('hold-disk')
    tell('resume')
    run(3)
    take()
    const store = opened[0] as TestDisk
    store.fails = new Error('epoch 7 has it')
    expect(rig.pcpu.handle({ do: 'write-held', vmId: 'a' })).toEqual(store.fails)
    expect(rig.pcpu.handle({ do: 'release-disk', vmId: 'a' })).toEqual(store.fails)
    store.fails = undefined
    run(1)
    expect(untouched(store)).toBe(true)
    tell('release-disk')
    expect(written(store).length).toBe(3 * 512)
  })

  test('is in no section of a capture', () => {
    const { rig, opened, run, tell, take } = heldRig(counting())
    tell('hold-disk')
    tell('resume')
    run(3)
    tell('pause')
    const { sections } = rig.do({ do: 'capture', vmId: 'a' })
    take()
    expect(rig.do({ do: 'capture', vmId: 'a' }).sections).toEqual(sections)
    expect(untouched(opened[0])).toBe(true)
  })
})

describe('with much held', () => {
  const flood = () =>
    writer((driver, _core, slice) => {
      const at = (slice * pieceBytes) % (48 * mebibyte)
      driver.request(outRequest, at / 512, new Uint8Array(pieceBytes).fill(1))
    })

  test('the agent is told once a batch, and the VM waits until it is taken', () => {
    const { rig, run, tell, take } = heldRig(flood(), 48 * mebibyte)
    rig.start('neighbour', { cpuCapPercent: 1 })
    tell('hold-disk')
    tell('resume')
    const alerts = () => rig.events.filter(({ on }) => on === 'held')
    rig.runMs(1000)
    expect(alerts()).toEqual([{ on: 'held', vmId: 'a', bytes: heldBytesMax / 4 + pieceBytes }])
    const { instructions } = rig.stats('a')
    rig.runMs(100)
    expect(rig.stats('a').instructions).toBe(instructions)
    expect(rig.stats('neighbour').instructions).toBeGreaterThan(0)
    expect(take().length).toBeGreaterThan(heldBytesMax)
    tell('write-held')
    rig.runMs(1000)
    expect(alerts().length).toBe(2)
    const again = rig.stats('a').instructions
    expect(again).toBeGreaterThan(instructions)
    tell('release-disk')
    run(10)
    expect(rig.stats('a').instructions).toBeGreaterThan(again)
  })
})

describe('the end of a guest', () => {
  const dying = () =>
    writer((driver, core, slice) => {
      driver.request(outRequest, slice, sector(slice + 1))
      if (slice === 2) powerOff(core)
    })
  const ended = () => {
    const made = heldRig(dying())
    made.tell('hold-disk')
    made.tell('resume')
    made.run(6)
    expect(made.rig.events).toMatchObject([{ on: 'stopped', reason: 'shut-down' }])
    expect(made.opened[0]?.closed).toBe(false)
    expect(untouched(made.opened[0])).toBe(true)
    return made
  }

  test('neither loses nor writes what is held: that is taken, written and closed after it', () => {
    const { opened, tell, take } = ended()
    const replica = new TestDisk(mebibyte)
    applyBatch(replica, take())
    expect(written(replica).length).toBe(3 * 512)
    tell('release-disk')
    expect(opened[0]?.bytes).toEqual(replica.bytes)
    expect(opened[0]?.closed).toBe(true)
    tell('release-disk')
  })

  test('when it is forgotten instead, the store never sees it', () => {
    const { rig, opened } = ended()
    rig.do({ do: 'detach', vmId: 'a' })
    expect(untouched(opened[0])).toBe(true)
    expect(opened[0]?.closed).toBe(true)
  })
})

describe('other layers', () => {
  const change = { do: 'change-disk', vmId: 'a', layers: ['base', 'top', 'new'], epoch: 2 } as const
  const image = {} as PreservedPages

  test('are refused while something is held, taken or not; then the new top is held', () => {
    const { rig, opened, run, tell, take } = heldRig(counting())
    tell('hold-disk')
    tell('resume')
    run(3)
    tell('pause')
    expect(() => rig.do(change)).toThrow('release-disk')
    take()
    expect(() => rig.do(change)).toThrow('release-disk')
    tell('write-held')
    rig.do(change)
    tell('resume')
    run(2)
    expect(written(opened[0]).length).toBe(2 * 512)
    expect(opened[0]?.closed).toBe(true)
    expect(untouched(opened[1])).toBe(true)
    expect(take().length).toBeGreaterThan(0)
  })

  test('and a fork are refused, and the VM runs on', () => {
    const { rig, run, tell } = heldRig(counting())
    tell('hold-disk')
    tell('resume')
    run(3)
    const { instructions } = rig.stats('a')
    expect(() => rig.do({ do: 'fork', vmId: 'a', image })).toThrow('release-disk')
    run(2)
    expect(rig.stats('a').instructions).toBeGreaterThan(instructions)
    tell('release-disk')
    expect(() => rig.do({ do: 'fork', vmId: 'a', image })).not.toThrow()
  })
})

describe('a batch of another copy', () => {
  const batchOf = (slices: number) => {
    const { run, tell, take } = heldRig(counting())
    tell('hold-disk')
    tell('resume')
    run(slices + 1)
    return take()
  }
  const apply = (batch: Uint8Array) => ({ do: 'apply-batch', vmId: 'a', batch }) as const

  test('is written before the first resume, below what will be held', () => {
    const { rig, opened, tell, take } = heldRig(counting())
    tell('hold-disk')
    rig.do(apply(batchOf(2)))
    rig.do(apply(batchOf(3)))
    expect(opened.length).toBe(1)
    expect(written(opened[0]).length).toBe(3 * 512)
    tell('resume')
    expect(opened.length).toBe(1)
    expect(take().length).toBe(0)
    tell('pause')
    expect(() => rig.do(apply(batchOf(1)))).toThrow('has run here')
  })

  test('is refused by a VM that runs, one without a disk, and one whose disk it is not of', () => {
    const small = heldRig(counting(), 512)
    expect(() => small.rig.do(apply(batchOf(2)))).toThrow('refused, and nothing of it was written')
    expect(untouched(small.opened[0])).toBe(true)
    const rig = new PcpuRig()
    rig.do({ do: 'attach', config: rig.config('a'), start: 'empty' })
    expect(() => rig.do(apply(batchOf(1)))).toThrow('no disk')
    rig.do(apply(new Uint8Array(0)))
    rig.do({ do: 'resume', vmId: 'a' })
    expect(() => rig.do(apply(batchOf(1)))).toThrow('pause it first')
  })
})
