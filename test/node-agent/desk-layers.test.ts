// What the desk decides about merged layers: writing them is nobody's business but the store's;
// giving them to a VM is refused as long as anybody else names its layers.

import { expect, test } from 'vitest'
import { asCommandId, asMigrationId, asNodeId, asVmId } from '#proto/ids.ts'
import { vmOrder } from './coordinator-double.ts'
import { Desk, of } from './desk-rig.ts'

const sizeBytes = 1 << 20
const layers = ['vm1.1.disk', 'vm1.2.disk', 'vm1.3.disk']
const merged = { sizeBytes, layers: ['vm1.9.disk', 'vm1.3.disk'] }
const swap = { t: 'swap-layers' as const, ...of('vm1', 1), disk: merged }

function running(): Desk {
  const desk = new Desk()
  desk.tell({ t: 'start', ...vmOrder('vm1', 1, { memoryMib: 16, diskMib: 1 }, layers) })
  return desk
}

test('a merge needs no VM here, and none is begun by a node that goes', () => {
  const desk = new Desk()
  const merge = {
    ...{ t: 'merge-layers' as const, vmId: asVmId('gone'), sizeBytes },
    ...{ layers: ['gone.1.disk', 'gone.2.disk'], into: 'gone.9.disk' },
  }
  expect(desk.tell(merge)).toEqual(['merge into gone.9.disk'])
  desk.feed({ on: 'closing' })
  expect(desk.tell(merge)).toEqual(['result shutting-down'])
})

test('a running or paused VM gets other layers below the same top; else it is refused', () => {
  const desk = running()
  expect(desk.tell(swap)).toEqual(['swap-layers vm1'])
  expect(desk.tell({ ...swap, ...of('vm1', 2) })).toEqual(['result stale-epoch'])
  expect(desk.tell({ ...swap, ...of('vm2', 1) })).toEqual(['result unknown-vm'])
  const other = { sizeBytes, layers: ['vm1.9.disk', 'vm1.4.disk'] }
  expect(desk.tell({ ...swap, disk: other })).toEqual(['result wrong-state'])
  desk.tell({ t: 'pause', ...of('vm1', 1) })
  expect(desk.tell(swap)).toEqual(['swap-layers vm1'])
})

test('while a migration or a snapshot names its layers they stay as they are', () => {
  const moving = running()
  moving.migrate('vm1')
  expect(moving.tell(swap)).toEqual(['result wrong-state'])
  const kept = running()
  const disk = { sizeBytes, layers: [...layers, 'vm1.4.disk'] }
  kept.tell({ t: 'take-snapshot', ...of('vm1', 1), name: 'one', disk })
  expect(kept.tell(swap)).toEqual(['result wrong-state'])
})

test('while they are swapped the VM is not moved or replicated, but it may be kept', () => {
  const desk = running()
  desk.tell(swap)
  expect(desk.migrate('vm1')).toEqual(['result wrong-state'])
  const replicate = {
    ...{ t: 'replicate' as const, ...of('vm1', 1), replicaId: asMigrationId('r1') },
    ...{
      destination: { nodeId: asNodeId('b'), address: 'ws://b' },
      level: 'continuous',
      everyMs: 50,
    },
  }
  expect(desk.tell(replicate)).toEqual(['result wrong-state'])
  const disk = { sizeBytes, layers: [...merged.layers, 'vm1.4.disk'] }
  const take = { t: 'take-snapshot' as const, ...of('vm1', 1), name: 'one', disk }
  expect(desk.tell({ ...take, commandId: asCommandId('take') })).toEqual(['take-snapshot vm1'])
})
