// Nodes that go: in good order, by a fence device, by an operator's word; and VMs that are
// relocated.

import { expect, test } from 'vitest'
import type { ApiCommand } from '#coordinator/core/step-context.ts'
import { fault } from '#proto/faults.ts'
import { HaPolicyChange, type HaRule } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { Story, started, stateOf } from '../story.ts'

const last = (story: Story, count: number) => story.lines.slice(-count)
const shutdown = (story: Story, how: 'migrate' | 'freeze') =>
  story.ask({ do: 'set-ha', change: { shutdown: how } }, how)
const fence = (story: Story, isOff: boolean) =>
  story.ask({ do: 'fence', nodeId: asNodeId('n1'), isOff }, `fence n1${isOff ? ' --off' : ''}`)

test('a node that shuts down may leave at once, where its VMs go elsewhere anyhow', () => {
  const story = started()
  story.leaving('n1')
  expect(last(story, 1)).toEqual(['> n1 may leave'])
})

test('where they are to move away first, it waits until they have, and is in service when it is back', () => {
  const story = started()
  shutdown(story, 'migrate')
  story.leaving('n1')
  expect(last(story, 1)).toEqual(['> n1 may leave later'])
  story.passWith(250, { n1: ['a@1 running'], n2: [] })
  const [id] = [...story.state.openMigrations]
  if (!id) throw new Error('nothing moves')
  story.admit(id)
  story.event('n1', 'a@1', 'released')
  story.event('n2', 'a@2', 'running')
  story.result('n1', story.state.migrations.get(id)?.commandId ?? '')
  story.passWith(250, { n1: [], n2: ['a@2 running'] })
  expect(story.lines.filter((line) => line.includes('may leave'))).toEqual([
    ...['> n1 may leave later', '> n1 may leave'],
  ])
  story.lose('n1', true)
  expect(stateOf(story)).toBe('running n2 @2')
  story.hello('n1', [], 'n1-second')
  expect(story.state.nodes.get(asNodeId('n1'))?.maintenance).toBeUndefined()
})

test('it waits for the next try too, when a migration has failed', () => {
  const story = started()
  shutdown(story, 'migrate')
  story.leaving('n1')
  const leave = () => story.lines.filter((line) => line === '> n1 may leave').length
  for (let tries = 1; tries <= 3; tries++) {
    story.passWith(6000, { n1: ['a@1 running'], n2: [] })
    const [id] = [...story.state.openMigrations]
    if (!id) throw new Error(`no try ${tries}`)
    expect(leave()).toBe(0)
    story.admit(id)
    story.result('n1', story.state.migrations.get(id)?.commandId ?? '', 'link-lost')
  }
  story.passWith(250, { n1: ['a@1 running'], n2: [] })
  expect(leave()).toBe(1)
})

test('a node that waits to shut down is not taken back meanwhile: it would wait in vain', () => {
  const story = started()
  shutdown(story, 'migrate')
  story.leaving('n1')
  story.ask({ do: 'end-maintenance', nodeId: asNodeId('n1') }, 'n1 returns')
  expect(last(story, 1)[0]).toMatch(/n1 shuts down when its VMs have left/)
  story.passWith(250, { n1: ['a@1 running'], n2: [] })
  expect(story.state.openMigrations.size).toBe(1)
})

const closing = fault('shutting-down', 'the node is shutting down')

test('what a node stops before its goodbye begins elsewhere, and not there once more', () => {
  const story = started()
  story.event('n1', 'a@1', 'fenced', closing)
  expect(stateOf(story)).toBe('starting n2 @2')
})

test('and nothing that waits in the queue sets out for it', () => {
  const story = started()
  story.run('b', {}, 'n2')
  story.result('n2', 'run1-2')
  story.migrate('a', 'n2')
  story.event('n2', 'b@2', 'fenced', closing)
  story.admit('m3')
  expect(last(story, 1)[0]).toMatch(/has ended: n2 shuts down/)
  expect(stateOf(story)).toBe('running n1 @1')
})

