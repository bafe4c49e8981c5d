// What an operator declares: contradictions are refused with their reason, and admission control
// promises only what can be kept. Each shortage is checked against trying it out.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { shortagesOf, toleratedOf } from '#coordinator/core/ha/admission.ts'
import { haView } from '#coordinator/core/ha/commands.ts'
import { forbids } from '#coordinator/core/ha/rules.ts'
import type { ApiCommand } from '#coordinator/core/step-context.ts'
import { HaPolicyChange, HaRule, type HaRuleInput } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { Story, stateOf } from '../story.ts'

const rule = (story: Story, input: HaRuleInput) =>
  story.ask({ do: 'set-rule', rule: HaRule.parse(input) }, `rule ${input.name}`)
const policy = (story: Story, vm: string, change: object) =>
  story.ask(
    { do: 'set-policy', vmId: asVmId(vm), change: HaPolicyChange.parse(change) },
    `policy of ${vm}`,
  )
const refused = ({ answer }: Story) => answer && 'fault' in answer && answer.fault.message

const together = (name: string, ...vms: string[]) => ({ kind: 'keep-together', name, vms }) as const
const apart = (name: string, ...vms: string[]) => ({ kind: 'keep-apart', name, vms }) as const
const on = (name: string, vms: string[], ...ids: string[]) =>
  ({ kind: 'node-affinity', name, vms, strict: true, nodes: ids.map((id) => ({ id })) }) as const

function joined(): Story {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  return story
}

describe('what cannot all be kept is refused, and says why', () => {
  test.each<[string, HaRuleInput[], RegExp]>([
    ['together and apart', [apart('x', 'a', 'b'), together('y', 'a', 'b')], /rule x keeps apart/],
    [
      'apart by way of a third',
      [together('x', 'a', 'b'), together('y', 'b', 'c'), apart('z', 'a', 'c')],
      /rule z keeps apart what has to stay together/,
    ],
    [
      'together on no common node',
      [on('x', ['a'], 'n1'), on('y', ['b'], 'n2'), together('z', 'a', 'b')],
      /have to stay together, and belong on no common node/,
    ],
    ['two homes', [on('x', ['a'], 'n1'), on('y', ['a', 'b'], 'n2')], /rule x says on which nodes/],
    ['a VM twice', [apart('x', 'a', 'a')], /names a VM twice/],
    ['a node twice', [on('x', ['a'], 'n1', 'n1')], /names a node twice/],
  ])('%s', (_, rules, why) => {
    const story = joined()
    for (const one of rules) rule(story, one)
    expect(refused(story)).toMatch(why)
    expect(haView(story.state).rules).toHaveLength(rules.length - 1)
  })

  test('a migration against a strict rule is refused by its name, however much it is wanted', () => {
    const story = joined()
    rule(story, on('home', ['a'], 'n1'))
    story.run('a')
    story.result('n1', 'run1-1')
    const params = MigrationParams.parse({})
    const request = { to: 'n2', cause: 'operator', params, force: true }
    story.ask({ do: 'migrate', vmId: asVmId('a'), request })
    expect(refused(story)).toBe('no node may take it (n2: rule home allows a only on n1)')
  })

  // Else a rule that only wishes the two together has them run after each other for ever.
  test('apart from one is apart from all that stay with it, and for both alike', () => {
    const story = joined()
    rule(story, apart('x', 'a', 'b'))
    rule(story, together('y', 'a', 'c'))
    story.run('a', {}, 'n3')
    story.result('n3', 'run1-1')
    story.ask({ do: 'stop', vmId: asVmId('a') })
    story.result('n3', 'run1-2')
    for (const [vm, node] of [
      ['b', 'n1'],
      ['c', 'n2'],
    ] as const)
      story.run(vm, {}, node)
    const [b, c] = ['b', 'c'].map((id) => story.state.vms.get(asVmId(id)))
    if (!b || !c) throw new Error('they were not placed')
    expect([b.nodeId, c.nodeId, story.state.vms.get(asVmId('a'))?.nodeId]).toEqual([
      ...['n1', 'n2', undefined],
    ])
    expect(forbids(story.state, b, asNodeId('n2'))).toBe('rule x keeps b apart from a')
    expect(forbids(story.state, c, asNodeId('n1'))).toBe('rule x keeps a apart from b')
    expect(forbids(story.state, b, asNodeId('n3'))).toBeUndefined()
  })

  test('rules that only wish contradict nothing', () => {
    const story = joined()
    rule(story, apart('x', 'a', 'b'))
    rule(story, { ...together('y', 'a', 'b'), strict: false })
    expect(refused(story)).toBe(false)
  })

  test('a VM that would start after itself', () => {
    const story = joined()
    for (const id of ['a', 'b', 'c']) story.run(id)
    policy(story, 'a', { after: ['b'] })
    policy(story, 'b', { after: ['c'] })
    policy(story, 'c', { after: ['a'] })
    expect(refused(story)).toMatch(/c would wait for itself/)
    policy(story, 'c', { after: ['c'] })
    expect(refused(story)).toMatch(/c would wait for itself/)
  })
})

