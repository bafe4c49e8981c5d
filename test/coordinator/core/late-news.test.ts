// Words that come late, from another time or from a process that is no more: none may stop the
// coordinator, revive what was removed, or make it believe that a copy is gone which still runs.

import { describe, expect, test } from 'vitest'
import { HaPolicyChange } from '#proto/ha.ts'
import { asEpoch, asMigrationId, asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { moving, Story, started, stateOf } from './story.ts'

const a = asVmId('a')

/** `a` without ha, and its node cut off for longer than a lease. */
function unprotectedAndLost(): Story {
  const story = started({ ha: false })
  story.lose('n1')
  story.passWith(3500, { n2: [] })
  expect(stateOf(story)).toBe('failed n1 @1')
  return story
}

test('an unprotected VM crashed while its node was cut off: its fault says so, and it may start', () => {
  const story = unprotectedAndLost()
  story.hello('n1', [])
  story.event('n1', 'a@1', 'crashed')
  expect(stateOf(story)).toBe('failed undefined @1')
  expect(story.state.vms.get(a)?.fault?.code).toBe('guest-crashed')
  story.beat('n1')
  story.ask({ do: 'start', vmId: a })
  expect(stateOf(story)).toMatch(/^starting n\d @2$/)
})

test('a removed VM whose node comes back is not taken for the new one of its name', () => {
  const story = unprotectedAndLost()
  story.ask({ do: 'remove', vmId: a })
  story.run('a', { ha: false }, 'n1')
  expect(stateOf(story)).toBe('pending undefined @0')
  story.say('also by a process that has only the store')
  story.restart()
  story.hello('n1', ['a@1 running other'])
  expect(story.lines.findLast((line) => line.startsWith('> n1 stop'))).toContain('stop a@1')
  expect(stateOf(story)).toBe('pending undefined @0')
  story.say('nor when the new one was removed again before it ever started')
  story.ask({ do: 'remove', vmId: a })
  story.pass(1000)
  story.hello('n1', ['a@1 running'])
  expect(story.state.vms.has(a)).toBe(false)
  story.say('it starts, and what is older is stale by its epoch alone')
  story.run('a', { ha: false }, 'n1')
  story.passWith(500, { n1: [] })
  expect(stateOf(story)).toBe('starting n1 @2')
  expect([...story.state.tombstones]).toEqual([])
})

test('what has only the name of a stopped VM is told to go, whatever its epoch', () => {
  const story = started()
  story.ask({ do: 'stop', vmId: a })
  story.result('n1', 'run1-2')
  story.hello('n1', ['a@7 running other'])
  expect(stateOf(story)).toBe('stopped undefined @1')
  expect(story.lines.at(-1)).toBe('> n1 stop a@7 (run1-3)')
})

test('an unprotected VM that stops on a lost node is not called stopped by a restart', () => {
  const story = unprotectedAndLost()
  story.ask({ do: 'stop', vmId: a })
  story.restart()
  story.join('n2')
  story.passWith(5000, { n2: [] })
  expect(stateOf(story)).toBe('stopping n1 @1')
  story.say('its node is back, and runs it still: stopped is what it says is stopped')
  story.hello('n1', ['a@1 running'])
  story.passWith(5000, { n1: ['a@1 running'], n2: [] })
  expect(stateOf(story)).toBe('stopping n1 @1')
  story.result('n1', 'run2-1')
  expect(stateOf(story)).toBe('stopped undefined @1')
})

test('a protected VM that stops is not called stopped by a fence its node was back before', () => {
  const story = started()
  story.ask({ do: 'stop', vmId: a })
  story.restart()
  story.hello('n1', ['a@1 running'])
  story.passWith(4000, { n1: ['a@1 running'] })
  expect(stateOf(story)).toBe('stopping n1 @1')
  story.say('not so if the node stays away')
  story.lose('n1')
  story.restart()
  story.pass(3500)
  expect(stateOf(story)).toBe('stopped undefined @1')
})

/** a1 was cloned to n2, whose process was replaced before anybody heard that a1 runs. */
function cloneOnReplaced(): Story {
  const story = started()
  story.clone('a', ['a1'], 'n2')
  story.admit('m2')
  story.passWith(500, { n1: ['a@1 running m2'], n2: ['a1@2 incoming m2'] })
  story.hello('n2', [], 'n2-second')
  story.beat('n2')
  story.result('n1', 'run1-2')
  expect(stateOf(story, 'a1')).toBe('running n2 @2')
  return story
}

test("a clone that came to life on a process that was replaced has that process's lease", () => {
  const story = cloneOnReplaced()
  story.passWith(2500, { n1: ['a@1 running'], n2: [] })
  expect(stateOf(story, 'a1')).toBe('recovering n2 @2')
  story.passWith(500, { n1: ['a@1 running'], n2: [] })
  expect(stateOf(story, 'a1')).toMatch(/^starting n\d @3$/)
})

test('a restarted coordinator does not know that lease, and waits a whole one', () => {
  const story = cloneOnReplaced()
  story.passWith(2000, { n1: ['a@1 running'], n2: [] })
  story.restart()
  story.hello('n1', ['a@1 running'])
  story.hello('n2', [], 'n2-second')
  story.passWith(2500, { n1: ['a@1 running'], n2: [] })
  expect(stateOf(story, 'a1')).toBe('recovering n2 @2')
  story.passWith(750, { n1: ['a@1 running'], n2: [] })
  expect(stateOf(story, 'a1')).toMatch(/^starting n\d @3$/)
})

test('the goodbye of a process says nothing of the one that it replaced', () => {
  const story = started()
  story.beat('n1', ['a@1 running'])
  story.hello('n1', [], 'n1-second')
  story.beat('n1')
  story.lose('n1', true)
  expect(stateOf(story)).toBe('recovering n1 @1')
  story.passWith(2750, { n2: [] })
  expect(stateOf(story)).toBe('recovering n1 @1')
  story.passWith(500, { n2: [] })
  expect(stateOf(story)).toBe('starting n2 @2')
})

test('nor of its copy in a migration', () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.hello('n2', [], 'n2-second')
  story.beat('n2')
  story.lose('n2', true)
  story.passWith(2500, { n1: ['a@1 released m2'] })
  expect(stateOf(story)).toBe('migrating n1 @1')
  story.passWith(750, { n1: ['a@1 released m2'] })
  expect(stateOf(story)).toBe('starting n1 @3')
})

