// The coordinator's commands, the lease and the fate of guests, decided. Each test is a short story
// in effects.

import { expect, test } from 'vitest'
import { stepDesk } from '#node-agent/desk.ts'
import type { Command } from '#node-agent/desk-state.ts'
import { asCommandId, asEpoch, asMigrationId, asVmId } from '#proto/ids.ts'
import { vmOrder } from './coordinator-double.ts'
import { Desk, noted, of, verdict } from './desk-rig.ts'

test('a VM starts, is paused, resumed and stopped', () => {
  const desk = new Desk()
  expect(desk.start('vm1')).toEqual(['boot vm1', 'vm1 running', 'result ok'])
  expect(desk.tell({ t: 'pause', ...of('vm1', 1) })).toEqual(['pause vm1', 'result ok'])
  expect(desk.states()).toEqual(['vm1 paused 1'])
  expect(desk.tell({ t: 'resume', ...of('vm1', 1) })).toEqual(['resume vm1', 'result ok'])
  expect(desk.tell({ t: 'stop', ...of('vm1', 1) })).toEqual(['destroy vm1', 'result ok'])
  expect(desk.states()).toEqual([])
})

test('a running VM is asked for memory; a paused one, or one on its way, is not', () => {
  const desk = new Desk()
  desk.start('vm1')
  const balloon = { t: 'balloon' as const, ...of('vm1', 1), targetPages: 1024 }
  expect(desk.tell({ ...balloon, ...of('vm1', 1) })).toEqual(['balloon vm1', 'result ok'])
  desk.tell({ t: 'pause', ...of('vm1', 1) })
  expect(desk.tell({ ...balloon, ...of('vm1', 1) })).toEqual(['result wrong-state'])
})

test('while a snapshot is taken nobody else makes the VM stand still, go on or move', () => {
  const desk = new Desk()
  desk.start('vm1')
  const disk = { sizeBytes: 0, layers: [] }
  const take = { t: 'take-snapshot' as const, ...of('vm1', 1), name: 'first', disk }
  const commandId = asCommandId('take')
  expect(desk.tell({ ...take, commandId })).toEqual(['take-snapshot vm1'])
  expect(desk.tell({ ...take, name: 'second' })).toEqual(['result wrong-state'])
  expect(desk.tell({ t: 'pause', ...of('vm1', 1) })).toEqual(['result wrong-state'])
  expect(desk.migrate('vm1')).toEqual(['result wrong-state'])
  const result = { t: 'result' as const, commandId }
  const ended = { on: 'snapshot-ended' as const, vm: desk.vm('vm1'), result }
  expect(desk.feed(ended)).toEqual(['result ok'])
  expect(desk.tell({ t: 'pause', ...of('vm1', 1) })).toEqual(['pause vm1', 'result ok'])
  expect(desk.tell({ ...take, name: 'second' })).toEqual(['take-snapshot vm1'])
  expect(desk.tell({ t: 'resume', ...of('vm1', 1) })).toEqual(['result wrong-state'])
  // It may be stopped at any time: the snapshot then fails by itself.
  expect(desk.tell({ t: 'stop', ...of('vm1', 1) })).toEqual(['destroy vm1', 'result ok'])
})

test('a VM goes on from a snapshot under a new epoch, in the place of what ran', () => {
  const desk = new Desk()
  desk.start('vm1')
  const order = { ...vmOrder('vm1', 2, { memoryMib: 16 }), snapshot: 'first' }
  expect(desk.tell({ t: 'start', ...order })).toEqual([
    'destroy vm1',
    'boot vm1 from first',
    'vm1 running',
    'result ok',
  ])
  const drop = { t: 'drop-snapshot' as const, vmId: asVmId('gone'), name: 'old' }
  expect(desk.tell(drop)).toEqual(['drop old'])
})

test('the older epoch is refused, the equal one is not started twice, the newer takes over', () => {
  const desk = new Desk()
  desk.start('vm1', 5)
  expect(desk.start('vm1', 4)).toEqual(['result stale-epoch'])
  expect(desk.start('vm1', 5)).toEqual(['result wrong-state'])
  expect(desk.tell({ t: 'stop', ...of('vm1', 4) })).toEqual(['result stale-epoch'])
  expect(desk.start('vm1', 6)).toEqual(['destroy vm1', 'boot vm1', 'vm1 running', 'result ok'])
  expect(desk.states()).toEqual(['vm1 running 6'])
})

