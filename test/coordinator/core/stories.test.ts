// The rules of docs/decisions/0002-who-may-run-a-vm.md as stories. Each transcript is in stories/,
// is read like a text, and must come out the same.

import { expect, test } from 'vitest'
import { Story } from './story.ts'

const golden = (story: Story, name: string) =>
  expect(story.text).toMatchFileSnapshot(`stories/${name}.txt`)

/** Two nodes, and `a` running on n1 under epoch 1. With a disk, unless said otherwise. */
function started(spec: Parameters<Story['run']>[1] = { diskMib: 4 }): Story {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a', spec, undefined)
  story.result('n1', 'run1-1')
  return story
}

/** … and m2 has begun to move it to n2, as epoch 2. */
function moving(spec?: Parameters<Story['run']>[1]): Story {
  const story = started(spec)
  story.migrate('a', 'n2')
  story.admit('m2')
  story.passWith(250, { n1: ['a@1 running m2'], n2: ['a@2 incoming m2'] })
  return story
}

const state = (story: Story) => {
  const vm = story.state.vms.get('a' as never)
  return `${vm?.phase} ${vm?.nodeId} @${vm?.epoch}`
}

test('a VM is placed, remembered, and only then started', async () => {
  const story = new Story()
  story.say('nobody is there: it waits, and says why')
  story.run('a')
  story.say('n1 joins; nothing is started before it has renewed its lease')
  story.hello('n1')
  story.pass(250)
  story.beat('n1')
  story.result('n1', 'run1-1')
  story.say('stopped and started again: a new epoch')
  story.ask({ do: 'stop', vmId: 'a' as never })
  story.result('n1', 'run1-2')
  story.ask({ do: 'start', vmId: 'a' as never })
  await golden(story, 'start')
  const lines = story.lines
  expect(lines.findIndex((l) => l.startsWith('= vm/a'))).toBeLessThan(
    lines.findIndex((l) => l.includes('start a@1')),
  )
})

test('a node is lost: fenced after lease and margin, its VM recovered under a new epoch', async () => {
  const story = started()
  story.say('n1 falls silent')
  story.lose('n1')
  story.passWith(2000, { n2: [] })
  expect(state(story)).toBe('running n1 @1')
  story.passWith(1250, { n2: [] })
  story.result('n2', 'run1-2')
  expect(state(story)).toBe('running n2 @2')
  story.say('n1 comes back with the old copy: it is told to stop before its lease is renewed')
  story.hello('n1', ['a@1 running'])
  story.beat('n1', ['a@1 running'])
  await golden(story, 'failover')
  const stop = story.lines.findLastIndex((line) => line.startsWith('> n1 stop a@1'))
  const lease = story.lines.findLastIndex((line) => line.startsWith('> n1 lease'))
  expect(stop).toBeLessThan(lease)
})

test('a node hangs: its link is closed at the fence, and what is still in it counts no more', async () => {
  const story = started()
  story.passWith(3250, { n2: [] })
  expect(state(story)).toBe('starting n2 @2')
  story.say('it wakes and speaks over the old link: nobody listens')
  story.event('n1', 'a@1', 'fenced')
  story.hello('n1', [])
  await golden(story, 'hang')
  expect(story.lines).toContain('> n1 closed: lease-lost')
})

test('without ha a VM waits for its node, and may not be started elsewhere', async () => {
  const story = started({ ha: false })
  story.lose('n1')
  story.passWith(3500, { n2: [] })
  expect(state(story)).toBe('failed n1 @1')
  story.say('an operator may not make a second copy')
  story.ask({ do: 'start', vmId: 'a' as never })
  story.say('n1 comes back and runs it still')
  story.hello('n1', ['a@1 running'])
  expect(state(story)).toBe('running n1 @1')
  await golden(story, 'without-ha')
})

test('the coordinator is killed and started again: guests do not notice', async () => {
  const story = started()
  story.restart()
  story.say('both agents are back within the lease')
  story.hello('n1', ['a@1 running'])
  story.hello('n2')
  story.passWith(4000, { n1: ['a@1 running'], n2: [] })
  expect(state(story)).toBe('running n1 @1')
  story.say(
    'killed again; this time n1 does not come back: a whole lease is waited for, counted from the start',
  )
  story.restart()
  story.hello('n2')
  story.passWith(2750, { n2: [] })
  expect(state(story)).toBe('running n1 @1')
  story.passWith(500, { n2: [] })
  expect(state(story)).toBe('starting n2 @2')
  await golden(story, 'coordinator-restart')
})

