// When power is not saved: VMs that are not packed, moments at which nothing is, and nodes that do
// not sleep although they are empty. Not here: how VMs are packed, who is woken (power.test.ts).

import { expect, test } from 'vitest'
import { HaPolicyChange, HaRule } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { running } from './running.ts'
import type { Story } from './story.ts'

const save = (story: Story, more = {}) =>
  story.ask({ do: 'set-power', change: { save: true, sleepAfterMs: 500, wakeMs: 5000, ...more } })
const vmOf = (story: Story, id: string) => {
  const vm = story.state.vms.get(asVmId(id))
  if (!vm) throw new Error(id)
  return vm
}
const packed = (story: Story) =>
  [...story.state.migrations.values()].flatMap(({ cause, vmId, to }) =>
    cause === 'consolidation' ? `${vmId} to ${to}` : [],
  )
const held = { n1: ['a@1 running', 'c@3 running'], n2: ['b@2 running'] }

/** `a` and `c` on n1 would go to n2, where `b` is; or `b` to them. */
const ready = (): Story =>
  running([
    ['a', 'n1', 5],
    ['b', 'n2', 5, 40],
    ['c', 'n1', 5],
  ])
const toSecond = ['a to n2', 'c to n2']
const toFirst = ['b to n1']

test.each<[string, (story: Story) => void, readonly string[]]>([
  ['nothing', () => undefined, toSecond],
  [
    'a rule that keeps some together',
    (story) => {
      const rule = HaRule.parse({ kind: 'keep-together', name: 'pair', vms: ['a', 'c'] })
      story.ask({ do: 'set-rule', rule })
    },
    toFirst,
  ],
  ['one that is bound', (story) => Object.assign(vmOf(story, 'a'), { pinnedTo: 'n1' }), toFirst],
  [
    'one that was not measured yet',
    (story) => Object.assign(vmOf(story, 'a').live, { demandPercent: undefined }),
    toFirst,
  ],
  ['one that waits for room', (story) => story.run('big', { memoryMib: 200 }), []],
  ['another migration', (story) => story.migrate('b', 'n3'), []],
  [
    'a node that is being woken',
    (story) => {
      story.ask({ do: 'sleep', nodeId: asNodeId('n3') })
      story.ask({ do: 'wake', nodeId: asNodeId('n3') })
    },
    [],
  ],
])('what is packed beside %s', (_, hold, moves) => {
  const story = ready()
  save(story)
  hold(story)
  story.pass(1000)
  expect(packed(story)).toEqual(moves)
})

const sleeps = (story: Story) => story.state.nodes.get(asNodeId('n3'))?.standby !== undefined

test.each<[string, number, (story: Story) => void, boolean]>([
  ['nothing', 0.8, () => undefined, true],
  ['one that waits for room', 0.8, (story) => story.run('big', { memoryMib: 200 }), false],
  ['others that are too busy without it', 0.04, () => undefined, false],
])('a node that is empty is kept awake by %s', (_, loadMax, hold, isAsleep) => {
  const story = ready()
  for (const id of ['a', 'b', 'c']) {
    const change = HaPolicyChange.parse({ locked: true })
    story.ask({ do: 'set-policy', vmId: asVmId(id), change })
  }
  save(story, { loadMax })
  hold(story)
  story.passWith(3000, { ...held, n3: [] })
  expect(sleeps(story)).toBe(isAsleep)
})

test('nothing starts on a node that is being emptied, though it has the least to do', () => {
  const story = running([
    ['a', 'n1', 5],
    ['b', 'n2', 20, 40],
    ['c', 'n3', 20, 40],
  ])
  save(story)
  story.passWith(1000, { n1: ['a@1 running'], n2: ['b@2 running'], n3: ['c@3 running'] })
  expect(packed(story)).toEqual(['a to n2'])
  story.run('x')
  expect(vmOf(story, 'x').nodeId).toBe('n3')
})
