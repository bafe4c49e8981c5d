// Replicas at the desk of a node: what the coordinator orders of them, and the room they need.

import { expect, test } from 'vitest'
import { admitReplica } from '#node-agent/admission.ts'
import { fault } from '#proto/faults.ts'
import { asCommandId, asEpoch, asMigrationId, asNodeId, asVmId } from '#proto/ids.ts'
import { vmOrder } from './coordinator-double.ts'
import { Desk, noted, of, verdict } from './desk-rig.ts'

const replicaId = asMigrationId('r2')
const replicate = (name: string, epoch = 1, to = 'b') => ({
  t: 'replicate' as const,
  ...of(name, epoch),
  replicaId,
  destination: { nodeId: asNodeId(to), address: 'ws://b' },
  everyMs: 50,
  continuous: true,
})
const end = (name: string, id = 'r2') => ({
  t: 'end-replication' as const,
  ...of(name, 1),
  replicaId: asMigrationId(id),
})
const takeOver = (name: string, epoch: number, id = 'r2') => ({
  t: 'take-over' as const,
  vmId: asVmId(name),
  replicaId: asMigrationId(id),
  epoch: asEpoch(epoch),
})
const offered = (desk: Desk, name: string, epoch: number, id = 'r2', memoryMib = 16) => {
  const admission = admitReplica(desk.state, {
    t: 'replica-offer',
    migrationId: asMigrationId(id),
    sourceNodeId: asNodeId('b'),
    vm: vmOrder(name, epoch, { memoryMib }),
    pageCount: memoryMib * 256,
    machine: { sections: [] } as never,
    everyMs: 50,
    leaseMs: 250,
  })
  return 'fault' in admission ? admission.fault.code : admission.effects.map(noted)
}

test('a VM has one, answered at once; what is with it then is not moved or copied', () => {
  const desk = new Desk()
  desk.start('vm1')
  expect(desk.tell(replicate('vm1'))).toEqual(['replicate vm1', 'result ok'])
  expect(desk.vm('vm1').replica).toMatchObject({ id: 'r2', state: 'syncing' })
  expect(desk.tell(replicate('vm1'))).toEqual(['result wrong-state'])
  expect(desk.migrate('vm1')).toEqual(['result wrong-state'])
  const snapshot = { t: 'take-snapshot', ...of('vm1', 1), name: 's', disk: {} } as never
  expect(desk.tell(snapshot)).toEqual(['result wrong-state'])
})

test('not here, not under another epoch, not of what moves', () => {
  const desk = new Desk()
  desk.start('vm1')
  expect(desk.tell(replicate('vm1', 1, 'a'))).toEqual(['result wrong-state'])
  expect(desk.tell(replicate('vm1', 2))).toEqual(['result stale-epoch'])
  desk.migrate('vm1')
  expect(desk.tell(replicate('vm1'))).toEqual(['result wrong-state'])
  expect(desk.tell(replicate('gone'))).toEqual(['result unknown-vm'])
})

test('its end is asked of its own only; of another it has been reached', () => {
  const desk = new Desk()
  desk.start('vm1')
  desk.tell(replicate('vm1'))
  expect(desk.tell(end('vm1', 'r9'))).toEqual(['result ok'])
  expect(desk.tell(end('vm1'))).toEqual(['end-replication vm1'])
})

test('set-network changes whom a VM hears, and not whether it has a card', () => {
  const desk = new Desk()
  desk.start('vm1')
  desk.start('mute', 1, { network: false })
  const tell = (vm: string, network: string | boolean) =>
    desk.tell({ t: 'set-network', ...of(vm, 1), network })
  expect(tell('vm1', '~ann').length).toBe(1)
  expect(desk.vm('vm1').spec.network).toBe('~ann')
  tell('vm1', false)
  tell('mute', '~ann')
  expect([desk.vm('vm1').spec.network, desk.vm('mute').spec.network]).toEqual(['~ann', false])
})

test('set-lease changes what a lost lease destroys', () => {
  const desk = new Desk()
  desk.start('vm1')
  expect(desk.tell({ t: 'set-lease', ...of('vm1', 1), leased: false })).toEqual(['set-lease vm1'])
  expect(desk.feed({ on: 'lease-lost' })).toEqual([])
  desk.tell({ t: 'set-lease', ...of('vm1', 1), leased: true })
  expect(desk.feed({ on: 'lease-lost' })).toEqual(['destroy vm1', 'vm1 fenced'])
})

test('a replica does not run: not by a lost lease, nor by a verdict', () => {
  const desk = new Desk()
  expect(offered(desk, 'vm1', 1)).toEqual([])
  expect(desk.feed({ on: 'lease-lost' })).toEqual([])
  expect(desk.tell({ ...verdict('vm1', 'run', 5), migrationId: replicaId })).toEqual([
    'result wrong-state',
  ])
  expect(desk.states()).toEqual(['vm1 replica 1'])
})