test('a coordinator without a memory takes the word of the agents', async () => {
  const story = new Story()
  story.hello('n1', ['a@7 running', 'b@9 paused'])
  story.hello('n2', ['a@5 running'])
  expect(state(story)).toBe('running n1 @7')
  story.run('c')
  await golden(story, 'empty-memory')
})

test('a migration goes its way: the destination is the owner as soon as it says so', async () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.event('n2', 'a@2', 'running')
  expect(state(story)).toBe('running n2 @2')
  story.result('n1', 'run1-2')
  await golden(story, 'migration')
})

test('a cancelled migration leaves the VM where it is', async () => {
  const story = moving()
  story.ask({ do: 'cancel-migration', migrationId: 'm2' as never }, 'cancel m2')
  story.result('n1', 'run1-2', 'cancelled')
  story.result('n1', 'run1-3')
  story.beat('n1', ['a@1 running'])
  expect(story.state.migrations.get('m2' as never)?.phase).toBe('cancelled')
  expect(state(story)).toBe('running n1 @1')
  await golden(story, 'cancel')
})

test('released, and the destination holds a complete copy: it runs it under a new epoch', async () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.progress('n1', 'm2', 'resolving')
  story.beat('n2', ['a@2 prepared m2'])
  story.result('n2', 'run1-3')
  expect(state(story)).toBe('running n2 @3')
  story.say('the source is told what became of it, and its account completes the record')
  story.beat('n1', ['a@1 released m2'])
  story.result('n1', 'run1-2')
  await golden(story, 'resolve-destination')
})

test('the question is lost with its link: it is asked again', async () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.progress('n1', 'm2', 'resolving')
  story.beat('n2', ['a@2 prepared m2'])
  story.lose('n2')
  story.hello('n2', ['a@2 prepared m2'])
  story.beat('n2', ['a@2 prepared m2'])
  story.result('n2', 'run1-4')
  expect(state(story)).toBe('running n2 @4')
  await golden(story, 'question-lost')
})

test('released, and the destination has discarded: the source goes on under a new epoch', async () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.progress('n1', 'm2', 'resolving')
  story.beat('n1', ['a@1 released m2'])
  story.beat('n2', [])
  story.say('a report may be older than the question: the answer is what counts')
  story.result('n2', 'run1-3')
  story.result('n1', 'run1-4')
  expect(state(story)).toBe('running n1 @3')
  await golden(story, 'resolve-source')
})

test('released, and the destination lost: it may have run, so the disk is newer than the copy', async () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.lose('n2')
  story.passWith(3500, { n1: ['a@1 released m2'] })
  expect(state(story)).toBe('starting n1 @3')
  await golden(story, 'destination-lost-with-disk')
})

test('released, and the destination lost, but nothing is on a disk: the copy goes on', async () => {
  const story = moving({ diskMib: 0 })
  story.event('n1', 'a@1', 'released')
  story.lose('n2')
  story.passWith(3500, { n1: ['a@1 released m2'] })
  story.result('n1', 'run1-3')
  expect(state(story)).toBe('running n1 @3')
  await golden(story, 'destination-lost-without-disk')
})

test('the source is lost, unreleased: a prepared copy may be stale, so it is discarded', async () => {
  const story = moving()
  story.lose('n1')
  story.passWith(3250, { n2: ['a@2 prepared m2'] })
  story.result('n2', 'run1-3')
  expect(state(story)).toBe('starting n2 @3')
  await golden(story, 'source-lost-unreleased')
})

test('the source is lost after its release: the prepared copy is the VM, and nobody waits for a fence', async () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.beat('n2', ['a@2 prepared m2'])
  story.lose('n1')
  story.result('n2', 'run1-3')
  expect(state(story)).toBe('running n2 @3')
  await golden(story, 'source-lost-released')
})

test('both ends are lost: both are fenced before it restarts from its disk', async () => {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  story.run('a', { diskMib: 4 })
  story.result('n1', 'run1-1')
  story.migrate('a', 'n2')
  story.admit('m2')
  story.lose('n1')
  story.passWith(1500, { n2: ['a@2 prepared m2'], n3: [] })
  story.lose('n2')
  story.passWith(2000, { n3: [] })
  expect(state(story)).toBe('migrating n1 @1')
  story.passWith(1500, { n3: [] })
  expect(state(story)).toBe('starting n3 @3')
  await golden(story, 'both-lost')
})

