// Nodes that hold a copy, or were told to start one, and cannot: nobody asks them without end, and
// nobody gives a VM up that another node can run.

import { expect, test } from 'vitest'
import { fault } from '#proto/faults.ts'
import { asMigrationId, asVmId } from '#proto/ids.ts'
import { moving, started, stateOf } from './story.ts'

test('a destination that cannot run its copy gives it up, and the source goes on', async () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.progress('n1', 'm2', 'resolving')
  story.beat('n1', ['a@1 released m2'])
  story.beat('n2', ['a@2 prepared m2'])
  story.say('it cannot open the disk: it is not asked again')
  story.result('n2', 'run1-3', 'internal')
  story.result('n2', 'run1-4')
  story.result('n1', 'run1-5')
  expect(stateOf(story)).toBe('running n1 @4')
  expect(story.state.migrations.get(asMigrationId('m2'))?.phase).toBe('failed')
  await expect(story.text).toMatchFileSnapshot('stories/destination-cannot.txt')
})

test('if the source cannot either, the VM restarts from its disk', async () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.progress('n1', 'm2', 'resolving')
  story.beat('n1', ['a@1 released m2'])
  story.beat('n2', ['a@2 prepared m2'])
  story.result('n2', 'run1-3', 'disk-failed')
  story.result('n2', 'run1-4')
  story.result('n1', 'run1-5', 'disk-failed')
  expect(stateOf(story)).toMatch(/^starting n\d @5$/)
  await expect(story.text).toMatchFileSnapshot('stories/neither-can.txt')
})

test('a destination that has lost its lease for a moment is asked again', () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.progress('n1', 'm2', 'resolving')
  story.beat('n1', ['a@1 released m2'])
  story.beat('n2', ['a@2 prepared m2'])
  story.result('n2', 'run1-3', 'lease-lost')
  story.beat('n2', ['a@2 prepared m2'])
  story.result('n2', 'run1-4')
  expect(stateOf(story)).toBe('running n2 @4')
})

test('a node that cannot open the disk does not fail the VM: each other one is tried once', () => {
  const story = started()
  story.lose('n1')
  story.passWith(3500, { n2: [] })
  expect(stateOf(story)).toBe('starting n2 @2')
  story.hello('n1')
  story.beat('n1')
  story.result('n2', 'run1-2', 'internal')
  expect(stateOf(story)).toBe('recovering undefined @2')
  story.passWith(1250, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('starting n1 @3')
  story.result('n1', 'run1-3', 'disk-failed')
  expect(stateOf(story)).toBe('failed undefined @3')
  story.say('an operator has mended the disk store')
  story.ask({ do: 'start', vmId: asVmId('a') })
  expect(stateOf(story)).toMatch(/^starting n\d @4$/)
})

const worn = fault('disk-failed', 'EIO: input/output error, writing a.1.disk')

test('a VM whose node cannot reach its disk any more starts on another one, with a pause between', () => {
  const story = started()
  story.event('n1', 'a@1', 'crashed', worn)
  expect(stateOf(story)).toBe('recovering undefined @1')
  story.passWith(1000, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('starting n2 @2')
})

test('one that nobody protects has failed, and so has one that only crashed', () => {
  const unprotected = started({ diskMib: 4, ha: false })
  unprotected.event('n1', 'a@1', 'crashed', worn)
  expect(stateOf(unprotected)).toBe('failed undefined @1')
  const crashed = started()
  crashed.event('n1', 'a@1', 'crashed')
  expect(stateOf(crashed)).toBe('failed undefined @1')
})