test('a rule may name a node that is still to come: its VMs wait for it, and the story says so', () => {
  const story = joined()
  rule(story, on('x', ['a'], 'n9'))
  expect(story.text).toContain('* rule x names n9: no such node has ever been here')
  story.run('a')
  expect(stateOf(story)).toBe('pending undefined @0')
  expect(story.state.vms.get(asVmId('a'))?.fault?.message).toContain('allows a only on n9')
  story.join('n9')
  story.passWith(250, { n9: [] })
  expect(stateOf(story)).toBe('starting n9 @1')
})

test('a policy changes by what is said, and is there after a restart; so are rules and settings', () => {
  const story = joined()
  story.run('a')
  policy(story, 'a', { priority: 7, relocations: 2 })
  policy(story, 'a', { failback: false })
  rule(story, apart('x', 'a', 'b'))
  story.ask({ do: 'set-ha', change: { tolerate: 1, shutdown: 'freeze' } }, 'set-ha')
  story.restart()
  const { vms, rules, ha } = story.state
  expect(vms.get(asVmId('a'))?.policy).toMatchObject({
    ...{ priority: 7, relocations: 2, failback: false, restarts: 0 },
  })
  expect([...rules.keys()]).toEqual(['x'])
  expect(ha).toMatchObject({ tolerate: 1, shutdown: 'freeze', armed: true })
  policy(story, 'a', { relocations: null })
  expect(story.state.vms.get(asVmId('a'))?.policy).not.toHaveProperty('relocations')
})

describe('admission control', () => {
  /** Nodes have 100 MiB each in a story. */
  const filled = (sizes: readonly number[], rules: readonly HaRuleInput[] = []): Story => {
    const story = joined()
    for (const one of rules) rule(story, one)
    for (const [n, memoryMib] of sizes.entries()) story.run(`v${n}`, { memoryMib })
    return story
  }

  test('counts nodes whose loss leaves room for all', () => {
    expect(toleratedOf(filled([50, 50, 50]).state)).toBe(1)
    expect(toleratedOf(filled([30, 30, 30]).state)).toBe(2)
    expect(toleratedOf(filled([60, 60, 60]).state)).toBe(0)
  })

  test('names whom the loss of a node would strand', () => {
    const [shortage] = shortagesOf(filled([60, 60, 60]).state, 1)
    expect(shortage).toMatchObject({ nodes: ['n1'], vms: ['v0'] })
  })

  test('knows strict rules: three replicas need three nodes', () => {
    const replicas = apart('x', 'v0', 'v1', 'v2')
    expect(toleratedOf(filled([10, 10, 10], [replicas]).state)).toBe(0)
    expect(toleratedOf(filled([10, 10], [apart('x', 'v0', 'v1')]).state)).toBe(1)
  })

  test('an unprotected VM takes room, and needs none', () => {
    const story = filled([50, 50])
    story.run('loner', { memoryMib: 90, ha: false })
    expect(toleratedOf(story.state)).toBe(1)
  })

  test('so does one that is bound: it waits for its node, and for nothing else', () => {
    const story = filled([30, 30])
    story.run('bound', { memoryMib: 90 }, 'n3')
    expect(stateOf(story, 'bound')).toMatch(/^starting n3/)
    expect(toleratedOf(story.state)).toBe(1)
  })

  test('what it finds enough is enough: whoever is lost, all are placed again', () => {
    const sizes = fc.array(fc.constantFrom(10, 20, 30, 40, 50), { maxLength: 9 })
    fc.assert(
      fc.property(sizes, fc.constantFrom('n1', 'n2', 'n3'), (chosen, victim) => {
        const story = filled(chosen)
        if (shortagesOf(story.state, 1).length > 0) return
        const fitNowhere = [...story.state.waiting]
        for (const [id, { nodeId }] of [...story.state.commands]) story.result(nodeId, id)
        story.lose(victim)
        const others = ['n1', 'n2', 'n3'].filter((id) => id !== victim)
        const held = (id: string) =>
          [...story.state.vms.values()]
            .filter((vm) => vm.nodeId === id)
            .map((vm) => `${vm.id}@${vm.epoch} running`)
        story.passWith(3300, Object.fromEntries(others.map((id) => [id, held(id)])))
        expect(fitNowhere).toEqual(expect.arrayContaining([...story.state.waiting]))
      }),
      { numRuns: 100 },
    )
  })

  test('refuses, or warns', () => {
    const story = filled([50, 50, 50, 40])
    story.ask({ do: 'set-ha', change: { tolerate: 1 } }, 'tolerate 1')
    story.run('more', { memoryMib: 40 })
    expect(refused(story)).toMatch(/with more, the loss of n\d would leave no room for v\d/)
    story.ask({ do: 'set-ha', change: { admission: 'warn' } }, 'warn')
    story.run('more', { memoryMib: 40 })
    expect(refused(story)).toBe(false)
    expect(story.state.events.at(-1)?.kind).toBe('vm-placed')
    expect(story.state.events.some(({ kind }) => kind === 'ha-warning')).toBe(true)
  })
})

