// Laws of placement and rebalancing, on the real functions: what fits, what is best, what a plan
// may not do.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fits } from '#coordinator/core/burdens.ts'
import {
  credibleDemand,
  hotLoad,
  loadOf,
  type NodeBurden,
  scoreOf,
  translateDemand,
} from '#coordinator/core/load-score.ts'
import { gainMin, type Movable, planMoves } from '#coordinator/core/rebalance.ts'
import { HaPolicyChange, HaRule } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { Story, started, stateOf } from './story.ts'

const nodeOf = (id: string, demandPercent: number, reservedMib: number, cores = 1): NodeBurden => ({
  ...{ id, cores, demandPercent, reservedMib },
  mipsPerCore: 0,
  memoryMib: 1024,
  vms: 0,
  expectedPercent: demandPercent,
})

/** A cluster as numbers: nodes, VMs on them, and the burdens that follow. */
const clusters = fc
  .record({
    cores: fc.array(fc.constantFrom(1, 2, 4), { minLength: 1, maxLength: 6 }),
    vms: fc.array(
      fc.tuple(fc.nat(5), fc.integer({ min: 0, max: 100 }), fc.constantFrom(16, 64, 256)),
      {
        maxLength: 20,
      },
    ),
  })
  .map(({ cores, vms }) => {
    const movables = vms.map(
      ([on, demandPercent, memoryMib], n): Movable => ({
        id: asVmId(`v${n}`),
        nodeId: asNodeId(`n${on % cores.length}`),
        ...{ demandPercent, memoryMib },
      }),
    )
    return { cores, movables }
  })

function burdensOf(cores: readonly number[], movables: readonly Movable[]): NodeBurden[] {
  return cores.map((count, n) => {
    const here = movables.filter((vm) => vm.nodeId === `n${n}`)
    const demand = here.reduce((sum, vm) => sum + vm.demandPercent, 0)
    return nodeOf(
      `n${n}`,
      demand,
      here.reduce((sum, vm) => sum + vm.memoryMib, 0),
      count,
    )
  })
}

const moved = (movables: readonly Movable[], moves: readonly { vmId: string; to: string }[]) =>
  movables.map((vm) => {
    const move = moves.find(({ vmId }) => vmId === vm.id)
    return move ? { ...vm, nodeId: asNodeId(move.to) } : vm
  })

describe('a rebalance', () => {
  test('never worsens its own score, and each move gains at least the minimum', () => {
    fc.assert(
      fc.property(clusters, ({ cores, movables }) => {
        const plan = planMoves(burdensOf(cores, movables), movables, new Set())
        const after = scoreOf(burdensOf(cores, moved(movables, plan.moves)))
        expect(after).toBeCloseTo(plan.scoreAfter, 9)
        expect(plan.scoreBefore - after).toBeGreaterThanOrEqual(gainMin * plan.moves.length - 1e-9)
      }),
    )
  })

  test('comes to an end: plan after plan, until there is nothing to gain', () => {
    fc.assert(
      fc.property(clusters, ({ cores, movables }) => {
        let now = movables
        const most = Math.ceil(scoreOf(burdensOf(cores, now)) / gainMin) + 1
        for (let plans = 0; ; plans++) {
          const { moves } = planMoves(burdensOf(cores, now), now, new Set())
          if (moves.length === 0) break
          expect(plans).toBeLessThan(most)
          now = moved(now, moves)
        }
      }),
    )
  })

  test('moves at most one VM from or to a node at a time, and none at a busy one', () => {
    fc.assert(
      fc.property(clusters, ({ cores, movables }) => {
        const { moves } = planMoves(burdensOf(cores, movables), movables, new Set(['n0']))
        const ends = moves.flatMap(({ from, to }) => [from, to])
        expect(new Set(ends).size).toBe(ends.length)
        expect(ends).not.toContain('n0')
      }),
    )
  })

  test('does not overfill a node', () => {
    fc.assert(
      fc.property(clusters, ({ cores, movables }) => {
        const before = burdensOf(cores, movables)
        const { moves } = planMoves(before, movables, new Set())
        for (const burden of burdensOf(cores, moved(movables, moves))) {
          const was = before.find(({ id }) => id === burden.id)?.reservedMib ?? 0
          expect(burden.reservedMib).toBeLessThanOrEqual(Math.max(was, burden.memoryMib))
        }
      }),
    )
  })

  test('sheds load from an overloaded node, and says why', () => {
    const vm = (id: string, demandPercent: number): Movable => ({
      ...{ id: asVmId(id), nodeId: asNodeId('n0'), demandPercent, memoryMib: 16 },
    })
    const movables = [vm('big', 60), vm('small', 50)]
    const plan = planMoves(burdensOf([1, 1], movables), movables, new Set())
    expect(plan.moves).toHaveLength(1)
    expect(plan.moves[0]?.why).toMatch(/n0 is overloaded: 110 → \d+ %, n1 0 → \d+ %/)
  })
})

