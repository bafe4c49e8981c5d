// The work about layers at an agent: a merge lasts as long as somebody waits for it, a swap says
// how the VM stands after it. Virtual ms.

import { expect, test } from 'vitest'
import { DiskLayer } from '#engine/devices/disk-layer.ts'
import { MemoryDisk, MemoryLog, VirtualClock } from '#env/memory.ts'
import { HeldVms } from '#node-agent/held-vms.ts'
import { LayerWork } from '#node-agent/layer-work.ts'
import type { FaultError } from '#proto/faults.ts'
import { asCommandId, asVmId } from '#proto/ids.ts'
import { vmOrder } from './coordinator-double.ts'
import { of } from './desk-rig.ts'

const sizeBytes = 1 << 20
const order = {
  ...{ t: 'merge-layers' as const, commandId: asCommandId('c1'), vmId: asVmId('vm1'), sizeBytes },
  ...{ layers: ['vm1.1.disk', 'vm1.2.disk'], into: 'vm1.9.disk' },
}

class Site {
  readonly store = new MemoryDisk()
  readonly clock = new VirtualClock()
  readonly vms = new HeldVms(64)
  swap: () => Promise<void> = async () => undefined
  readonly work = new LayerWork({
    ...{ store: this.store, clock: this.clock, vms: this.vms, log: new MemoryLog() },
    vmm: { swapLayers: () => this.swap() },
  })

  constructor() {
    for (const name of order.layers) {
      const layer = DiskLayer.openTop(this.store, name, sizeBytes, 0)
      layer.write(0, new Uint8Array(sizeBytes).fill(name.length))
      layer.flush()
      layer.close()
    }
  }

  /** Lets time pass until the work has ended. */
  async ended(work: Promise<void>): Promise<string> {
    let end: string | undefined
    work.then(
      () => {
        end = 'done'
      },
      (thrown: FaultError) => {
        end = thrown.fault.code
      },
    )
    for (let ms = 0; ms < 1000 && end === undefined; ms++) {
      this.clock.advance(1)
      await new Promise<void>((go) => setImmediate(go))
    }
    return end ?? 'never'
  }
}

test('a merge takes its time, so that the guests whose disks are in the same store have theirs', async () => {
  const site = new Site()
  expect(await site.ended(site.work.carryOut({ do: 'merge-layers', order }))).toBe('done')
  expect(site.store.list()).toContain(order.into)
  expect(site.clock.nowMs()).toBeGreaterThanOrEqual(32)
})

test('when nobody waits for it any more, it ends, and what it wrote is gone', async () => {
  const site = new Site()
  const work = site.work.carryOut({ do: 'merge-layers', order })
  expect(site.store.list()).toContain(order.into)
  site.work.stopAll()
  expect(await site.ended(work)).toBe('cancelled')
  expect(site.store.list()).toEqual(order.layers)
})

test('a VM has the layers that it was given, or those that it had; one that is gone has none', async () => {
  const site = new Site()
  const had = [...order.layers, 'vm1.3.disk']
  const vm = site.vms.becomeStarting(vmOrder('vm1', 1, { memoryMib: 16, diskMib: 1 }, had))
  const disk = { sizeBytes, layers: [order.into, 'vm1.3.disk'] }
  const commandId = asCommandId('c2')
  const swap = {
    ...{ do: 'swap-layers' as const, vm },
    order: { t: 'swap-layers' as const, commandId, ...of('vm1', 1), disk },
  }
  vm.swapping = true
  site.swap = async () => {
    throw new Error('the layer cannot be read')
  }
  expect(await site.ended(site.work.carryOut(swap))).toBe('disk-failed')
  expect([vm.swapping, vm.disk.layers]).toEqual([false, had])
  site.swap = async () => undefined
  expect(await site.ended(site.work.carryOut(swap))).toBe('done')
  expect(vm.disk).toEqual(disk)
  site.swap = async () => {
    site.vms.forget(vm)
    throw new Error('it is not attached')
  }
  expect(await site.ended(site.work.carryOut(swap))).toBe('cancelled')
})