test('a new process at the destination proves nothing about the old one', async () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.say('n2 is started anew; the old process may have run it under a lease that is not over')
  story.hello('n2', [], 'n2-second')
  story.passWith(2000, { n1: ['a@1 released m2'], n2: [] })
  story.result('n2', 'run1-3')
  expect(state(story)).toBe('migrating n1 @1')
  story.passWith(1250, { n1: ['a@1 released m2'], n2: [] })
  expect(state(story)).toMatch(/^starting n\d @3$/)
  await golden(story, 'destination-restarted')
})

test('a new process at the destination may be the one that gets the copy: it is asked too', async () => {
  const story = started()
  story.migrate('a', 'n2')
  story.say('the source hangs before it reads the command; meanwhile n2 is started anew')
  story.admit('m2')
  story.hello('n2', [], 'n2-second')
  story.passWith(2000, { n1: ['a@1 running'], n2: [] })
  story.passWith(1250, { n1: ['a@1 running m2'], n2: ['a@2 incoming m2'] })
  story.event('n1', 'a@1', 'released')
  expect(state(story)).toBe('migrating n1 @1')
  story.event('n2', 'a@2', 'running')
  expect(state(story)).toBe('running n2 @2')
  await golden(story, 'destination-successor')
})

test('a destination that fenced itself has run it: that it holds nothing now does not undo that', async () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.lose('n2')
  story.hello('n2', [])
  story.progress('n1', 'm2', 'resolving')
  story.beat('n1', ['a@1 released m2'])
  story.say('its old news are delivered after its hello')
  story.beat('n2', [])
  story.event('n2', 'a@2', 'fenced')
  story.result('n2', 'run1-3')
  expect(state(story)).toMatch(/^starting n\d @3$/)
  await golden(story, 'destination-fenced')
})

test('a source that gave up badly is asked what it holds before its VM is called running', async () => {
  const story = moving()
  story.result('n1', 'run1-2', 'link-lost')
  expect(state(story)).toBe('migrating n1 @1')
  story.say('it had released')
  story.beat('n1', ['a@1 released m2'])
  story.beat('n2', ['a@2 prepared m2'])
  story.result('n2', 'run1-3')
  expect(state(story)).toBe('running n2 @3')
  await golden(story, 'source-gave-up')
})

test('a node that is started anew: its old process may still live, so its lease is waited for', async () => {
  const story = started()
  story.hello('n1', [], 'n1-second')
  story.passWith(2500, { n1: [], n2: [] })
  expect(state(story)).toBe('recovering n1 @1')
  story.passWith(1000, { n1: [], n2: [] })
  expect(state(story)).toMatch(/^starting n\d @2$/)
  story.say('the old process is refused')
  story.hello('n1', ['a@1 running'], 'n1-first')
  await golden(story, 'node-restarted')
})

test('the result of a migration was lost with the coordinator: the source is asked', async () => {
  const story = moving()
  story.restart()
  story.hello('n1', ['a@1 running'])
  story.hello('n2', [])
  story.passWith(5500, { n1: ['a@1 running'], n2: [] })
  story.result('n1', 'run2-1', 'unknown-migration')
  story.beat('n1', ['a@1 running'])
  expect(state(story)).toBe('running n1 @1')
  await golden(story, 'lost-result')
})

test('clones get their own identity, epoch and layer; a parent goes on', async () => {
  const story = started()
  story.clone('a', ['a1', 'a2'], 'n2')
  story.clone('a', ['a3'], 'n2')
  story.admit('m2')
  story.event('n2', 'a1@2', 'running')
  story.result('n1', 'run1-2')
  const layers = (id: string) => story.state.vms.get(id as never)?.disk.layers
  expect(layers('a')).toEqual(['a.1.disk', 'a.9.disk'])
  expect(layers('a1')?.[0]).toBe('a.1.disk')
  expect(layers('a2')).not.toEqual(layers('a1'))
  story.say('the second fails: what never ran is removed, and a late report does not revive it')
  story.admit('m5')
  story.result('n1', 'run1-3', 'no-room')
  expect(story.state.vms.has('a3' as never)).toBe(false)
  story.beat('n2', ['a1@2 running', 'a2@3 running', 'a3@4 running'])
  await golden(story, 'clones')
})

test('a guest that shuts itself down is stopped, not recovered, even across a lost link', async () => {
  const story = started()
  story.lose('n1')
  story.hello('n1', [])
  story.event('n1', 'a@1', 'shut-down')
  story.passWith(3000, { n1: [], n2: [] })
  expect(state(story)).toBe('stopped undefined @1')
  await golden(story, 'shut-down')
})

test('a node says goodbye: its VMs go elsewhere at once', async () => {
  const story = started()
  story.lose('n1', true)
  expect(state(story)).toBe('starting n2 @2')
  await golden(story, 'goodbye')
})
