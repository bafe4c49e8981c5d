// VMs that a strict rule keeps together, of which one may not go where the others could: bound to
// its node, locked or paused. The others rather wait than leave it, and nobody waits for ever.

import { expect, test } from 'vitest'
import { evacuationView } from '#coordinator/core/evacuation.ts'
import type { ApiCommand } from '#coordinator/core/step-context.ts'
import { HaPolicyChange } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { Story, stateOf } from '../story.ts'

const together = (story: Story) =>
  story.ask({
    do: 'set-rule',
    rule: { kind: 'keep-together', name: 'pair', vms: ['a', 'b'], strict: true },
  })

function finishStarts(story: Story): void {
  for (const [id, { kind, nodeId }] of [...story.state.commands])
    if (kind === 'start') story.result(nodeId, id)
}

/** Both run on n1; n2 has room for both. */
function pair(boundTo?: string): Story {
  const story = new Story()
  story.join('n1', 'n2')
  together(story)
  story.run('a', {}, boundTo)
  story.run('b')
  finishStarts(story)
  expect([stateOf(story, 'a'), stateOf(story, 'b')]).toEqual(['running n1 @1', 'running n1 @2'])
  return story
}

test('one that is bound to its node is waited for there, and all start when it is back', () => {
  const story = pair('n1')
  story.lose('n1')
  story.passWith(6000, { n2: [] })
  expect(stateOf(story, 'b')).toBe('recovering undefined @2')
  const { fault } = story.state.vms.get(asVmId('b')) ?? {}
  expect(fault?.message).toMatch(/a rule keeps b together with a, which is bound to n1/)
  story.hello('n1', [], 'n1-second')
  story.beat('n1')
  story.passWith(500, { n1: [], n2: [] })
  expect([stateOf(story, 'a'), stateOf(story, 'b')]).toEqual(['starting n1 @3', 'starting n1 @4'])
})

test('who is elsewhere when it waits for its node comes to it', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a', {}, 'n1')
  story.run('b', {}, 'n2')
  finishStarts(story)
  const b = story.state.vms.get(asVmId('b'))
  if (!b) throw new Error('no b')
  delete b.pinnedTo
  story.lose('n1')
  story.passWith(6000, { n2: ['b@2 running'] })
  together(story)
  story.hello('n1', [], 'n1-second')
  story.beat('n1')
  story.passWith(1000, { n1: [], n2: ['b@2 running'] })
  const [id] = [...story.state.openMigrations]
  expect(story.state.migrations.get(id ?? ('' as never))).toMatchObject({ vmId: 'b', to: 'n1' })
  expect(stateOf(story, 'a')).toBe('starting n1 @3')
})

const say = (change: object): ApiCommand => ({
  do: 'set-policy',
  vmId: asVmId('a'),
  change: HaPolicyChange.parse(change),
})

test.each<[string, (story: Story) => void, RegExp]>([
  ['locked', (story) => story.ask(say({ locked: true })), /together with a: it is locked/],
  [
    'paused',
    (story) => {
      story.ask({ do: 'pause', vmId: asVmId('a') })
      story.result('n1', [...story.state.commands.keys()].at(-1) ?? '')
    },
    /together with a: it is paused/,
  ],
])('who is kept together with one that is %s does not leave it behind', (_, stay, why) => {
  const story = pair()
  stay(story)
  const params = MigrationParams.parse({})
  story.ask({ do: 'maintenance', nodeId: asNodeId('n1'), params }, 'evacuate n1')
  story.pass(100)
  expect(story.state.openMigrations.size).toBe(0)
  const node = story.state.nodes.get(asNodeId('n1'))
  if (!node) throw new Error('no n1')
  const stuck = evacuationView(story.state, node, 0)?.stuck.find(({ vmId }) => vmId === 'b')
  expect(stuck?.why).toMatch(why)
})
