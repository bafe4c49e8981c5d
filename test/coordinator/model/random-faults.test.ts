// Any interleaving of faults and commands: never two runners, never memory older than its disk,
// invariants after every step; and when the faults are healed, every VM that should run runs and
// every migration has ended.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NodeId, VmId } from '#proto/ids.ts'
import { ModelCluster, nodeNames, vmNames } from './model-cluster.ts'

const node = fc.constantFrom(...nodeNames)
const vm = fc.constantFrom(...vmNames)

type Act = (cluster: ModelCluster) => void
const act = <T>(
  args: fc.Arbitrary<T>,
  name: string,
  fn: (cluster: ModelCluster, args: T) => void,
) =>
  args.map((value) =>
    Object.assign(((cluster: ModelCluster) => fn(cluster, value)) as Act, {
      toString: () => `${name}(${JSON.stringify(value)})`,
    }),
  )

const none = fc.constant(undefined)

/** A migration, and faults at its ends in the few milliseconds in which the run permit passes. */
const faultsAtEnd = [
  'kill',
  'restart',
  'cutAll',
  'cutPeers',
  'cutCoordinator',
  'hang',
  'breakDisk',
] as const
const breach = fc.record({
  vm,
  to: node,
  afterMs: fc.integer({ min: 290, max: 420 }),
  blows: fc.array(
    fc.tuple(fc.nat(40), fc.boolean(), fc.constantFrom(...faultsAtEnd, 'coordinator' as const)),
    { minLength: 1, maxLength: 3 },
  ),
})

const action = fc.oneof(
  { weight: 6, arbitrary: act(fc.tuple(vm, node), 'migrate', migrate) },
  { weight: 8, arbitrary: act(breach, 'breach', breakMigration) },
  { weight: 2, arbitrary: act(node, 'kill', (c, id) => c.killNode(id)) },
  { weight: 3, arbitrary: act(node, 'start', (c, id) => c.startNode(id)) },
  { weight: 2, arbitrary: act(node, 'hang', (c, id) => c.hangNode(id, 4000)) },
  { weight: 1, arbitrary: act(node, 'hiccup', (c, id) => c.hangNode(id, 600)) },
  { weight: 2, arbitrary: act(node, 'cut', (c, id) => c.cutNode(id, 'coordinator')) },
  { weight: 2, arbitrary: act(node, 'cutPeers', (c, id) => c.cutNode(id, 'peers')) },
  { weight: 1, arbitrary: act(vm, 'crash', (c, vmId) => c.crashGuest(vmId)) },
  { weight: 1, arbitrary: act(node, 'breakDisk', (c, id) => c.breakDisk(id)) },
  { weight: 2, arbitrary: act(none, 'heal', (c) => c.heal()) },
  { weight: 2, arbitrary: act(none, 'killCoordinator', (c) => c.killCoordinator()) },
  { weight: 1, arbitrary: act(fc.nat(500), 'crashSoon', (c, ms) => c.crashSoon(ms)) },
  { weight: 3, arbitrary: act(none, 'startCoordinator', (c) => c.startCoordinator()) },
  { weight: 1, arbitrary: act(vm, 'stop', (c, vmId) => c.ask({ do: 'stop', vmId })) },
  { weight: 1, arbitrary: act(vm, 'start', (c, vmId) => c.ask({ do: 'start', vmId })) },
  { weight: 1, arbitrary: act(vm, 'pause', (c, vmId) => c.ask({ do: 'pause', vmId })) },
  { weight: 1, arbitrary: act(vm, 'cancel', cancel) },
)

function migrate(cluster: ModelCluster, [vmId, to]: [VmId, NodeId]): void {
  cluster.ask({ do: 'migrate', vmId, request: { to, cause: 'operator' } })
}

function breakMigration(
  cluster: ModelCluster,
  { vm: vmId, to, afterMs, blows }: typeof breach extends fc.Arbitrary<infer T> ? T : never,
): void {
  const from = cluster.state?.vms.get(vmId)?.nodeId
  migrate(cluster, [vmId, to])
  cluster.advance(afterMs)
  for (const [ms, isSource, blow] of blows) {
    const id = isSource && from !== undefined ? from : to
    if (blow === 'coordinator') {
      cluster.killCoordinator()
      cluster.startCoordinator()
    }
    if (blow === 'kill' || blow === 'restart') cluster.killNode(id)
    if (blow === 'restart') cluster.startNode(id)
    if (blow === 'cutAll' || blow === 'cutPeers') cluster.cutNode(id, 'peers')
    if (blow === 'cutAll' || blow === 'cutCoordinator') cluster.cutNode(id, 'coordinator')
    if (blow === 'breakDisk') cluster.breakDisk(id)
    if (blow === 'hang') cluster.hangNode(id, 3500)
    cluster.advance(ms)
  }
}

function cancel(cluster: ModelCluster, vmId: VmId): void {
  const migrationId = cluster.state?.vms.get(vmId)?.migrationId
  if (migrationId) cluster.ask({ do: 'cancel-migration', migrationId })
}

const gapMs = fc.oneof(fc.nat(60), fc.nat(400), fc.nat(4000))
const plan = fc.record({
  seed: fc.nat(1_000_000),
  acts: fc.array(fc.tuple(gapMs, action), { minLength: 1, maxLength: 25 }),
})

function play({ seed, acts }: { seed: number; acts: [number, Act][] }): ModelCluster {
  const cluster = new ModelCluster(nodeNames, seed)
  cluster.advance(600)
  cluster.run('a', true, 4)
  cluster.run('b', true, 0)
  cluster.run('c', false, 4)
  cluster.advance(600)
  for (const [ms, perform] of acts) {
    perform(cluster)
    cluster.advance(ms)
  }
  return cluster
}

/** VMs that nobody stopped or paused must run. */
function wanted(cluster: ModelCluster): string[] {
  const vms = [...(cluster.state?.vms.values() ?? [])]
  return vms.filter((one) => !['stopped', 'paused'].includes(one.phase)).map(({ id }) => id)
}

/** Guests that crashed, or whose disk no node could open: an operator starts them again. */
function startFailed(cluster: ModelCluster): void {
  for (const { id, phase, fault } of cluster.state?.vms.values() ?? [])
    if (phase === 'failed' && ['internal', 'guest-crashed'].includes(fault?.code ?? ''))
      cluster.ask({ do: 'start', vmId: id })
  cluster.advance(2000)
}

const told = (cluster: ModelCluster) => cluster.story.join('\n')

describe('whatever happens', () => {
  test('no VM is ever executed twice, and after healing each runs once', () => {
    fc.assert(
      fc.property(plan, (chosen) => {
        const cluster = play(chosen)
        cluster.heal()
        cluster.advance(20_000)
        startFailed(cluster)
        const open = [...(cluster.state?.openMigrations ?? [])]
        expect(open, told(cluster)).toEqual([])
        expect(Object.keys(cluster.runners()).sort(), told(cluster)).toEqual(wanted(cluster).sort())
        for (const [vmId, runner] of Object.entries(cluster.runners()))
          expect(cluster.state?.vms.get(vmId as VmId)?.nodeId, told(cluster)).toBe(runner)
      }),
      { numRuns: Number(process.env.GODWIT_PROPERTY_RUNS ?? 150) },
    )
  })

  test('the same seed gives the same story', () => {
    const [chosen] = fc.sample(plan, { numRuns: 1, seed: 7 })
    if (!chosen) throw new Error('no sample')
    expect(told(play(chosen))).toBe(told(play(chosen)))
  })
})
