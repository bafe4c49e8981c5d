// Consolidation and standby in the core: what is packed where, what is left alone, who sleeps, and
// who is woken for whom; and that the sums of energy are what the states say.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { burdenOf } from '#coordinator/core/burdens.ts'
import { loadOf } from '#coordinator/core/load-score.ts'
import { powerView } from '#coordinator/core/power/energy.ts'
import { rebalance } from '#coordinator/core/rebalance.ts'
import { HaPolicyChange, HaRule } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { running } from './running.ts'
import { Story } from './story.ts'

const nodes = ['n1', 'n2', 'n3']
const [n1, n3] = [{ id: 'n1' }, { id: 'n3' }]

const save = (story: Story, more = {}) =>
  story.ask({ do: 'set-power', change: { save: true, sleepAfterMs: 500, ...more } }, 'save power')

const moves = (story: Story) =>
  [...story.state.openMigrations].map((id) => {
    const { vmId, from, to, cause } = story.state.migrations.get(id) ?? {}
    return `${vmId}: ${from} to ${to} (${cause})`
  })

const alive = (story: Story) =>
  Object.fromEntries(
    nodes.map((id) => {
      const vms = [...story.state.vms.values()].filter((vm) => vm.nodeId === id)
      return [id, vms.map((vm) => `${vm.id}@${vm.epoch} running`)]
    }),
  )
const pass = (story: Story, ms: number) => story.passWith(ms, alive(story))

