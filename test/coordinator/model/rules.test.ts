// High availability under random faults: strict rules are never broken by anything automatic, not
// even midway, policies are kept, and when all is healed, everything is where it should be.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { brokenBy, nodesOf } from '#coordinator/core/ha/rules.ts'
import { whyOf } from '#coordinator/core/ha/why.ts'
import { HaPolicy, HaRule, type HaRuleInput } from '#proto/ha.ts'
import { asVmId, type VmId } from '#proto/ids.ts'
import { ModelCluster, nodeNames } from './model-cluster.ts'
import { type Act, action, gapMs, node, startFailed, told, vm, wanted } from './random-acts.ts'

const names = fc.uniqueArray(vm, { minLength: 2, maxLength: 3 })
const priority = fc.nat(3)
const homes = fc
  .uniqueArray(node, { minLength: 1, maxLength: 2 })
  .chain((ids) => fc.tuple(...ids.map((id) => priority.map((n) => ({ id, priority: n })))))

const rule: fc.Arbitrary<Omit<HaRuleInput, 'name'>> = fc.oneof(
  fc.record({ kind: fc.constant('keep-apart' as const), vms: names, strict: fc.boolean() }),
  fc.record({ kind: fc.constant('keep-together' as const), vms: names, strict: fc.boolean() }),
  fc.record({
    kind: fc.constant('node-affinity' as const),
    vms: fc.uniqueArray(vm, { minLength: 1, maxLength: 3 }),
    nodes: homes,
    strict: fc.boolean(),
  }),
)

const policy = fc.record({
  priority: fc.nat(3),
  restarts: fc.nat(2),
  relocations: fc.nat(2),
  failback: fc.boolean(),
})

const plan = fc.record({
  seed: fc.nat(1_000_000),
  rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
  policies: fc.tuple(policy, policy, policy),
  freezes: fc.boolean(),
  acts: fc.array(fc.tuple(gapMs, action), { minLength: 1, maxLength: 20 }),
})

interface Plan {
  readonly seed: number
  readonly rules: readonly Omit<HaRuleInput, 'name'>[]
  readonly policies: readonly Partial<HaPolicy>[]
  readonly freezes: boolean
  readonly acts: readonly [number, Act][]
}

/** By what the coordinator believes, and by what is executed. */
function holdsStrict(cluster: ModelCluster): void {
  const { state } = cluster
  if (!state) return
  for (const { strict, ...one } of state.rules.values()) {
    if (!strict || one.kind === 'keep-together') continue
    const seats = one.vms.map((id) => {
      const known = state.vms.get(asVmId(id))
      return { id, nodes: known ? nodesOf(state, known) : [] }
    })
    for (const { id, nodes } of seats) {
      if (one.kind === 'node-affinity') {
        const outside = nodes.find((at) => !one.nodes.some((home) => home.id === at))
        if (outside) throw new Error(`${one.name}: ${id} is on ${outside}\n${told(cluster)}`)
        continue
      }
      const other = seats.find(
        (seat) => seat.id !== id && seat.nodes.some((n) => nodes.includes(n)),
      )
      if (other) throw new Error(`${one.name}: ${id} meets ${other.id}\n${told(cluster)}`)
    }
  }
}

function play({ seed, rules, policies, freezes, acts }: Plan): ModelCluster {
  const cluster = new ModelCluster(nodeNames, seed)
  cluster.advance(600)
  if (freezes) cluster.ask({ do: 'set-ha', change: { shutdown: 'freeze' } })
  for (const [n, one] of rules.entries())
    cluster.ask({ do: 'set-rule', rule: HaRule.parse({ ...one, name: `r${n}` }) })
  cluster.law = () => holdsStrict(cluster)
  for (const [n, id] of ['a', 'b', 'c'].entries())
    cluster.run(
      id,
      { ha: id !== 'c', diskMib: id === 'b' ? 0 : 4, isolation: n % 2 === 0 ? 'pause' : 'stop' },
      HaPolicy.parse(policies[n]),
    )
  cluster.advance(600)
  for (const [ms, perform] of acts) {
    perform(cluster)
    cluster.advance(ms)
  }
  return cluster
}

/** But for rules of VMs that are stopped or paused where they should not be: nobody moves them. */
function brokenAtRest(cluster: ModelCluster): string[] {
  const { state } = cluster
  if (!state) return []
  const isResting = (id: string) => !wanted(cluster).some((one) => one === id)
  return [...state.rules.values()]
    .filter((one) => one.strict && !one.vms.some(isResting))
    .flatMap((one) => brokenBy(state, one))
}

test('strict rules hold at every moment, and after healing everything runs where it should', () => {
  fc.assert(
    fc.property(plan, (chosen) => {
      const cluster = play(chosen)
      cluster.heal()
      cluster.advance(30_000)
      startFailed(cluster)
      cluster.advance(20_000)
      startFailed(cluster)
      cluster.advance(20_000)
      expect(brokenAtRest(cluster), told(cluster)).toEqual([])
      expect([...(cluster.state?.openMigrations ?? [])], told(cluster)).toEqual([])
      expect(Object.keys(cluster.runners()).sort(), told(cluster)).toEqual(runnable(cluster).sort())
    }),
    { numRuns: Number(process.env.GODWIT_PROPERTY_RUNS ?? 100) },
  )
})

/** All that are wanted, but for those that no node may take: that is what they say themselves. */
const runnable = (cluster: ModelCluster): VmId[] =>
  wanted(cluster).filter((id) => {
    const { state } = cluster
    const known = state?.vms.get(id)
    if (!state || !known || !['pending', 'recovering'].includes(known.phase)) return true
    return whyOf(state, known).nodes.some(({ may }) => may)
  })