describe('placement', () => {
  test('after it nothing fits where it did not fit before', () => {
    const burden = nodeOf('n1', 0, 1000)
    expect(fits(burden, { memoryMib: 24, demandPercent: 10 })).toBe(true)
    expect(fits(burden, { memoryMib: 25, demandPercent: 10 })).toBe(false)
    expect(fits(nodeOf('n1', 395, 0), { memoryMib: 16, demandPercent: 10 })).toBe(false)
  })

  test('a faster core bears the same demand more lightly', () => {
    expect(translateDemand(50, { mipsPerCore: 100 }, { mipsPerCore: 200 })).toBe(25)
    expect(translateDemand(50, { mipsPerCore: 0 }, { mipsPerCore: 200 })).toBe(50)
    expect(loadOf(nodeOf('n1', 100, 0, 2))).toBe(0.5)
  })

  test('takes the least loaded node, then the first by name, and spreads what starts together', () => {
    const story = new Story()
    story.join('n2', 'n1', 'n3')
    for (const id of ['a', 'b', 'c', 'd']) story.run(id)
    const placed = ['a', 'b', 'c', 'd'].map((id) => story.state.vms.get(asVmId(id))?.nodeId)
    expect(placed).toEqual(['n1', 'n2', 'n3', 'n1'])
  })

  test('never reserves more than a node has; the rest waits and starts when room appears', () => {
    const story = new Story()
    story.join('n1')
    for (const id of ['a', 'b', 'c']) story.run(id, { memoryMib: 40 })
    const phases = () => ['a', 'b', 'c'].map((id) => story.state.vms.get(asVmId(id))?.phase)
    expect(phases()).toEqual(['starting', 'starting', 'pending'])
    expect(story.state.vms.get(asVmId('c'))?.fault?.code).toBe('no-room')
    story.ask({ do: 'stop', vmId: asVmId('a') })
    story.result('n1', 'run1-3')
    story.pass(500)
    expect(phases()).toEqual(['stopped', 'starting', 'starting'])
  })

  test('room that appears is for whose turn it is, and not for who happens to look first', () => {
    const story = new Story()
    story.run('low', { memoryMib: 60 })
    story.run('high', { memoryMib: 60 })
    story.pass(100)
    const change = HaPolicyChange.parse({ priority: 200 })
    story.ask({ do: 'set-policy', vmId: asVmId('high'), change })
    story.pass(100)
    story.join('n1')
    // Now `low` looks again, and `high` does not yet.
    story.passWith(500, { n1: [] })
    expect(stateOf(story, 'high')).toBe('starting n1 @1')
    expect(stateOf(story, 'low')).toBe('pending undefined @0')
  })

  test('a pinned VM runs on its node or nowhere', () => {
    const story = new Story()
    story.join('n1', 'n2')
    story.run('a', {}, 'n2')
    story.result('n2', 'run1-1')
    story.lose('n2', true)
    story.pass(500)
    expect(story.state.vms.get(asVmId('a'))?.phase).toBe('recovering')
    story.run('b', {}, 'n9')
    expect(story.answer).toMatchObject({ fault: { code: 'unknown-node' } })
  })

  test('counts the copies on their way: a destination is not promised twice', () => {
    const story = new Story()
    story.join('n1', 'n2')
    story.run('a', { memoryMib: 60 }, 'n1')
    story.result('n1', 'run1-1')
    story.migrate('a', 'n2')
    story.run('b', { memoryMib: 60 }, 'n2')
    expect(story.state.vms.get(asVmId('b'))?.fault?.code).toBe('no-room')
  })
})

describe('the demand that is believed', () => {
  test.each([
    ['a VM alone that gets all it wants', 60, 60, 60],
    ['one of four that each want a whole core of one', 100, 25, 55],
    ['an idle one on a machine that is busy with others', 35, 1, 7],
  ])('%s', (_who, demand, got, believed) => {
    expect(credibleDemand(demand, got)).toBe(believed)
  })

  test('four that share a core are still too many for it', () => {
    expect(4 * credibleDemand(100, 25)).toBeGreaterThan(100 * hotLoad)
  })
})

