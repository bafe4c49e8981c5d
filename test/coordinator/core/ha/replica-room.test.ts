// A replica makes room for a VM that is down, and only for such a one; and none is put where one
// that is down is about to start.

import { expect, test } from 'vitest'
import { HaPolicyChange } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { Story, stateOf } from '../story.ts'

const command = ({ state }: Story) => [...state.commands.keys()].at(-1) ?? ''
const replicaOf = (story: Story, id: string) => story.state.vms.get(asVmId(id))?.replica?.nodeId

/**
 * `a` runs on n1 and has a replica on n2, where 60 of 100 MiB are taken by it; `b` of 60 MiB runs on
 * n3.
 */
function kept(more: Partial<HaPolicyChange> = {}): Story {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  for (const [id, node] of [
    ['a', 'n1'],
    ['b', 'n3'],
  ] as const) {
    story.run(id, { memoryMib: 60, diskMib: 4 }, node)
    story.result(node, command(story))
    // It may start elsewhere, too.
    delete story.state.vms.get(asVmId(id))?.pinnedTo
  }
  const change = HaPolicyChange.parse({ protection: 'checkpoint', ...more })
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change })
  const all = { n1: ['a@1 running'], n2: [], n3: ['b@2 running'] }
  story.passWith(250, all)
  story.result('n1', command(story))
  story.passWith(250, { ...all, n1: ['a@1 running r3=kept'], n2: ['a@1 replica r3'] })
  expect(replicaOf(story, 'a')).toBe('n2')
  return story
}

const quiet = { n1: ['a@1 running r3=kept'], n2: ['a@1 replica r3'] }

test('of a VM that runs: one that is down takes its room, and it runs on alone', () => {
  const story = kept()
  story.lose('n3')
  story.passWith(4000, quiet)
  expect(story.text).toContain('a gives up its replica on n2: b is down, and fits there')
  story.result('n1', command(story))
  story.passWith(1000, { n1: ['a@1 running'], n2: [] })
  expect(stateOf(story, 'b')).toBe('starting n2 @3')
  // There is no other room for it, and it is not put in anybody's way.
  expect(replicaOf(story, 'a')).toBeUndefined()
})

test('not for a new VM: nobody takes away what protects another one', () => {
  const story = kept()
  story.run('c', { memoryMib: 60 })
  story.passWith(2000, { ...quiet, n3: ['b@2 running'] })
  expect(stateOf(story, 'c')).toBe('pending undefined @0')
  expect(replicaOf(story, 'a')).toBe('n2')
})

test('not of a VM whose node is silent: its replica may be all that is left of it', () => {
  const story = kept()
  story.lose('n3')
  story.lose('n1')
  story.passWith(4000, { n2: ['a@1 replica r3'] })
  expect(story.text).not.toContain('gives up its replica')
  expect(stateOf(story, 'a')).toBe('starting n2 @3')
})

test('not while a node could be woken for it', () => {
  const story = kept()
  story.join('n4')
  story.ask({ do: 'sleep', nodeId: asNodeId('n4') })
  story.ask({ do: 'set-power', change: { wakeMs: 500 } })
  story.lose('n3')
  story.passWith(6000, { ...quiet, n4: [] })
  expect(stateOf(story, 'b')).toBe('starting n4 @3')
  expect(replicaOf(story, 'a')).toBe('n2')
})