test('or waits for that node, where VMs are to: it takes them when it is back', () => {
  const story = started()
  shutdown(story, 'freeze')
  story.event('n1', 'a@1', 'fenced', closing)
  story.passWith(2000, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('recovering undefined @1')
  story.lose('n1', true)
  story.passWith(2000, { n2: [] })
  expect(stateOf(story)).toBe('recovering undefined @1')
  story.hello('n1', [], 'n1-second')
  story.passWith(250, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('starting n1 @2')
})

const evacuate = (story: Story) => {
  const params = MigrationParams.parse({})
  story.ask({ do: 'maintenance', nodeId: asNodeId('n1'), params }, 'evacuate n1')
}
const onlyOn = (story: Story, id: string) => {
  const nodes = [{ id, priority: 0 }]
  const rule: HaRule = { kind: 'node-affinity', name: 'there', vms: ['a'], strict: true, nodes }
  story.ask({ do: 'set-rule', rule })
}

test.each<[string, (story: Story) => void]>([
  ['that is in maintenance', evacuate],
  ['where a strict rule does not want it any more', (story) => onlyOn(story, 'n2')],
])('it does not wait for a node %s', (_, change) => {
  const story = started()
  shutdown(story, 'freeze')
  story.lose('n1', true)
  story.passWith(1000, { n2: [] })
  expect(stateOf(story)).toBe('recovering undefined @1')
  change(story)
  story.passWith(1000, { n2: [] })
  expect(stateOf(story)).toBe('starting n2 @2')
})

test('nor any more for one that is back, and that somebody else has filled before', () => {
  const story = started({ diskMib: 4, memoryMib: 60 })
  story.run('b', { diskMib: 4, memoryMib: 90 })
  story.result('n2', 'run1-2')
  shutdown(story, 'freeze')
  story.lose('n1', true)
  story.lose('n2')
  story.pass(5000)
  story.hello('n1', [], 'n1-second')
  story.passWith(250, { n1: [] })
  expect(stateOf(story, 'b')).toBe('starting n1 @3')
  story.hello('n2', [], 'n2-second')
  story.passWith(1000, { n1: ['b@3 running'], n2: [] })
  expect(stateOf(story)).toBe('starting n2 @4')
})

test('a node that throws a copy away because its source shuts down goes on taking VMs', () => {
  const story = started()
  story.migrate('a', 'n2')
  const [id = ''] = [...story.state.openMigrations]
  story.admit(id)
  story.event('n2', 'a@2', 'discarded', closing)
  story.event('n1', 'a@1', 'fenced', closing)
  story.lose('n1', true)
  story.passWith(500, { n2: [] })
  expect(stateOf(story)).toMatch(/^starting n2/)
})

test('one that has moved when its source shuts down waits for that no more', () => {
  const story = started()
  story.join('n3')
  shutdown(story, 'freeze')
  story.migrate('a', 'n2')
  const [id] = [...story.state.openMigrations]
  story.admit(id ?? '')
  story.passWith(250, { n1: [`a@1 running ${id}`], n2: [`a@2 incoming ${id}`], n3: [] })
  story.event('n1', 'a@1', 'released')
  story.passWith(250, { n1: [`a@1 released ${id}`], n2: [`a@2 prepared ${id}`], n3: [] })
  story.lose('n1', true)
  story.result('n2', [...story.state.commands.keys()].at(-1) ?? '')
  expect(stateOf(story)).toBe('running n2 @3')
  story.lose('n2')
  story.passWith(6000, { n3: [] })
  expect(stateOf(story)).toBe('starting n3 @4')
})

test.each<[string, ApiCommand]>([
  ['started', { do: 'start', vmId: asVmId('a') }],
  ['relocated', { do: 'relocate', vmId: asVmId('a'), to: 'n2' }],
])('one that waited for its node, was stopped and is %s does not wait any more', (_, command) => {
  const story = started()
  shutdown(story, 'freeze')
  story.lose('n1', true)
  expect(stateOf(story)).toBe('recovering undefined @1')
  story.ask({ do: 'stop', vmId: asVmId('a') }, 'stop a')
  story.ask(command)
  story.passWith(1000, { n2: [] })
  expect(stateOf(story)).toBe('starting n2 @2')
})

test('an operator’s word that it is off is not believed of a node that answers', () => {
  const story = started()
  fence(story, true)
  expect(last(story, 1)[0]).toMatch(/wrong-state: n1 answers, so it is not off/)
  expect(stateOf(story)).toBe('running n1 @1')
})

test('of one that does not, it is: its VMs start elsewhere without waiting for the lease', () => {
  const story = started()
  story.lose('n1')
  fence(story, true)
  expect(stateOf(story)).toBe('starting n2 @2')
  expect(story.text).toContain('* n1 is fenced: an operator says it is off')
})

test.each([
  ['an operator’s word', (story: Story) => fence(story, true)],
  ['the device’s, late', (story: Story) => story.fenceWord('n1', 'n1-first')],
])('%s counts for what no lease covers also when the lease of its node is over', (_, prove) => {
  const story = started({ diskMib: 4, ha: false })
  story.lose('n1')
  story.passWith(5000, { n2: [] })
  expect(stateOf(story)).toBe('failed n1 @1')
  fence(story, false)
  expect(last(story, 1)[0]).toMatch(/n1 is fenced already: what is not protected may run there/)
  prove(story)
  expect(stateOf(story)).toBe('starting n2 @2')
  expect(story.state.nodes.get(asNodeId('n1'))?.live.lostAtMs).toHaveLength(1)
  fence(story, true)
  expect(last(story, 1)[0]).toMatch(/n1 is fenced already: it runs nothing/)
})

test('what was told to stop there is stopped then', () => {
  const story = started({ diskMib: 4, ha: false })
  story.lose('n1')
  story.passWith(5000, { n2: [] })
  story.ask({ do: 'stop', vmId: asVmId('a') }, 'stop a')
  expect(stateOf(story)).toBe('stopping n1 @1')
  fence(story, true)
  expect(stateOf(story)).toBe('stopped undefined @1')
})

test('without a device nothing can be asked of it', () => {
  const story = started()
  fence(story, false)
  expect(last(story, 1)[0]).toMatch(/there is no fence device/)
})

test('the device is asked after its time, again when it fails, and its word ends the waiting', () => {
  const story = new Story({ fenceAfterMs: 1000 })
  story.join('n1', 'n2')
  story.run('a', { diskMib: 4 })
  story.result('n1', 'run1-1')
  story.lose('n1')
  const asked = () => story.lines.filter((line) => line.startsWith('> the fence device')).length
  story.passWith(750, { n2: [] })
  expect(asked()).toBe(0)
  story.passWith(500, { n2: [] })
  expect(asked()).toBe(1)
  story.fenceWord('n1', 'n1-first', 'internal')
  expect(stateOf(story)).toBe('running n1 @1')
  story.fenceWord('n1', 'n1-first')
  expect(stateOf(story)).toBe('starting n2 @2')
})

test('its word about a process that another has replaced is about nobody', () => {
  const story = new Story({ fenceAfterMs: 1000 })
  story.join('n1', 'n2')
  story.run('a', { diskMib: 4 })
  story.result('n1', 'run1-1')
  story.lose('n1')
  story.passWith(1250, { n2: [] })
  story.hello('n1', [], 'n1-second')
  const before = stateOf(story)
  story.fenceWord('n1', 'n1-first')
  expect(stateOf(story)).toBe(before)
  expect(story.state.nodes.get(asNodeId('n1'))?.phase).toBe('online')
})

test('relocated: stopped, then booted where it was to go; elsewhere, when that is gone', () => {
  const story = started()
  const relocate = (to: string) =>
    story.ask({ do: 'relocate', vmId: asVmId('a'), to }, `relocate a to ${to}`)
  relocate('n2')
  expect(stateOf(story)).toBe('stopping n1 @1')
  story.result('n1', 'run1-2')
  expect(stateOf(story)).toBe('starting n2 @2')
  story.result('n2', 'run1-3')
  expect(story.state.vms.get(asVmId('a'))?.placedBecause).toBe('an operator wanted it there')
  relocate('n1')
  story.lose('n1', true)
  story.result('n2', 'run1-4')
  expect(stateOf(story)).toBe('starting n2 @3')
  story.result('n2', 'run1-5')
  expect(stateOf(story)).toBe('running n2 @3')
})

test('one that is bound to its node goes where it is sent too, and is bound to that from then on', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a', { diskMib: 4 }, 'n1')
  story.result('n1', 'run1-1')
  story.ask({ do: 'relocate', vmId: asVmId('a'), to: 'n2' }, 'relocate a to n2')
  story.result('n1', 'run1-2')
  expect(stateOf(story)).toBe('starting n2 @2')
  expect(story.state.vms.get(asVmId('a'))?.pinnedTo).toBe('n2')
})

test('one that was to be restarted on its node, and is stopped, goes where it is relocated to', () => {
  const story = started()
  const change = HaPolicyChange.parse({ restarts: 5 })
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change })
  story.event('n1', 'a@1', 'crashed')
  story.ask({ do: 'stop', vmId: asVmId('a') })
  story.ask({ do: 'relocate', vmId: asVmId('a'), to: 'n2' })
  expect(stateOf(story)).toBe('starting n2 @2')
})

test('a node that could not start it is asked again when no other one may', () => {
  const story = started()
  const rule: HaRule = { kind: 'keep-apart', name: 'two', vms: ['a', 'b'], strict: true }
  story.ask({ do: 'set-rule', rule })
  story.run('b')
  const starts = () => story.lines.filter((line) => line.startsWith('> n2 start b@'))
  story.result('n2', /\((.*?)\)/.exec(starts()[0] ?? '')?.[1] ?? '', 'disk-failed')
  story.passWith(3000, { n1: ['a@1 running'], n2: [] })
  expect(starts().length).toBeGreaterThan(1)
})