test('a released copy of a VM that was removed meanwhile is dropped; one of nobody we knew is not', () => {
  const story = moving()
  story.lose('n1')
  story.event('n2', 'a@2', 'running')
  story.passWith(500, { n2: ['a@2 running'] })
  story.ask({ do: 'stop', vmId: a })
  story.result('n2', 'run1-3')
  story.ask({ do: 'remove', vmId: a })
  story.hello('n1', ['a@1 released m2', 'stranger@1 released m2'])
  expect(story.lines.filter((line) => line.startsWith('> n1 resolve'))).toEqual([
    '> n1 resolve discard a@1 (run1-4)',
  ])
})

test('a copy in a migration of another coordinator says nothing of ours with the same number', () => {
  const story = moving()
  story.beat('n1', ['a@1 running m2', 'b@9 released m2'])
  expect(story.state.migrations.get(asMigrationId('m2'))?.sourceReleased).toBe(false)
})

test('a coordinator without a memory gives no layer and no migration a name that is in use', () => {
  const story = new Story()
  story.layersHeld.set('a', ['a.1.disk', 'a.12.disk'])
  story.hello('n1', ['a@7 running', 'b@3 released m20'])
  story.beat('n1', ['a@7 running', 'b@3 released m20'])
  story.say('a clone that its predecessor had begun is done')
  story.layersHeld.set('a', ['a.1.disk', 'a.12.disk', 'a.31.disk'])
  story.layersHeld.set('c', ['a.1.disk', 'a.12.disk', 'c.32.disk'])
  story.beat('n1', ['a@7 running', 'c@8 running'])
  story.run('d', { diskMib: 4 })
  expect(story.state.vms.get(asVmId('d'))?.disk.layers).toEqual(['d.34.disk'])
  story.say('a name that claims more than can be counted is a name like any other')
  story.layersHeld.set('e', ['e.99999999999999999999.disk'])
  story.hello('n2', ['e@1 running'])
  story.run('f', { diskMib: 4 })
  expect(story.state.vms.get(asVmId('f'))?.disk.layers).toEqual(['f.36.disk'])
})

