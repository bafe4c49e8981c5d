// Companies that move to a node where a replica of one of them is: that ends before it comes, and
// its room is theirs.

import { expect, test } from 'vitest'
import type { ApiCommand } from '#coordinator/core/step-context.ts'
import { HaRule } from '#proto/ha.ts'
import { asMigrationId, asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { running } from '../running.ts'

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
  const [a, n2] = [story.state.vms.get(asVmId('a')), story.state.nodes.get(asNodeId('n2'))]
  if (!a || !n2) throw new Error('they are there')
  const about = { level: 'checkpoint', everyMs: 5000, phase: 'ready' } as const
  a.replica = { id: asMigrationId('r9'), nodeId: n2.id, ...about }
  n2.live.replicaOf.add(a.id)
  n2.live.burden = undefined
  story.ask(command)
  story.pass(1000)
  const moves = [...story.state.migrations.values()].map(({ vmId, to }) => `${vmId} to ${to}`)
  expect(moves.sort()).toEqual(['a to n2', 'b to n2'])
})