describe('the rebalancing timer', () => {
  const load = (cpuDemandPercent: number) => ({
    ...{ cpuDemandPercent, cpuGotPercent: 50, mips: 1, touchedBytes: 0, dirtyPagesPerSec: 0 },
  })

  test('moves a VM off a hot node, leaves it there for a while, and stays away from recoveries', () => {
    const story = new Story({ rebalance: true })
    story.join('n1', 'n2')
    for (const id of ['a', 'b']) story.run(id, {}, undefined)
    story.result('n1', 'run1-1')
    story.result('n2', 'run1-2')
    // Both end up on n1 by hand, as after the loss of a node.
    story.migrate('b', 'n1')
    story.admit('m3')
    story.event('n1', 'b@3', 'running')
    story.result('n2', 'run1-3')
    for (const id of ['a', 'b']) {
      const vm = story.state.vms.get(asVmId(id))
      if (vm) Object.assign(vm.live, { load: load(80), demandPercent: 80 })
    }
    story.passWith(5250, { n1: ['a@1', 'b@3'], n2: [] })
    const moves = [...story.state.migrations.values()].filter(({ cause }) => cause === 'rebalance')
    expect(moves.map(({ vmId, from, to }) => [vmId, from, to])).toEqual([['a', 'n1', 'n2']])
    expect(story.text).toMatch(/rebalancing moves a from n1 to n2: n1 is overloaded: 160 → 80 %/)
  })
})

test('after a coordinator has begun, who comes first does not get all that waits', () => {
  const story = new Story()
  for (const id of ['a', 'b', 'c', 'd']) story.run(id)
  story.restart()
  story.hello('n1')
  story.passWith(300, { n1: [] })
  expect([...(story.state.nodes.get(asNodeId('n1'))?.live.vmIds ?? [])]).toEqual([])
  story.hello('n2')
  story.passWith(3000, { n1: [], n2: [] })
  const held = ['n1', 'n2'].map((id) => story.state.nodes.get(asNodeId(id))?.live.vmIds.size)
  expect(held).toEqual([2, 2])
})

const params = MigrationParams.parse({})
const saysWhyNot = (story: Story): string | undefined => {
  story.ask({ do: 'migrate', vmId: asVmId('a'), request: { cause: 'operator', params } })
  const { answer } = story
  return answer && 'fault' in answer && answer.fault ? answer.fault.message : undefined
}

test('who asks for a migration on the only node hears that there is no other one', () => {
  const story = new Story()
  story.join('n1')
  story.run('a', {}, 'n1')
  story.result('n1', 'run1-1')
  expect(saysWhyNot(story)).toBe('no other node can take it: bring one back, or add one')
})

test('where all others are in maintenance it is said which', () => {
  const story = started()
  story.ask({ do: 'maintenance', nodeId: asNodeId('n2'), params }, 'n2 is taken out of service')
  expect(saysWhyNot(story)).toBe(
    'all that could take it are in maintenance: `godwit node return n2` (n2)',
  )
})

test('who names a node in maintenance hears of that, whatever else is there', () => {
  const story = started()
  story.ask({ do: 'maintenance', nodeId: asNodeId('n2'), params }, 'n2 is taken out of service')
  story.migrate('a', 'n2')
  expect(story.answer).toMatchObject({
    fault: {
      message: 'n2 is in maintenance: `godwit node return n2` first, or name another node',
    },
  })
})

test('a VM whose rules leave it one node, which is full, is told both', () => {
  const story = started()
  story.run('full', { memoryMib: 90 }, 'n2')
  const about = { kind: 'node-affinity', name: 'home', vms: ['b'], strict: true }
  story.ask({ do: 'set-rule', rule: HaRule.parse({ ...about, nodes: [{ id: 'n2' }] }) })
  story.run('b')
  expect(story.state.vms.get(asVmId('b'))?.fault?.message).toBe(
    'no node may take it (n1: rule home allows b only on n2; ' +
      'n2: 16 MiB do not fit, 10 are free)',
  )
})

test('a VM that crashed starts again on its node, though another has less to do by now', () => {
  const story = started()
  story.run('busy', { cpuExpectedPercent: 80 }, 'n1')
  const change = HaPolicyChange.parse({ restarts: 1 })
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change })
  story.event('n1', 'a@1', 'crashed')
  story.passWith(1000, { n1: [], n2: [] })
  expect(stateOf(story)).toMatch(/^starting n1/)
})
