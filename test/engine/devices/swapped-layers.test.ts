// A disk that is open gets other layers below its top, with the same in them: its guest must not
// notice, and nothing that it wrote and did not flush may be lost by it. On a pCPU: while it runs.

import { describe, expect, test } from 'vitest'
import { DiskLayer } from '#engine/devices/disk-layer.ts'
import { DiskFencedError, DiskLayerError, openLayeredDisk } from '#engine/devices/layered-disk.ts'
import { MemoryDisk } from '#env/memory.ts'
import { PcpuRig } from '../pcpu/pcpu-rig.ts'
import { watched } from './watched-store.ts'

const sizeBytes = 8 * 4096
const filled = (length: number, value: number) => new Uint8Array(length).fill(value)

/** `one` and `two` hold a block each, `both` holds both; `top` is above them. */
function store(): MemoryDisk {
  const disks = new MemoryDisk()
  const put = (name: string, blocks: readonly [number, number][]) => {
    const layer = DiskLayer.openTop(disks, name, sizeBytes, 0)
    for (const [block, value] of blocks) layer.write(block * 4096, filled(4096, value))
    layer.flush()
    layer.close()
  }
  put('one', [[0, 1]])
  put('two', [[1, 2]])
  put('both', [
    [0, 1],
    [1, 2],
  ])
  return disks
}

const open = (disks: MemoryDisk, layers: readonly string[], epoch = 1) =>
  openLayeredDisk(disks, { sizeBytes, layers, epoch })
const valuesOf = (disk: ReturnType<typeof open>) => {
  const bytes = new Uint8Array(sizeBytes)
  disk.read(0, bytes)
  return Array.from({ length: 8 }, (_, block) => bytes[block * 4096])
}

describe('an open disk', () => {
  test('reads the same over the merged layer, and what it wrote before is flushed later', () => {
    const disks = store()
    const disk = open(disks, ['one', 'two', 'top'])
    disk.write(2 * 4096, filled(4096, 3))
    const before = valuesOf(disk)
    disk.swapSealed?.(['both'])
    expect(valuesOf(disk)).toEqual(before)
    disk.write(0, filled(512, 9))
    disk.flush()
    disk.close()
    expect(valuesOf(open(disks, ['both', 'top']))).toEqual([9, 2, 3, 0, 0, 0, 0, 0])
    expect(valuesOf(open(disks, ['one', 'two', 'top']))).toEqual([9, 2, 3, 0, 0, 0, 0, 0])
  })

  test('a layer that cannot be opened leaves all as it was', () => {
    const disks = store()
    const disk = open(disks, ['one', 'two', 'top'])
    expect(() => disk.swapSealed?.(['one', 'gone'])).toThrow(DiskLayerError)
    expect(valuesOf(disk)).toEqual([1, 2, 0, 0, 0, 0, 0, 0])
  })

  test('layers that are in both stay open; what is left out is closed, and may be removed', () => {
    const disks = store()
    let opened = 0
    const counting = {
      exists: (name: string) => disks.exists(name),
      open: (name: string, mode: 'read' | 'create') => {
        opened += 1
        return disks.open(name, mode)
      },
    }
    const layers = ['one', 'two', 'top']
    const disk = openLayeredDisk(counting, { sizeBytes, layers, epoch: 1 })
    disk.swapSealed?.(['one', 'both'])
    expect(opened).toBe(4)
    disks.remove('two')
    expect(valuesOf(disk)).toEqual([1, 2, 0, 0, 0, 0, 0, 0])
  })

  test('the fence stays: an older epoch gets nothing in by it', () => {
    const disks = store()
    const stale = open(disks, ['one', 'two', 'top'], 1)
    open(disks, ['both', 'top'], 2)
    stale.swapSealed?.(['both'])
    expect(() => stale.write(0, filled(512, 7))).toThrow(DiskFencedError)
  })
})

describe('on a pCPU', () => {
  const disk = { sizeBytes, layers: ['one', 'two', 'top'] }
  const swap = (...layers: string[]) => ({ do: 'swap-layers', vmId: 'a', layers }) as const

  test('a VM that runs goes on over them, and opens them when it is resumed', () => {
    const opened: string[] = []
    const disks = watched(store(), {})
    const rig = new PcpuRig({
      openDisk: (wanted) => {
        opened.push(wanted.layers.join('+'))
        return openLayeredDisk(disks, wanted)
      },
    })
    rig.start('a', { disk })
    rig.do(swap('both', 'top'))
    const { instructions } = rig.stats('a')
    rig.runMs(5)
    expect(rig.stats('a').instructions).toBeGreaterThan(instructions)
    for (const command of ['pause', 'resume'] as const) rig.do({ do: command, vmId: 'a' })
    rig.do({ do: 'pause', vmId: 'a' })
    rig.do({ do: 'change-disk', vmId: 'a', layers: ['both', 'top'], epoch: 2 })
    rig.do({ do: 'resume', vmId: 'a' })
    expect(opened).toEqual(['one+two+top', 'both+top'])
  })

  test('another top, or a layer that is gone, is refused, and it runs on over those it had', () => {
    const disks = store()
    const rig = new PcpuRig({ openDisk: (wanted) => openLayeredDisk(disks, wanted) })
    rig.start('a', { disk })
    expect(() => rig.do(swap('both', 'other'))).toThrow('writes to another layer by now: top')
    expect(() => rig.do(swap('gone', 'top'))).toThrow('gone is missing')
    rig.runMs(5)
    rig.do({ do: 'pause', vmId: 'a' })
    expect(() => rig.do(swap('both', 'top'))).not.toThrow()
  })

  test('of one that stands still before it ever ran they are opened once, to see that they can be', () => {
    const disks = store()
    const rig = new PcpuRig({ openDisk: (wanted) => openLayeredDisk(disks, wanted) })
    rig.do({ do: 'attach', config: rig.config('a', { disk }), start: 'empty' })
    expect(() => rig.do(swap('gone', 'top'))).toThrow('gone is missing')
    rig.do(swap('both', 'top'))
    rig.do({ do: 'resume', vmId: 'a' })
  })
})