test('a command that comes again gets the answer it had; one under way is not begun twice', () => {
  const desk = new Desk()
  const command = { t: 'start', ...vmOrder('vm1', 1, {}), commandId: asCommandId('x') } as Command
  const first = stepDesk(desk.state, { on: 'command', command })
  expect(first.map(noted)).toEqual(['boot vm1'])
  expect(stepDesk(desk.state, { on: 'command', command })).toEqual([])
  desk.carryOut(first)
  expect(stepDesk(desk.state, { on: 'command', command }).map(noted)).toEqual(['result ok'])
})

test('a boot that fails leaves nothing behind', () => {
  const desk = new Desk()
  const command = { t: 'start', ...vmOrder('vm1', 1, {}), commandId: asCommandId('x') } as Command
  stepDesk(desk.state, { on: 'command', command })
  const fault = { code: 'no-room', message: 'no memory' } as const
  const vm = desk.vm('vm1')
  expect(desk.feed({ on: 'booted', vm, by: asCommandId('x'), fault })).toEqual([
    'destroy vm1',
    'result no-room',
  ])
  expect(desk.states()).toEqual([])
})

test('a VM that is stopped while it boots is not running when the boot is done', () => {
  const desk = new Desk()
  const command = { t: 'start', ...vmOrder('vm1', 1, {}), commandId: asCommandId('x') } as Command
  stepDesk(desk.state, { on: 'command', command })
  const vm = desk.vm('vm1')
  expect(desk.tell({ t: 'stop', ...of('vm1', 1) })).toEqual(['destroy vm1', 'result ok'])
  expect(desk.feed({ on: 'booted', vm, by: asCommandId('x') })).toEqual(['result cancelled'])
})

test('room is counted for all VMs, those that arrive included', () => {
  const desk = new Desk()
  for (const name of ['vm1', 'vm2', 'vm3']) desk.start(name)
  expect(desk.offer('vm4', 2)).toEqual([])
  expect(desk.start('vm5')).toEqual(['result no-room'])
  expect(desk.offer('vm6', 2)).toBe('no-room')
})

test('an offer is refused by name: lease, size, epoch, a VM that runs here', () => {
  const desk = new Desk()
  desk.start('vm1', 3)
  expect(desk.offer('vm2', 2, {}, false)).toBe('lease-lost')
  expect(desk.offer('vm2', 2, { pageCount: 1 })).toBe('incompatible')
  expect(desk.offer('vm1', 3)).toBe('stale-epoch')
  expect(desk.offer('vm1', 4)).toBe('wrong-state')
  desk.feed({ on: 'closing' })
  expect(desk.offer('vm2', 2)).toBe('shutting-down')
})

test('a stale copy that does not run makes way for the one its source offers now', () => {
  const desk = new Desk()
  desk.offer('vm1', 2)
  expect(desk.offer('vm1', 3)).toEqual(['destination settled', 'destroy vm1'])
  expect(desk.states()).toEqual(['vm1 incoming 3'])
})

test('a VM migrates once at a time, not to where it is, and not while it is paused', () => {
  const desk = new Desk()
  desk.start('vm1')
  expect(desk.migrate('vm1', 'a')).toEqual(['result bad-request'])
  expect(desk.migrate('vm1')).toEqual(['begin migrate'])
  expect(desk.migrate('vm1')).toEqual(['result wrong-state'])
  expect(desk.tell({ t: 'pause', ...of('vm1', 1) })).toEqual(['result wrong-state'])
  desk.feed({ on: 'migration-ended', migrationId: asMigrationId('m1') })
  expect(desk.tell({ t: 'pause', ...of('vm1', 1) })).toEqual(['pause vm1', 'result ok'])
  expect(desk.migrate('vm1')).toEqual(['result wrong-state'])
})

test('a lost lease destroys what could run and is protected, and nothing else', () => {
  const desk = new Desk()
  desk.start('protected')
  desk.start('free', 1, { ha: false })
  desk.offer('arriving', 2)
  expect(desk.feed({ on: 'lease-lost' })).toEqual(['destroy protected', 'protected fenced'])
  expect(desk.states()).toEqual(['free running 1', 'arriving incoming 2'])
})

test('a lost lease takes a copy too that was just told to run', () => {
  const desk = new Desk()
  desk.offer('vm1', 2)
  desk.state.vms.becomePrepared(desk.vm('vm1'))
  desk.vm('vm1').launching = desk.vm('vm1').epoch
  expect(desk.feed({ on: 'lease-lost' })).toContain('vm1 fenced')
})