test('it takes over under a newer epoch, by its own name', () => {
  const desk = new Desk()
  offered(desk, 'vm1', 1)
  expect(desk.tell(takeOver('vm1', 1))).toEqual(['result stale-epoch'])
  expect(desk.tell(takeOver('vm1', 2, 'r9'))).toEqual(['result wrong-state'])
  expect(desk.tell(takeOver('gone', 2))).toEqual(['result unknown-vm'])
  expect(desk.tell(takeOver('vm1', 2))).toEqual(['take-over vm1'])
  expect(desk.vm('vm1')).toMatchObject({ state: 'replica', launching: 2 })
  const by = asCommandId('c4')
  const done = { on: 'launched', vm: desk.vm('vm1'), epoch: asEpoch(2), by } as const
  expect(desk.feed(done)).toEqual(['vm1 running', 'result ok'])
  expect(desk.states()).toEqual(['vm1 running 2'])
  expect(desk.tell(takeOver('vm1', 2))).toEqual(['result ok'])
})

test('asked again while it takes over, it does not say that it could not', () => {
  const desk = new Desk()
  offered(desk, 'vm1', 1)
  desk.tell(takeOver('vm1', 2))
  expect(desk.tell(takeOver('vm1', 2))).toEqual(['take-over vm1'])
  expect(desk.tell(takeOver('vm1', 3))).toEqual(['result wrong-state'])
  const vm = desk.vm('vm1')
  for (const by of ['c1', 'c2'])
    expect(desk.feed({ on: 'launched', vm, epoch: asEpoch(2), by: asCommandId(by) })).toEqual([
      'vm1 running',
      'result ok',
    ])
  expect(desk.states()).toEqual(['vm1 running 2'])
})

test('one that could not take over is gone before that is said', () => {
  const desk = new Desk()
  offered(desk, 'vm1', 1)
  desk.tell(takeOver('vm1', 2))
  const vm = desk.vm('vm1')
  const why = fault('hash-mismatch', 'it differs')
  const failed = { on: 'launched', vm, epoch: asEpoch(2), by: asCommandId('c1'), fault: why }
  expect(desk.feed(failed as never)).toEqual([
    'destination settled',
    'destroy vm1',
    'result hash-mismatch',
  ])
  expect(desk.states()).toEqual([])
})

test('a lost lease, a verdict under its new epoch and a shut-down end one that takes over', () => {
  for (const what of ['lease', 'verdict', 'closing']) {
    const desk = new Desk()
    offered(desk, 'vm1', 1)
    desk.tell(takeOver('vm1', 2))
    const old = { ...verdict('vm1', 'discard', 1), migrationId: replicaId }
    expect(desk.tell(old)).toEqual(['result wrong-state'])
    if (what === 'lease') desk.feed({ on: 'lease-lost' })
    else if (what === 'closing') desk.feed({ on: 'closing' })
    else desk.tell({ ...old, epoch: asEpoch(2) })
    expect(desk.states()).toEqual([])
  }
})

test('the replica of an earlier time makes way for a newer one, and nothing else does', () => {
  const desk = new Desk()
  expect(offered(desk, 'vm1', 2)).toEqual([])
  expect(offered(desk, 'vm1', 1, 'r1')).toBe('stale-epoch')
  expect(offered(desk, 'vm1', 2, 'r3')).toEqual(['destination settled', 'destroy vm1'])
  desk.tell(takeOver('vm1', 3, 'r3'))
  expect(offered(desk, 'vm1', 4, 'r4')).toBe('wrong-state')
  desk.start('vm2')
  expect(offered(desk, 'vm2', 7)).toBe('wrong-state')
})

test('it is counted: what does not fit beside it is refused, and it itself', () => {
  const desk = new Desk()
  expect(offered(desk, 'vm1', 1, 'r2', 48)).toEqual([])
  expect(desk.start('vm2', 1, { memoryMib: 32 })).toEqual(['result no-room'])
  expect(offered(desk, 'vm3', 1, 'r3', 32)).toBe('no-room')
  // The room of one that makes way is room.
  expect(offered(desk, 'vm1', 1, 'r4', 64)).toEqual(['destination settled', 'destroy vm1'])
})

test('its VM arrives where it is kept: it makes way; under an older epoch nothing does', () => {
  const desk = new Desk()
  offered(desk, 'vm1', 2)
  expect(desk.offer('vm1', 2)).toBe('stale-epoch')
  expect(desk.offer('vm1', 3)).toEqual(['destination settled', 'destroy vm1'])
  expect(desk.states()).toEqual(['vm1 incoming 3'])
  // What the coordinator says of the replica is late, and about nobody.
  expect(desk.tell({ ...verdict('vm1', 'discard', 2), migrationId: replicaId })).toEqual([
    'result ok',
  ])
  expect(desk.states()).toEqual(['vm1 incoming 3'])
})

test('its VM starts where it is kept', () => {
  const desk = new Desk()
  offered(desk, 'vm1', 2)
  expect(desk.start('vm1', 3)).toContain('boot vm1')
  expect(desk.states()).toEqual(['vm1 running 3'])
})

test('a node that shuts down takes none, and makes none', () => {
  const desk = new Desk()
  desk.start('vm1')
  desk.feed({ on: 'closing' })
  expect(offered(desk, 'vm2', 1)).toBe('shutting-down')
  expect(desk.tell(takeOver('vm2', 2))).toEqual(['result unknown-vm'])
})
