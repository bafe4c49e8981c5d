// Why a VM is where it is: the answer names what placement itself would say, node by node.

import { expect, test } from 'vitest'
import { whyOf } from '#coordinator/core/ha/why.ts'
import { clusterView } from '#coordinator/core/views.ts'
import { HaPolicyChange, HaRule, type HaRuleInput } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { vmPhaseText } from '#proto/state.ts'
import { Story } from '../story.ts'

function why(story: Story, id: string) {
  const vm = story.state.vms.get(asVmId(id))
  if (!vm) throw new Error(id)
  return whyOf(story.state, vm)
}
const node = (story: Story, vm: string, id: string) =>
  why(story, vm).nodes.find((one) => one.id === id)
const rule = (story: Story, input: HaRuleInput) =>
  story.ask({ do: 'set-rule', rule: HaRule.parse(input) }, `rule ${input.name}`)

const seen = ({ state }: Story) =>
  clusterView(state, state.bootedAtMs, '').vms.map((vm) => `${vm.id} ${vmPhaseText(vm)}`)

function finishStarts(story: Story): void {
  for (const [id, { kind, nodeId }] of [...story.state.commands])
    if (kind === 'start') story.result(nodeId, id)
}

function begun(): Story {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  story.run('a')
  story.run('b', { memoryMib: 96 })
  finishStarts(story)
  return story
}

test('a VM that runs: where, why there, and what each other node says', () => {
  const story = begun()
  story.ask(
    { do: 'maintenance', nodeId: asNodeId('n3'), params: MigrationParams.parse({}) },
    'evacuate n3',
  )
  const { now, mend, story: told } = why(story, 'a')
  expect(now).toBe('a is running, on n1: that node had the least to do')
  expect(mend).toEqual([])
  expect(told.map(({ text }) => text)).toContain('a runs on n1')
  expect(node(story, 'a', 'n1')).toMatchObject({ may: true, text: 'it is there' })
  expect(node(story, 'a', 'n2')).toMatchObject({
    ...{ may: false, text: '16 MiB do not fit, 4 are free' },
  })
  expect(node(story, 'a', 'n3')).toMatchObject({ may: false, text: 'it is in maintenance' })
})

test('a VM that waits: every obstacle, and what would have to change', () => {
  const story = begun()
  rule(story, { kind: 'keep-apart', name: 'parted', vms: ['a', 'c'] })
  rule(story, {
    kind: 'node-affinity',
    name: 'home',
    vms: ['c'],
    strict: true,
    nodes: [{ id: 'n1' }],
  })
  story.run('c')
  const answer = why(story, 'c')
  expect(answer.now).toMatch(/^c waits for a node with room: no node may take it/)
  expect(answer.bound).toEqual(['rule parted: a, c stay apart', 'rule home: c belongs on n1'])
  expect(node(story, 'c', 'n1')?.text).toBe('rule parted keeps c apart from a')
  expect(node(story, 'c', 'n2')?.text).toBe('rule home allows c only on n1')
  expect(answer.mend).toEqual([
    'n1: rule parted keeps c apart from a',
    'n2, n3: rule home allows c only on n1',
  ])
})

test('where it could not start is told as long as that counts', () => {
  const story = begun()
  story.run('e', { memoryMib: 50 })
  story.ask({ do: 'set-policy', vmId: asVmId('e'), change: { relocations: 3 } })
  const [start, { nodeId = '' } = {}] =
    [...story.state.commands].find(([, { vmId }]) => vmId === 'e') ?? []
  story.result(nodeId, start ?? '', 'disk-failed')
  expect(node(story, 'e', nodeId)).toMatchObject({ may: false, text: 'it could not start it' })
})

test('a VM of a silent node waits for the fence, and says so', () => {
  const story = begun()
  story.lose('n1')
  expect(why(story, 'a').now).toBe(
    'a is running, on n1, when last heard of: n1 cannot be reached; its lease is not over yet; ' +
      'when it is, a starts elsewhere',
  )
  expect(node(story, 'a', 'n1')?.text).toBe('it cannot be reached; its lease is not over yet')
  expect(seen(story)).toEqual(['a unknown, was running', 'b running'])
  story.hello('n1', [], 'n1-second')
  expect(why(story, 'a').mend).toEqual([
    'n1 must be fenced first: its lease has to run out, or it has to come back',
  ])
})

test('locked, disarmed, after another: each is what holds it back', () => {
  const story = begun()
  const change = HaPolicyChange.parse({ locked: true })
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change }, 'lock')
  story.lose('n1', true)
  expect(why(story, 'a').mend[0]).toMatch(/it is locked/)
  story.ask({ do: 'set-ha', change: { armed: false } }, 'disarm')
  expect(why(story, 'a').mend[0]).toMatch(/disarmed/)
  story.run('web', {})
  const after = HaPolicyChange.parse({ after: ['a'] })
  story.ask({ do: 'set-policy', vmId: asVmId('web'), change: after }, 'after a')
  story.ask({ do: 'stop', vmId: asVmId('web') }, 'stop web')
  finishStarts(story)
  for (const [id, { kind, nodeId }] of [...story.state.commands])
    if (kind === 'stop') story.result(nodeId, id)
  story.ask({ do: 'start', vmId: asVmId('web') }, 'start web')
  expect(why(story, 'web').mend).toEqual(['it starts after a, which does not run yet'])
})

test('a VM that is done says how to begin again', () => {
  const story = begun()
  story.event('n1', 'a@1', 'crashed')
  expect(why(story, 'a').mend[0]).toMatch(/godwit start a/)
  story.ask({ do: 'stop', vmId: asVmId('a') }, 'stop a')
  expect(why(story, 'a').mend).toEqual(['godwit start a'])
})