test('of removed VMs only the last ten thousand are remembered', () => {
  const story = unprotectedAndLost()
  const { tombstones } = story.state
  for (let n = 0; n < 10_000; n++) {
    const id = asVmId(`x${n}`)
    tombstones.set(id, { id, epoch: asEpoch(0) })
  }
  story.ask({ do: 'remove', vmId: a })
  expect(tombstones.size).toBe(10_000)
  expect([tombstones.has(asVmId('x0')), tombstones.has(a)]).toEqual([false, true])
  expect(story.lines).toContain('= tombstone/a, no tombstone/x0, no vm/a')
})

test('without ha a replaced end of a migration is waited for as long as one with a lease', () => {
  const story = moving({ ha: false, diskMib: 4 })
  story.event('n1', 'a@1', 'released')
  story.hello('n2', [], 'n2-second')
  story.passWith(2500, { n1: ['a@1 released m2'], n2: [] })
  expect(stateOf(story)).toBe('migrating n1 @1')
  story.result('n2', 'run1-3')
  story.passWith(500, { n1: ['a@1 released m2'], n2: [] })
  expect(stateOf(story)).toMatch(/^starting n\d @3$/)
})

test('a guest crashes while its migration waits in the queue: where it was bound for knows less', () => {
  const story = started()
  const change = HaPolicyChange.parse({ restarts: 1 })
  story.ask({ do: 'set-policy', vmId: a, change }, 'one restart')
  const vm = story.state.vms.get(a)
  if (vm) vm.live.demandPercent = 60
  story.migrate('a', 'n2')
  story.event('n1', 'a@1', 'crashed')
  expect(stateOf(story)).toBe('recovering undefined @1')
  story.say('placed again it is counted as expected; the invariants look at what n2 bears')
  story.passWith(3000, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('starting n1 @2')
})

test('a destination that was fenced and is back may yet be given `run`: it is asked', () => {
  const story = moving()
  story.lose('n2')
  story.passWith(4000, { n1: ['a@1 running m2'] })
  story.hello('n2', ['a@2 incoming m2'])
  story.passWith(3000, { n1: ['a@1 released m2'], n2: ['a@2 prepared m2'] })
  expect(stateOf(story)).toMatch(/^migrating n1/)
  const asked = [...story.state.commands].find(([, { kind }]) => kind === 'resolve')
  expect(asked?.[1].nodeId).toBe('n2')
  story.result('n2', asked?.[0] ?? '')
  expect(stateOf(story)).toMatch(/^running n2/)
})

test('one that answers with what it runs is the owner', () => {
  const story = moving()
  story.lose('n2')
  story.passWith(4000, { n1: ['a@1 running m2'] })
  story.hello('n2', ['a@2 incoming m2'])
  story.passWith(600, { n1: ['a@1 released m2'], n2: ['a@2 incoming m2'] })
  expect(stateOf(story)).toMatch(/^migrating n1/)
  story.passWith(3000, { n1: ['a@1 released m2'], n2: ['a@2 running'] })
  expect(stateOf(story)).toBe('running n2 @2')
})

describe('a source that was told to run', () => {
  const openResolve = (story: Story) =>
    [...story.state.commands.values()].findLast(({ kind }) => kind === 'resolve')

  /** Its destination was fenced, and nobody has heard its answer. */
  function told(): Story {
    const story = moving({})
    story.event('n1', 'a@1', 'released')
    story.lose('n2')
    story.passWith(4000, { n1: ['a@1 released m2'] })
    expect(openResolve(story)?.nodeId).toBe('n1')
    story.lose('n1')
    return story
  }

  test('and whose link broke may be running: what is back with its copy is not', () => {
    const story = told()
    story.hello('n2', ['a@2 prepared m2'])
    story.passWith(1000, { n2: ['a@2 prepared m2'] })
    expect(story.text).not.toContain('> n2 resolve run')
    expect(stateOf(story)).toBe('migrating n1 @1')
    story.say('it is back, and says so')
    story.hello('n1', ['a@3 running'])
    expect(stateOf(story)).toBe('running n1 @3')
  })

  test('the same when the coordinator was started again meanwhile', () => {
    const story = told()
    story.restart()
    story.hello('n2', ['a@2 prepared m2'])
    story.passWith(1000, { n2: ['a@2 prepared m2'] })
    expect(story.text).not.toContain('> n2 resolve run')
    story.say('once its lease is over it runs no more')
    story.passWith(4000, { n2: ['a@2 prepared m2'] })
    expect(story.text).toContain('> n2 resolve run')
  })
})

/** `a` has moved to n2 by itself while the verdict that it may run there under 3 was on its way. */
function movedBeforeItsVerdict(): Story {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.progress('n1', 'm2', 'resolving')
  story.beat('n2', ['a@2 prepared m2'])
  story.event('n2', 'a@2', 'running')
  expect(stateOf(story)).toBe('running n2 @2')
  story.result('n1', 'run1-2')
  story.migrate('a', 'n1')
  return story
}

test('a verdict that came late makes the next migration stale: it ends, and the VM runs where it is', () => {
  const story = movedBeforeItsVerdict()
  story.admit('m3')
  story.say('n2 has carried out the verdict meanwhile, and knows no epoch 2 any more')
  story.result('n2', 'run1-4', 'stale-epoch')
  story.beat('n2', ['a@3 running'])
  expect(stateOf(story)).toBe('running n2 @3')
  expect(story.state.migrations.get(asMigrationId('m3'))).toMatchObject({
    phase: 'failed',
    fault: { code: 'stale-epoch' },
  })
})

test('so it does when the refusal was lost with the coordinator', () => {
  const story = movedBeforeItsVerdict()
  story.admit('m3')
  story.restart()
  story.join('n1')
  story.hello('n2', ['a@3 running'])
  story.passWith(8000, { n1: [], n2: ['a@3 running'] })
  expect(stateOf(story)).toBe('running n2 @3')
  expect(story.state.migrations.get(asMigrationId('m3'))?.phase).toBe('failed')
})

test('who answers for a process that it has replaced proves nothing about its copy', () => {
  const story = started()
  story.hello('n1', [], 'n1-second')
  expect(stateOf(story)).toBe('recovering n1 @1')
  story.ask({ do: 'stop', vmId: a })
  const stop = story.sent.findLast((message) => message.t === 'stop')
  story.result('n1', String(stop && 'commandId' in stop && stop.commandId), 'unknown-vm')
  story.passWith(2000, { n1: [], n2: [] })
  story.say('its lease may not be over: nobody else may start it yet')
  expect(stateOf(story)).toBe('stopping n1 @1')
  story.ask({ do: 'start', vmId: a })
  expect(story.answer).toHaveProperty('fault')
  story.passWith(1500, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('stopped undefined @1')
})

test('a removed VM that stands still where its node is cut off is not taken for one that nobody knows', () => {
  const story = started({ isolation: 'pause' })
  story.lose('n1')
  story.ask({ do: 'stop', vmId: a })
  story.passWith(3500, { n2: [] })
  expect(stateOf(story)).toBe('stopped undefined @1')
  story.ask({ do: 'remove', vmId: a })
  story.hello('n1', ['a@1 stranded'])
  expect(story.state.vms.has(a)).toBe(false)
  expect(story.lines.findLast((line) => line.startsWith('> n1 '))).toContain('a@1')
})

test('one that stands still goes on where it is only if the rules allow it there', () => {
  const story = started()
  story.run('b', { isolation: 'pause' })
  story.result('n2', 'run1-2')
  const rule = { kind: 'keep-apart' as const, name: 'two', vms: ['a', 'b'], strict: true }
  story.ask({ do: 'set-rule', rule })
  story.lose('n1')
  story.passWith(3500, { n2: ['b@2 running'] })
  story.lose('n2')
  story.pass(3500)
  story.hello('n2', ['b@2 stranded'])
  story.passWith(500, { n2: ['b@2 stranded'] })
  expect(stateOf(story)).toBe('starting n2 @3')
  const params = MigrationParams.parse({})
  story.ask({ do: 'maintenance', nodeId: asNodeId('n2'), params })
  story.passWith(3000, { n2: ['b@2 stranded', 'a@3 running'] })
  expect(stateOf(story, 'b')).toBe('recovering undefined @2')
  story.say('the other one has left')
  story.ask({ do: 'stop', vmId: a })
  story.passWith(3000, { n2: ['b@2 stranded'] })
  expect(stateOf(story, 'b')).toBe('starting n2 @4')
})
