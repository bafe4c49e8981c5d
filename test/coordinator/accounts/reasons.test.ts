// Why something was done, or is not done, may name VMs of others: a person is not told those names.

import { expect, test } from 'vitest'
import { Sight } from '#coordinator/accounts/sight.ts'
import { clusterView } from '#coordinator/core/views.ts'
import { freshIdentity } from '#coordinator/identity.ts'
import { SeededRandom } from '#env/memory.ts'
import { HaPolicyChange } from '#proto/ha.ts'
import { asVmId } from '#proto/ids.ts'
import { segmentVersion } from '#proto/units.ts'
import { VmSpec } from '#proto/vm-spec.ts'
import { Story } from '../core/story.ts'

const random = new SeededRandom(5)
const spec = VmSpec.parse({ memoryMib: 40 })
const run = (story: Story, id: string, owner: string) =>
  story.ask({ do: 'run', request: { id, spec }, identity: freshIdentity(random), owner })

/** `secret` is ann's, `mine` is bob's, and both are on one node. */
function both(order = ['secret', 'mine'] as ('secret' | 'mine')[]): Story {
  const story = new Story()
  story.speaks = segmentVersion
  story.join('n1')
  const owners = { secret: 'ann', mine: 'bob' }
  for (const id of order) run(story, id, owners[id])
  for (const [id, { nodeId }] of [...story.state.commands]) story.result(nodeId, id)
  return story
}
const seenByBob = ({ state }: Story): string => {
  const sight = new Sight({ name: 'bob', role: 'person' }, state)
  return JSON.stringify(sight.cluster(clusterView(state, 0, '')))
}

test('a rule that moves a VM is told in the story without whom it keeps it apart from', () => {
  const story = both()
  story.join('n2')
  const vms = ['secret', 'mine']
  story.ask({ do: 'set-rule', rule: { kind: 'keep-apart', name: 'apart', vms, strict: true } })
  story.passWith(1000, { n1: ['secret@1 running', 'mine@2 running'], n2: [] })
  expect(story.text).toContain('keeps mine apart from secret')
  expect(seenByBob(story)).toContain('the migration of mine from n1 to n2 is queued')
  expect(seenByBob(story)).not.toMatch(/secret|apart/)
})

test('nor is one that starts after others told which of them does not run yet', () => {
  const story = both()
  const change = HaPolicyChange.parse({ after: ['secret'] })
  story.ask({ do: 'set-policy', vmId: asVmId('mine'), change })
  story.lose('n1')
  story.passWith(6000, {})
  story.join('n2')
  story.passWith(1000, { n2: [] })
  expect(story.state.vms.get(asVmId('mine'))?.fault?.message).toContain('it starts after secret')
  expect(seenByBob(story)).not.toContain('secret')
})

test('nor whose room admission control keeps', () => {
  const story = both(['mine', 'secret'])
  story.join('n2')
  story.ask({ do: 'set-ha', change: { tolerate: 1 } })
  run(story, 'more', 'bob')
  expect(story.answer).toMatchObject({ fault: { code: 'no-room' } })
  expect(JSON.stringify(story.answer)).not.toContain('secret')
})
