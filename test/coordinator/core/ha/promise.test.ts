// Admission control and where VMs go: each move alone may leave room for the failures that are to
// be tolerated, and several together none; and of nodes that are as good, one keeps the promise.

import { expect, test } from 'vitest'
import { shortagesOf } from '#coordinator/core/ha/admission.ts'
import { rebalance } from '#coordinator/core/rebalance.ts'
import { HaPolicyChange, HaRule } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { running } from '../running.ts'
import { type Story, stateOf } from '../story.ts'

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

/** The loss of n2 is tolerated by what is free on n1, which has the least to do. */
const spareOnFirst = () =>
  running([
    ['p', 'n1', 20, 40],
    ['q', 'n2', 40, 60],
    ['r', 'n3', 60, 50],
  ])

test('a VM that is new starts where the promise is kept, though another has less to do', () => {
  const story = spareOnFirst()
  tolerate(story)
  story.run('x', { memoryMib: 20 })
  expect(story.answer).toHaveProperty('value')
  expect(stateOf(story, 'x')).toMatch(/^starting n2/)
  expect(story.state.vms.get(asVmId('x'))?.placedBecause).toMatch(/failures/)
})

test('what rules prefer comes before the promise: it would be moved there', () => {
  const story = spareOnFirst()
  tolerate(story)
  const about = { kind: 'node-affinity', name: 'there', vms: ['x'], nodes: [{ id: 'n1' }] }
  story.ask({ do: 'set-rule', rule: HaRule.parse(about) })
  story.run('x', { memoryMib: 20 })
  expect(story.answer).toMatchObject({ fault: { code: 'no-room' } })
})

test('and the second best is asked the same, before the third', () => {
  const story = running(
    [
      ['p', 'n1', 10, 40],
      ['q', 'n2', 60, 60],
      ['t', 'n3', 20, 40],
      ['s', 'n4', 60, 60],
    ],
    ['n1', 'n2', 'n3', 'n4'],
  )
  for (const [vm, nodes] of [
    ['q', ['n1', 'n2']],
    ['s', ['n3', 'n4']],
  ] as const) {
    const about = { kind: 'node-affinity', name: `for-${vm}`, vms: [vm], strict: true }
    const rule = HaRule.parse({ ...about, nodes: nodes.map((id) => ({ id })) })
    story.ask({ do: 'set-rule', rule })
  }
  tolerate(story)
  story.run('x', { memoryMib: 20 })
  expect(stateOf(story, 'x')).toMatch(/^starting n2/)
})

/** `x` and `y` are on n4, and have to go together: n1 has least to do, and room to spare for one. */
function pairOnFourth(): Story {
  const story = running(
    [
      ['p', 'n1', 20, 24],
      ['q', 'n2', 40, 60],
      ['r', 'n3', 60, 50],
      ['x', 'n4', 2, 16],
      ['y', 'n4', 2, 16],
    ],
    ['n1', 'n2', 'n3', 'n4'],
  )
  const n4 = story.state.nodes.get(asNodeId('n4'))
  if (n4) Object.assign(n4, { capacity: { ...n4.capacity, memoryMib: 32 } })
  const about = { kind: 'keep-together', name: 'pair', vms: ['x', 'y'] }
  story.ask({ do: 'set-rule', rule: HaRule.parse(about) })
  tolerate(story)
  return story
}
const params = MigrationParams.parse({})

test.each<[string, (story: Story) => void]>([
  [
    'evacuated',
    (story) => {
      story.ask({ do: 'maintenance', nodeId: asNodeId('n4'), params })
      story.pass(50)
    },
  ],
  [
    'migrated to wherever it is best',
    (story) => {
      const request = { cause: 'operator', params, force: false }
      story.ask({ do: 'migrate', vmId: asVmId('x'), request })
    },
  ],
])('those that are %s go where the promise is kept with all of them', (_, leave) => {
  const story = pairOnFourth()
  leave(story)
  expect([...story.state.migrations.values()].map(({ vmId, to }) => [vmId, to])).toEqual([
    ['x', 'n2'],
    ['y', 'n2'],
  ])
})

test('who is kept together finds room on paper where all of them have room, as when it is lost', () => {
  const story = running([
    ['p', 'n1', 5, 80],
    ['q', 'n2', 60, 60],
    ['x', 'n3', 2, 16],
    ['y', 'n3', 2, 16],
  ])
  // Nobody asks for room for these.
  for (const id of ['p', 'q']) {
    const vm = story.state.vms.get(asVmId(id))
    if (vm) vm.spec = { ...vm.spec, ha: false }
  }
  const about = { kind: 'keep-together', name: 'pair', vms: ['x', 'y'] }
  story.ask({ do: 'set-rule', rule: HaRule.parse(about) })
  expect(shortagesOf(story.state, 1)).toEqual([])
  story.lose('n3')
  story.passWith(4000, { n1: ['p@1 running'], n2: ['q@2 running'] })
  expect(['x', 'y'].map((id) => story.state.vms.get(asVmId(id))?.nodeId)).toEqual(['n2', 'n2'])
})

test('who is to run again goes where there is least to do: so it was reckoned on paper', () => {
  const story = pairOnFourth()
  story.lose('n4')
  story.passWith(4000, { n1: ['p@1 running'], n2: ['q@2 running'], n3: ['r@3 running'] })
  expect(['x', 'y'].map((id) => story.state.vms.get(asVmId(id))?.nodeId)).toEqual(['n1', 'n1'])
})
