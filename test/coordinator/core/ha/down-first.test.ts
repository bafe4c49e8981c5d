// Room that appears is for a VM that is down: nobody who runs is moved into its way, neither to
// where its rules want it, nor out of maintenance.

import { expect, test } from 'vitest'
import { HaRule } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { Story, stateOf } from '../story.ts'

const command = ({ state }: Story) => [...state.commands.keys()].at(-1) ?? ''

/** `a` of 80 MiB runs on n1, `b` of 40 on n2 with `c` of 40, where there is no room for `a`. */
function running(): Story {
  const story = new Story()
  story.join('n1', 'n2')
  for (const [id, memoryMib] of [
    ['a', 80],
    ['b', 40],
    ['c', 40],
  ] as const) {
    story.run(id, { memoryMib, diskMib: 4 })
    story.result(id === 'a' ? 'n1' : 'n2', command(story))
  }
  expect(['a', 'b', 'c'].map((id) => stateOf(story, id).split(' ')[1])).toEqual(['n1', 'n2', 'n2'])
  return story
}

const preferN1 = (story: Story) => {
  const nodes = [{ id: 'n1' }]
  const about = { kind: 'node-affinity', name: 'there', vms: ['b'], nodes, strict: false }
  story.ask({ do: 'set-rule', rule: HaRule.parse(about) })
}
const evacuateN2 = (story: Story) => {
  const params = MigrationParams.parse({})
  story.ask({ do: 'maintenance', nodeId: asNodeId('n2'), params })
}

test.each<[string, (story: Story) => void]>([
  ['its rules prefer it there', preferN1],
  ['it leaves a node in maintenance', evacuateN2],
])('a VM that has lost its node comes before one that only moves: %s', (_, want) => {
  const story = running()
  story.lose('n1')
  const n2 = ['b@2 running', 'c@3 running']
  story.passWith(4000, { n2 })
  expect(stateOf(story, 'a')).toBe('recovering undefined @1')
  want(story)
  story.passWith(1000, { n2 })
  story.hello('n1', [], 'n1-second')
  story.passWith(1000, { n1: [], n2 })
  expect(stateOf(story, 'a')).toBe('starting n1 @4')
  expect(story.state.vms.get(asVmId('b'))?.nodeId).toBe('n2')
})
