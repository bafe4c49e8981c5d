// Admission control and VMs that move by themselves: each move alone may leave room for the
// failures that are to be tolerated, and several together none.

import { expect, test } from 'vitest'
import { rebalance } from '#coordinator/core/rebalance.ts'
import { HaPolicyChange, HaRule } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { running } from '../running.ts'
import type { Story } from '../story.ts'

const tolerate = (story: Story) => story.ask({ do: 'set-ha', change: { tolerate: 1 } })
const lock = (story: Story, ...ids: string[]) => {
  const change = HaPolicyChange.parse({ locked: true })
  for (const id of ids) story.ask({ do: 'set-policy', vmId: asVmId(id), change })
}

test.each([[['c']], [['c', 'd']]])('packing of %s', (small) => {
  // On n2 there is room for the big one of n1 and for one small one.
  const story = running([
    ['big', 'n1', 5, 60],
    ['b', 'n2', 5, 10],
    ...small.map((id) => [id, 'n3', 5, 20] as [string, string, number, number]),
  ])
  const [n3] = [story.state.nodes.get(asNodeId('n3'))]
  if (n3) Object.assign(n3, { capacity: { ...n3.capacity, memoryMib: 40 } })
  const nodes = [{ id: 'n2' }, { id: 'n3' }]
  const rule = { kind: 'node-affinity', name: 'there', vms: small, nodes, strict: true }
  story.ask({ do: 'set-rule', rule: HaRule.parse(rule) })
  lock(story, 'b')
  tolerate(story)
  story.ask({ do: 'set-power', change: { save: true } })
  story.pass(1000)
  expect(story.state.openMigrations.size).toBe(small.length === 1 ? 1 : 0)
})

test('balancing: of two moves at once the second one is not made', () => {
  // Room for the big one of n5 is on n2 and on n4, and after both moves on neither.
  const story = running(
    [
      ['x', 'n1', 40, 30],
      ['x-beside', 'n1', 50, 70],
      ['p', 'n2', 5, 20],
      ['y', 'n3', 40, 30],
      ['y-beside', 'n3', 50, 70],
      ['q', 'n4', 5, 20],
      ['big', 'n5', 45, 60],
    ],
    ['n1', 'n2', 'n3', 'n4', 'n5'],
  )
  lock(story, 'x-beside', 'p', 'y-beside', 'q', 'big')
  const moves = () => rebalance(story.state, 60_000, { isAsked: true }).moves.map((m) => m.vmId)
  expect(moves()).toEqual(['x', 'y'])
  tolerate(story)
  expect(moves()).toEqual(['x'])
})
