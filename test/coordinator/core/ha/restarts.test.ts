// How often a VM that crashed is started again, and when the count begins anew.

import { expect, test } from 'vitest'
import { HaPolicyChange } from '#proto/ha.ts'
import { asVmId } from '#proto/ids.ts'
import { Story, stateOf } from '../story.ts'

const command = ({ state }: Story) => [...state.commands.keys()].at(-1) ?? ''

/** It has crashed once, and runs again: its one restart is used up. */
function crashedOnce(): Story {
  const story = new Story()
  story.join('n1')
  story.run('a')
  const change = HaPolicyChange.parse({ restarts: 1 })
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change })
  story.result('n1', command(story))
  story.event('n1', 'a@1', 'crashed')
  story.passWith(1000, { n1: [] })
  story.result('n1', command(story))
  expect(stateOf(story)).toBe('running n1 @2')
  return story
}

/** The coordinator begins anew, and the VM runs on for so long before it crashes again. */
function crashedAfter(ms: number): Story {
  const story = crashedOnce()
  story.restart()
  story.hello('n1', ['a@2 running'])
  story.passWith(ms, { n1: ['a@2 running'] })
  story.event('n1', 'a@2', 'crashed')
  story.passWith(1000, { n1: [] })
  return story
}

test('a minute of running begins the count anew, also under another coordinator', () => {
  expect(stateOf(crashedAfter(70_000))).toBe('starting n1 @3')
})

test('less than that does not, whatever the coordinator knows of before', () => {
  expect(stateOf(crashedAfter(5_000))).toBe('failed undefined @2')
})

test('it starts again on its node also by another coordinator, which waits for word of that', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a', { diskMib: 4 })
  story.result('n1', command(story))
  const change = HaPolicyChange.parse({ restarts: 1 })
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change })
  story.event('n1', 'a@1', 'crashed')
  story.restart()
  story.hello('n2')
  story.passWith(1000, { n2: [] })
  expect(stateOf(story)).toBe('recovering undefined @1')
  story.hello('n1')
  story.passWith(500, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('starting n1 @2')
})

test('when that is lost meanwhile, it starts on another', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a', { diskMib: 4 })
  story.result('n1', command(story))
  const change = HaPolicyChange.parse({ restarts: 1 })
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change })
  story.event('n1', 'a@1', 'crashed')
  story.lose('n1')
  story.passWith(4000, { n2: [] })
  expect(stateOf(story)).toBe('starting n2 @2')
})

test('one that waits for another meanwhile still goes on to another node', () => {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  story.run('b', { diskMib: 4 })
  story.result('n1', command(story))
  story.run('a', { diskMib: 4 })
  const set = (id: string, change: HaPolicyChange) =>
    story.ask({ do: 'set-policy', vmId: asVmId(id), change: HaPolicyChange.parse(change) })
  set('a', { relocations: 1, after: ['b'] })
  set('b', { restarts: 1 })
  story.result('n2', command(story), 'disk-failed')
  story.event('n1', 'b@1', 'crashed')
  story.passWith(1000, { n1: [], n2: [], n3: [] })
  story.result('n1', command(story))
  story.passWith(1000, { n1: ['b@3 running'], n2: [], n3: [] })
  expect(stateOf(story)).toBe('starting n3 @4')
})
