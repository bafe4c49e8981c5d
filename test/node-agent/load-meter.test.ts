// Measuring VMs that come and go meanwhile. The pCPUs are scripted.

import { expect, test } from 'vitest'
import { MemoryLog, VirtualClock } from '#env/memory.ts'
import { HeldVms } from '#node-agent/held-vms.ts'
import { LoadMeter } from '#node-agent/load-meter.ts'
import type { Vmm } from '#node-agent/vmm.ts'
import { asMigrationId } from '#proto/ids.ts'
import { vmOrder } from './coordinator-double.ts'

function measured() {
  const vms = new HeldVms(64)
  const vm = vms.becomeStarting(vmOrder('vm1', 1, { memoryMib: 8 }))
  vms.becomeRunning(vm)
  const seen = { opened: 0, closed: [] as number[], duringOpen: () => {} }
  const stats = { vmId: 'vm1', instructions: 0, ranMs: 0, runnableMs: 0 }
  const vmm = {
    stats: async () => [{ ...stats }],
    machines: () => [{ vm, memory: { touchedBytes: () => 8192 } }],
    openLog: async () => {
      seen.duringOpen()
      return seen.opened++
    },
    takeLog: async () => ({ bitmap: new Uint8Array(1), pages: 3 }),
    closeLog: async (_: unknown, log: number) => void seen.closed.push(log),
  }
  return {
    vms,
    vm,
    seen,
    stats,
    meter: new LoadMeter(new VirtualClock(), new MemoryLog(), vmm as unknown as Vmm),
  }
}

test('two looks make a load, with one log for all of them', async () => {
  const { vm, seen, meter } = measured()
  await meter.sample()
  expect(meter.loadOf(vm)).toBeUndefined()
  await meter.sample()
  expect(meter.loadOf(vm)).toMatchObject({ touchedBytes: 8192, dirtyPagesPerSec: 3000 })
  await meter.sample()
  expect(seen).toMatchObject({ opened: 1, closed: [] })
})

test('a VM that is given away while its log is opened keeps none: it may come back', async () => {
  const { vms, vm, seen, meter } = measured()
  seen.duringOpen = () => {
    vm.migrationId = asMigrationId('m1')
    vms.becomeReleased(vm)
  }
  await meter.sample()
  expect(seen.closed).toEqual([0])
  seen.duringOpen = () => {}
  vms.becomeRunning(vm)
  await meter.sample()
  await meter.sample()
  expect(meter.loadOf(vm)).toBeDefined()
})
