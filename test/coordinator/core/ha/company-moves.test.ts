// Companies that move to a node where a replica of one of them is: that ends before it comes, and
// its room is theirs.

import { expect, test } from 'vitest'
import type { ApiCommand } from '#coordinator/core/step-context.ts'
import { HaRule } from '#proto/ha.ts'
import { asMigrationId, asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { running } from '../running.ts'
import type { Story } from '../story.ts'

const params = MigrationParams.parse({})
const node = { id: 'n2' }
const affinity = HaRule.parse({
  kind: 'node-affinity',
  name: 'x',
  vms: ['b'],
  nodes: [node],
  strict: true,
})

test.each<[string, ApiCommand]>([
  ['by a rule', { do: 'set-rule', rule: affinity }],
  ['by hand', { do: 'migrate', vmId: asVmId('b'), request: { to: 'n2', cause: 'operator' } }],
  ['out of maintenance', { do: 'maintenance', nodeId: asNodeId('n1'), params }],
])('%s', (_, command) => {
  const story = running(
    [
      ['a', 'n1', 5, 50],
      ['b', 'n1', 5, 30],
    ],
    ['n1', 'n2'],
  )
  const pair = { kind: 'keep-together', name: 'pair', vms: ['a', 'b'] }
  story.ask({ do: 'set-rule', rule: HaRule.parse(pair) })
  replicate(story, 'a', 'n2')
  story.ask(command)
  story.pass(1000)
  expect(movesOf(story)).toEqual(['a to n2', 'b to n2'])
})

test('whose replica stays, as it does not come, keeps the room of that', () => {
  const story = running([
    ['a', 'n3', 5, 30],
    ['b', 'n2', 5, 50],
    ['c', 'n1', 5, 40],
  ])
  replicate(story, 'a', 'n2')
  const rule = { kind: 'keep-together', name: 'three', vms: ['a', 'b', 'c'] }
  story.ask({ do: 'set-rule', rule: HaRule.parse(rule) })
  story.ask({ do: 'maintenance', nodeId: asNodeId('n1'), params })
  story.pass(1000)
  // Of 100 MiB 80 are taken on n2, and they have room together nowhere.
  expect(movesOf(story)).toEqual([])
})

function replicate(story: Story, id: string, to: string): void {
  const [vm, node] = [story.state.vms.get(asVmId(id)), story.state.nodes.get(asNodeId(to))]
  if (!vm || !node) throw new Error('they are there')
  const about = { level: 'checkpoint', everyMs: 5000, phase: 'ready' } as const
  vm.replica = { id: asMigrationId('r9'), nodeId: node.id, ...about }
  node.live.replicaOf.add(vm.id)
  node.live.burden = undefined
}

const movesOf = ({ state }: Story): string[] =>
  [...state.migrations.values()].map(({ vmId, to }) => `${vmId} to ${to}`).sort()
