// VMs that go by themselves to where rules want them.

import { expect, test } from 'vitest'
import { HaRule } from '#proto/ha.ts'
import { asNodeId } from '#proto/ids.ts'
import { Story } from '../story.ts'

const moves = ({ state }: Story) =>
  [...state.migrations.values()].map(({ vmId, from, to }) => `${vmId} ${from}→${to}`)

test('one whose best node flaps goes to the next best, where that is better than its own', () => {
  const story = new Story()
  story.join('n3')
  story.run('a', { diskMib: 4 })
  story.result('n3', 'run1-1')
  story.join('n1', 'n2')
  story.state.nodes.get(asNodeId('n1'))?.live.lostAtMs.push(0, 0, 0)
  const nodes = [
    { id: 'n1', priority: 2 },
    { id: 'n2', priority: 1 },
  ]
  const rule = HaRule.parse({ kind: 'node-affinity', name: 'there', vms: ['a'], nodes })
  story.ask({ do: 'set-rule', rule })
  story.passWith(1000, { n1: [], n2: [], n3: ['a@1 running'] })
  expect(moves(story)).toEqual(['a n3→n2'])
})