test('a copy that sees the end of its lease runs by the coordinator’s word alone', () => {
  const desk = new Desk()
  desk.offer('vm1', 2)
  desk.state.vms.becomePrepared(desk.vm('vm1'))
  expect(desk.vm('vm1').needsVerdict).toBe(false)
  expect(desk.feed({ on: 'lease-lost' })).toEqual([])
  expect(desk.vm('vm1').needsVerdict).toBe(true)
  desk.tell(verdict('vm1', 'run', 7))
  expect(desk.vm('vm1')).toMatchObject({ state: 'running', needsVerdict: false })
})

test('a lost lease ends the source of a migration; a released copy stays, it does not run', () => {
  const desk = new Desk()
  desk.start('vm1')
  desk.migrate('vm1')
  desk.state.vms.becomeReleased(desk.vm('vm1'))
  expect(desk.feed({ on: 'lease-lost' })).toEqual([])
  const other = new Desk()
  other.start('vm1')
  other.migrate('vm1')
  expect(other.feed({ on: 'lease-lost' })).toEqual(['source vm-lost', 'destroy vm1', 'vm1 fenced'])
})

test('the coordinator settles a prepared copy: run under a new epoch, once; or discard', () => {
  const desk = new Desk()
  desk.offer('vm1', 2)
  expect(desk.tell(verdict('vm1', 'run', 7))).toEqual(['result wrong-state'])
  desk.state.vms.becomePrepared(desk.vm('vm1'))
  const run = ['destination settled', 'launch vm1', 'vm1 running', 'result ok']
  expect(desk.tell(verdict('vm1', 'run', 7))).toEqual(run)
  expect(desk.states()).toEqual(['vm1 running 7'])
  expect(desk.tell(verdict('vm1', 'run', 7))).toEqual(['result ok'])
  expect(desk.tell(verdict('vm1', 'discard', 7))).toEqual(['result wrong-state'])
  expect(desk.tell(verdict('gone', 'discard', 7))).toEqual(['result ok'])
})

test('a released source runs again by a verdict, under a newer epoch only', () => {
  const desk = new Desk()
  desk.start('vm1', 1)
  desk.migrate('vm1')
  desk.state.vms.becomeReleased(desk.vm('vm1'))
  const here = { ...verdict('vm1', 'run', 3), migrationId: asMigrationId('m1') }
  expect(desk.tell({ ...here, epoch: asEpoch(0) })).toEqual(['result stale-epoch'])
  expect(desk.tell(here)).toEqual(['source settled', 'launch vm1', 'vm1 running', 'result ok'])
  expect(desk.states()).toEqual(['vm1 running 3'])
})

test('a copy that is told to run again holds the new epoch before it says that it runs', () => {
  const desk = new Desk()
  desk.start('vm1', 1)
  desk.migrate('vm1')
  desk.state.vms.becomeReleased(desk.vm('vm1'))
  const order = { ...verdict('vm1', 'run', 3), migrationId: asMigrationId('m1') }
  const command = { commandId: asCommandId('again'), ...order } as Command
  const effects = stepDesk(desk.state, { on: 'command', command })
  expect(desk.vm('vm1')).toMatchObject({ state: 'released', epoch: 1, launching: 3 })
  desk.carryOut(effects)
  expect(desk.vm('vm1')).toMatchObject({ state: 'running', epoch: 3, launching: undefined })
})

test('a guest that ends, ends here; the coordinator hears why', () => {
  const desk = new Desk()
  desk.start('vm1')
  desk.start('vm2')
  const stopped = { on: 'guest-stopped', detail: 'it said so' } as const
  expect(desk.feed({ ...stopped, vm: desk.vm('vm1'), reason: 'shut-down' })).toEqual([
    'destroy vm1',
    'vm1 shut-down',
  ])
  expect(desk.feed({ ...stopped, vm: desk.vm('vm2'), reason: 'crashed' })).toEqual([
    'destroy vm2',
    'vm2 crashed',
  ])
})

test('late news of a guest that has gone are not for another VM under its name', () => {
  const desk = new Desk()
  desk.start('vm1')
  const gone = desk.vm('vm1')
  desk.tell({ t: 'stop', ...of('vm1', 1) })
  desk.start('vm1', 2)
  const late = { on: 'guest-stopped', vm: gone, reason: 'pages-lost', detail: 'late' } as const
  expect(desk.feed(late)).toEqual([])
  expect(desk.states()).toEqual(['vm1 running 2'])
})