describe('admission control asks every start', () => {
  /** `a` is stopped, and `b` has taken the room that an outage would leave. */
  function full(): Story {
    const story = new Story()
    story.join('n1', 'n2')
    story.run('a', { memoryMib: 60 })
    story.result('n1', 'run1-1')
    story.ask({ do: 'stop', vmId: asVmId('a') }, 'stop a')
    story.result('n1', 'run1-2')
    story.ask({ do: 'set-ha', change: { tolerate: 1 } }, 'tolerate 1')
    story.run('b', { memoryMib: 60 })
    return story
  }

  test.each<[string, ApiCommand]>([
    ['of one that was stopped', { do: 'start', vmId: asVmId('a') }],
    ['of one that is to be elsewhere', { do: 'relocate', vmId: asVmId('a'), to: 'n2' }],
  ])('%s', (_, command) => {
    const story = full()
    story.ask(command)
    expect(refused(story)).toMatch(/with a, the loss of n\d would leave no room for/)
    expect(story.state.vms.get(asVmId('a'))?.phase).toBe('stopped')
    story.ask({ do: 'set-ha', change: { tolerate: 0 } }, 'tolerate 0')
    story.ask(command)
    expect(story.state.vms.get(asVmId('a'))?.phase).toBe('starting')
  })
})

test('a strict rule also holds for a migration that was queued before it', () => {
  const story = joined()
  story.run('a')
  story.result('n1', 'run1-1')
  story.migrate('a', 'n2')
  rule(story, on('x', ['a'], 'n1', 'n3'))
  story.admit([...story.state.openMigrations][0] ?? '')
  expect(story.state.openMigrations.size).toBe(0)
  expect(story.text).toContain('has ended: a strict rule forbids n2 to it by now: `godwit why a`')
})

describe('a strict rule about clones that are still to come', () => {
  const nodeOf = (story: Story, id: string) => story.state.vms.get(asVmId(id))?.nodeId
  /** The parent runs on n1. */
  function withRule(...rules: HaRuleInput[]): Story {
    const story = joined()
    story.run('a')
    story.result('n1', 'run1-1')
    for (const one of rules) rule(story, one)
    return story
  }

  test('holds from their first instruction on: they begin on another node', () => {
    const story = withRule(apart('x', 'a', 'a-1'), on('y', ['a-1'], 'n1', 'n3'))
    story.clone('a', ['a-1'])
    expect(nodeOf(story, 'a-1')).toBe('n3')
  })

  test('refuses what is asked for against it, naming it', () => {
    const story = withRule(apart('x', 'a-1', 'a-2'), on('y', ['a-1'], 'n2'))
    story.clone('a', ['a-1', 'a-2'], 'n2')
    expect(refused(story)).toBe('rule x keeps a-1 apart from a-2: clone them one after the other')
    story.clone('a', ['a-1'], 'n3')
    expect(refused(story)).toBe('rule y allows a-1 only on n2')
    story.clone('a', ['a-1'])
    expect(nodeOf(story, 'a-1')).toBe('n2')
  })
})