describe('packing', () => {
  test('empties the lightest node wholly, onto the fullest that takes it', () => {
    const story = running([
      ['a', 'n1', 5],
      ['b', 'n2', 5],
      ['c', 'n3', 5],
      ['d', 'n3', 5],
    ])
    save(story)
    story.pass(1000)
    expect(moves(story)).toEqual(['a: n1 to n3 (consolidation)'])
  })

  test('rebalancing takes nothing from a node that is only full, whatever else is hot', () => {
    const story = running([
      ['a', 'n1', 95],
      ['b', 'n2', 30],
      ['c', 'n2', 40],
    ])
    const moves = () => rebalance(story.state, 60_000, { isAsked: false }).moves
    expect(moves().map(({ vmId }) => vmId)).toEqual(['b'])
    save(story)
    expect(moves()).toEqual([])
  })

  test('brings no two to one node of which each alone would not be against its rules', () => {
    const story = running([
      ['a', 'n1', 5],
      ['b', 'n1', 5],
      ['c', 'n2', 5],
    ])
    const about = { kind: 'keep-apart', name: 'x', vms: ['a', 'b', 'c'], strict: false }
    story.ask({ do: 'sleep', nodeId: asNodeId('n3') }, 'sleep n3')
    story.ask({ do: 'set-rule', rule: HaRule.parse(about) }, 'rule')
    save(story)
    story.pass(1000)
    expect(moves(story)).toEqual([])
  })

  test('brings nobody to whom another one there would rather be apart from', () => {
    const story = running([
      ['a', 'n1', 5],
      ['b', 'n1', 5],
      ['c', 'n2', 5],
      ['d', 'n3', 5],
    ])
    const about = { kind: 'keep-apart', name: 'x', vms: ['a', 'b', 'c', 'd'], strict: false }
    story.ask({ do: 'set-rule', rule: HaRule.parse(about) }, 'rule')
    save(story)
    // `a` and `b` would be no worse off, but where they went to would be left at once for n1.
    story.pass(1000)
    expect(moves(story)).toEqual([])
  })

  test('goes by the node where somebody would object, though it is fuller, to one where nobody does', () => {
    const story = running(
      [
        ['a', 'n1', 5],
        ['b', 'n1', 5],
        ['c', 'n2', 5, 48],
        ['d', 'n3', 5, 40],
      ],
      nodes,
    )
    const about = { kind: 'keep-apart', name: 'x', vms: ['a', 'b', 'c'], strict: false }
    for (const id of ['a', 'b'])
      story.ask({ do: 'set-policy', vmId: asVmId(id), change: { failback: false } }, 'stays')
    story.ask({ do: 'set-rule', rule: HaRule.parse(about) }, 'rule')
    save(story)
    story.pass(1000)
    expect(moves(story)).toEqual(['a: n1 to n3 (consolidation)', 'b: n1 to n3 (consolidation)'])
  })

  test('two that would rather be together go together, though one may not go to the fullest', () => {
    const story = running([
      ['a', 'n1', 5],
      ['b', 'n1', 5],
      ['c', 'n2', 5, 68],
      ['d', 'n3', 5, 48],
    ])
    for (const about of [
      { kind: 'keep-together', name: 'x', vms: ['a', 'b'], strict: false },
      { kind: 'node-affinity', name: 'y', vms: ['a'], strict: true, nodes: [n1, n3] },
    ])
      story.ask({ do: 'set-rule', rule: HaRule.parse(about) }, 'rule')
    save(story)
    story.pass(1000)
    expect(moves(story)).toEqual(['a: n1 to n3 (consolidation)', 'b: n1 to n3 (consolidation)'])
  })

  test('makes no node hot, whatever load is allowed: what is hot is relieved again', () => {
    const story = running([
      ['a', 'n1', 50],
      ['b', 'n2', 45],
      ['c', 'n3', 50],
    ])
    save(story, { loadMax: 1 })
    story.pass(1000)
    expect(moves(story)).toEqual([])
  })

  test('that is not wanted any more leaves no node behind as one that is being emptied', () => {
    const story = running([
      ['a', 'n1', 5],
      ['b', 'n2', 5],
    ])
    save(story)
    story.pass(1000)
    const emptying = () => powerView(story.state).nodes.filter(({ state }) => state === 'emptying')
    expect(emptying()).toHaveLength(1)
    story.ask({ do: 'set-power', change: { save: false } }, 'always on')
    story.pass(2000)
    expect(emptying()).toEqual([])
  })

  test.each<[string, (story: Story) => void]>([
    [
      'VMs that are locked',
      (story) => {
        const change = HaPolicyChange.parse({ locked: true })
        for (const id of ['a', 'b'])
          story.ask({ do: 'set-policy', vmId: asVmId(id), change }, `lock ${id}`)
      },
    ],
    [
      'a rule',
      (story) =>
        story.ask(
          {
            do: 'set-rule',
            rule: HaRule.parse({ kind: 'keep-apart', name: 'parted', vms: ['a', 'b'] }),
          },
          'rule',
        ),
    ],
    ['a load that would be too high', (story) => save(story, { loadMax: 0.1 })],
    [
      'a node that flaps, and that nothing goes to by itself',
      (story) => {
        for (const { live } of story.state.nodes.values()) live.lostAtMs.push(0, 0, 0)
      },
    ],
    ['a disarmed cluster', (story) => story.ask({ do: 'set-ha', change: { armed: false } }, 'off')],
  ])('is kept back by %s', (_, hold) => {
    // Together on one node they would fit.
    const story = running([
      ['a', 'n1', 8, 48],
      ['b', 'n2', 8, 48],
    ])
    story.lose('n3', true)
    save(story)
    hold(story)
    story.passWith(1500, { n1: ['a@1 running'], n2: ['b@2 running'] })
    expect(moves(story)).toEqual([])
  })

  test('never loads a node above what is allowed, however many there are', () => {
    const demands = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(demands, fc.constantFrom(0.3, 0.5, 0.8), (chosen, loadMax) => {
        const story = running(
          chosen
            .map((demand, n) => [`v${n}`, nodes[n % 3] ?? 'n1', demand] as const)
            .map(([id, node, demand]) => [id, node, demand] as [string, string, number]),
        )
        save(story, { loadMax })
        const before = new Map(
          [...story.state.nodes.values()].map((n) => [n.id, loadOf(burdenOf(story.state, n))]),
        )
        story.pass(1000)
        for (const node of story.state.nodes.values()) {
          const load = loadOf(burdenOf(story.state, node))
          if (node.live.incoming.size > 0) expect(load).toBeLessThanOrEqual(loadMax + 1e-9)
          else expect(load).toBeLessThanOrEqual((before.get(node.id) ?? 0) + 1e-9)
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('standby', () => {
  test('empty nodes sleep, but never the last; a VM that fits nowhere wakes one', () => {
    const story = new Story()
    story.join(...nodes)
    save(story, { wakeMs: 1000 })
    pass(story, 3000)
    const states = () => powerView(story.state).nodes.map(({ state }) => state)
    expect(states().filter((state) => state === 'standby')).toHaveLength(2)
    story.run('a', { memoryMib: 90 })
    story.run('b', { memoryMib: 90 })
    expect(story.state.vms.get(asVmId('b'))?.phase).toBe('pending')
    pass(story, 3000)
    expect(states().filter((state) => state === 'standby')).toHaveLength(1)
    expect(story.state.vms.get(asVmId('b'))?.phase).toBe('starting')
  })

  test.each<[string, Partial<HaPolicyChange>, string]>([
    ['is locked', { locked: true }, 'recovering'],
    ['starts after one that waits', { after: ['c'] }, 'recovering'],
    ['may start', {}, 'starting'],
  ])('nobody is woken for a VM that would not start: %s', (_, change, phase) => {
    const story = running([
      ['a', 'n1', 5, 40],
      ['b', 'n2', 5, 90],
    ])
    story.run('c', { memoryMib: 200 })
    story.ask({ do: 'sleep', nodeId: asNodeId('n3') }, 'sleep n3')
    save(story, { wakeMs: 500 })
    const policy = HaPolicyChange.parse(change)
    story.ask({ do: 'set-policy', vmId: asVmId('a'), change: policy }, 'policy of a')
    story.lose('n1')
    story.passWith(8000, { n2: ['b@2 running'], n3: [] })
    expect(story.state.vms.get(asVmId('a'))?.phase).toBe(phase)
    expect(story.text.includes('n3 is woken')).toBe(phase === 'starting')
  })

  test('VMs that start together wake one that takes them all', () => {
    const story = running([
      ['a', 'n1', 5, 40],
      ['b', 'n1', 5, 40],
      ['c', 'n2', 5, 40],
    ])
    const rule = HaRule.parse({ kind: 'keep-together', name: 'pair', vms: ['a', 'b'] })
    story.ask({ do: 'set-rule', rule }, 'rule')
    story.ask({ do: 'sleep', nodeId: asNodeId('n3') }, 'sleep n3')
    save(story, { wakeMs: 500 })
    story.lose('n1')
    story.passWith(8000, { n2: ['c@3 running'], n3: [] })
    const nodeOf = (id: string) => story.state.vms.get(asVmId(id))?.nodeId
    expect([nodeOf('a'), nodeOf('b')]).toEqual(['n3', 'n3'])
  })

  test('for an evacuation a node is woken that takes a VM, and none for one that stays', () => {
    const story = running([['a', 'n1', 5, 90]])
    story.run('b', { memoryMib: 90 }, 'n2')
    story.ask({ do: 'sleep', nodeId: asNodeId('n3') }, 'sleep n3')
    const change = HaPolicyChange.parse({ locked: true })
    story.ask({ do: 'set-policy', vmId: asVmId('a'), change }, 'lock a')
    save(story, { wakeMs: 500 })
    const params = MigrationParams.parse({})
    story.ask({ do: 'maintenance', nodeId: asNodeId('n1'), params }, 'evacuate n1')
    pass(story, 5000)
    expect(story.text).not.toContain('is woken')
    const unlocked = { ...change, locked: false }
    story.ask({ do: 'set-policy', vmId: asVmId('a'), change: unlocked }, 'unlock a')
    pass(story, 5000)
    expect(story.text).toContain('n3 is woken: n1 cannot be evacuated without it')
    expect(moves(story)).toEqual(['a: n1 to n3 (evacuation)'])
  })

  test.each<[string, object]>([
    ['belongs there by a rule', { kind: 'node-affinity', vms: ['a'], nodes: [{ id: 'n3' }] }],
    ['is to be apart from one, and finds no room', { kind: 'keep-apart', vms: ['a', 'b'] }],
  ])('one that sleeps is woken for a VM that runs and %s', (_, about) => {
    const story = running([
      ['a', 'n1', 5, 40],
      ['b', 'n1', 5, 40],
      ['c', 'n2', 5, 90],
    ])
    story.ask({ do: 'sleep', nodeId: asNodeId('n3') }, 'sleep n3')
    save(story, { wakeMs: 500 })
    const rule = HaRule.parse({ name: 'there', strict: true, ...about })
    story.ask({ do: 'set-rule', rule }, 'rule')
    pass(story, 3000)
    expect(story.text).toMatch(/n3 is woken: a rule forbids [ab] where it is/)
    expect(moves(story)).toEqual([expect.stringMatching(/^[ab]: n1 to n3 \(rule\)$/)])
  })

  test('is there after a restart, and ends when power is not saved any more', () => {
    const story = new Story()
    story.join(...nodes)
    save(story, { wakeMs: 0 })
    pass(story, 3000)
    story.restart()
    for (const id of nodes) story.hello(id)
    pass(story, 500)
    expect(powerView(story.state).nodes.filter(({ state }) => state === 'standby')).toHaveLength(2)
    story.ask({ do: 'set-power', change: { save: false } }, 'always on')
    pass(story, 2000)
    expect(powerView(story.state).nodes.every(({ state }) => state === 'on')).toBe(true)
  })

  test('a node with VMs does not sleep by hand, one that is on is not woken', () => {
    const story = running([['a', 'n1', 5]])
    story.ask({ do: 'sleep', nodeId: asNodeId('n1') }, 'sleep n1')
    expect(story.answer).toMatchObject({ fault: { code: 'wrong-state' } })
    story.ask({ do: 'wake', nodeId: asNodeId('n2') }, 'wake n2')
    expect(story.answer).toMatchObject({ fault: { code: 'wrong-state' } })
    story.ask({ do: 'sleep', nodeId: asNodeId('n2') }, 'sleep n2')
    story.ask({ do: 'migrate', vmId: asVmId('a'), request: { to: 'n2', cause: 'x' } }, 'migrate')
    expect(story.answer).toMatchObject({
      fault: { message: expect.stringContaining('power wake') },
    })
  })
})

test('energy: what is drawn, and what all nodes would have drawn', () => {
  const story = new Story()
  story.join(...nodes)
  story.ask({ do: 'sleep', nodeId: asNodeId('n3') }, 'sleep n3')
  const { joules, joulesAllOn } = { ...story.state.energy }
  pass(story, 10_000)
  const all = story.state.energy.joulesAllOn - joulesAllOn
  expect((story.state.energy.joules - joules) / all).toBeCloseTo(2050 / 3000, 6)
  // It is added up four times a second.
  expect(all).toBeGreaterThan(3000 * 0.97)
  expect(all).toBeLessThanOrEqual(3000.01)
})
