// What rebalancing waits for, and what it does not.

import { expect, test } from 'vitest'
import { rebalance } from '#coordinator/core/rebalance.ts'
import { HaPolicyChange } from '#proto/ha.ts'
import { asVmId } from '#proto/ids.ts'
import { Story, stateOf } from './story.ts'

const demand = (story: Story, id: string, demandPercent: number) => {
  const vm = story.state.vms.get(asVmId(id))
  if (!vm) throw new Error(id)
  vm.live.demandPercent = demandPercent
  for (const { live } of story.state.nodes.values()) live.burden = undefined
}
const started = (story: Story, id: string, nodeId: string) =>
  story.result(nodeId, [...story.state.commands].find(([, { vmId }]) => vmId === id)?.[0] ?? '')

test('a VM that has failed while it was recovered keeps nobody from moving', () => {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  for (const [id, node] of [
    ['a', 'n1'],
    ['b', 'n2'],
    ['c', 'n3'],
  ] as const) {
    story.run(id)
    started(story, id, node)
  }
  const change = HaPolicyChange.parse({ relocations: 0 })
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change })
  story.lose('n1')
  story.passWith(5000, { n2: ['b@2 running'], n3: ['c@3 running'] })
  expect(stateOf(story)).toBe('starting n2 @4')
  started(story, 'b', 'n2')
  story.result('n2', [...story.state.commands.keys()].at(-1) ?? '', 'disk-failed')
  expect(stateOf(story)).toBe('failed undefined @4')
  story.hello('n1', [], 'n1-second')
  story.beat('n1')
  story.migrate('b', 'n3')
  const [id] = [...story.state.openMigrations]
  story.admit(id ?? '')
  story.result('n2', story.state.migrations.get(id ?? ('' as never))?.commandId ?? '')
  demand(story, 'b', 90)
  demand(story, 'c', 90)
  const { moves } = rebalance(story.state, 0, { isAsked: true })
  expect(moves).toHaveLength(1)
})

test('to a node that flaps nothing is moved by the timer; by hand it is', () => {
  const story = new Story()
  story.join('n1', 'n2')
  for (const process of ['second', 'third', 'fourth']) {
    story.lose('n2')
    story.passWith(5000, { n1: [] })
    story.hello('n2', [], `n2-${process}`)
    story.beat('n2')
  }
  for (const id of ['a', 'b']) {
    story.run(id)
    started(story, id, 'n1')
    demand(story, id, 90)
  }
  expect(rebalance(story.state, 0, { isAsked: false }).moves).toEqual([])
  expect(rebalance(story.state, 0, { isAsked: true }).moves).toHaveLength(1)
})

test('nor does one that is locked, and waits for somebody to say that it may start', () => {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  for (const [id, node] of [
    ['a', 'n1'],
    ['b', 'n2'],
    ['c', 'n3'],
  ] as const) {
    story.run(id)
    started(story, id, node)
  }
  const change = HaPolicyChange.parse({ locked: true })
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change })
  story.lose('n1')
  story.passWith(2000, { n2: ['b@2 running'], n3: ['c@3 running'] })
  demand(story, 'b', 90)
  demand(story, 'c', 90)
  expect(rebalance(story.state, 0, { isAsked: true }).moves).toEqual([])
  story.passWith(3000, { n2: ['b@2 running'], n3: ['c@3 running'] })
  expect(stateOf(story)).toBe('recovering undefined @1')
  story.hello('n1', [], 'n1-second')
  story.beat('n1')
  story.migrate('b', 'n3')
  const [id] = [...story.state.openMigrations]
  story.admit(id ?? '')
  story.result('n2', story.state.migrations.get(id ?? ('' as never))?.commandId ?? '')
  demand(story, 'b', 90)
  demand(story, 'c', 90)
  expect(rebalance(story.state, 0, { isAsked: true }).moves).toHaveLength(1)
})
