// Random faults and commands for the model cluster, and what its VMs should come to. Shared by the
// tests that play them.

import fc from 'fast-check'
import type { NodeId, VmId } from '#proto/ids.ts'
import { type ModelCluster, nodeNames, vmNames } from './model-cluster.ts'

export const node = fc.constantFrom(...nodeNames)
export const vm = fc.constantFrom(...vmNames)

export type Act = (cluster: ModelCluster) => void
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

export const action = fc.oneof(
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

export const gapMs = fc.oneof(fc.nat(60), fc.nat(400), fc.nat(4000))
export const plan = fc.record({
  seed: fc.nat(1_000_000),
  acts: fc.array(fc.tuple(gapMs, action), { minLength: 1, maxLength: 25 }),
})

/** VMs that nobody stopped or paused must run. */
export function wanted(cluster: ModelCluster): VmId[] {
  const vms = [...(cluster.state?.vms.values() ?? [])]
  return vms.filter((one) => !['stopped', 'paused'].includes(one.phase)).map(({ id }) => id)
}

/** Guests that crashed, or whose disk no node could open: an operator starts them again. */
export function startFailed(cluster: ModelCluster): void {
  for (const { id, phase, fault } of cluster.state?.vms.values() ?? [])
    if (phase === 'failed' && ['internal', 'guest-crashed'].includes(fault?.code ?? ''))
      cluster.ask({ do: 'start', vmId: id })
  cluster.advance(2000)
}

export const told = (cluster: ModelCluster) => cluster.story.join('\n')
