// At rest every account must agree: the coordinator's, the nodes', the store's. What does not is told
// in a sentence. Not here: when it is asked (fault-run.ts), and the guests' own (there as well).

import type { ClusterState } from '#coordinator/core/cluster-state.ts'
import { brokenBy, isBinding } from '#coordinator/core/ha/rules.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import type { SimWorld } from './sim-world.ts'

/** What has not come to an end. */
export function unrest(world: SimWorld, names: readonly string[]): string[] {
  const { state } = world.coordinator.coordinator
  const { nodes, vms, openMigrations, commands } = state
  const away = names.filter((name) => nodes.get(asNodeId(name))?.phase !== 'online')
  const restless = [...vms.values()].filter(
    ({ phase }) => !['running', 'stopped', 'paused', 'failed'].includes(phase),
  )
  const busy = [...state.templates.values()].filter(
    ({ phase }) => phase === 'making' || phase === 'removing',
  )
  return [
    ...busy.map(({ id, phase }) => `template ${id} is ${phase}`),
    ...away.map((name) => `${name} is not online`),
    ...world.elders.map(({ name }) => `${name} lives twice`),
    ...restless.map(({ id, phase }) => `${id} is ${phase}`),
    ...[...vms.values()].flatMap(({ id, replica }) =>
      replica && replica.phase !== 'ready' ? [`the replica of ${id} is ${replica.phase}`] : [],
    ),
    ...[...vms.values()].flatMap(({ id, merge, replica }) =>
      merge && !replica ? [`layers of ${id} are being merged`] : [],
    ),
    ...parted(state),
    ...[...openMigrations].map((id) => `${id} is open`),
    ...[...commands.values()].map(({ kind }) => `${kind} is not answered`),
  ]
}

/** VMs that a strict rule keeps together, and their replicas, once all of them run. */
function parted(state: ClusterState): string[] {
  return [...state.rules.values()].filter(isBinding).flatMap((rule) => {
    const company = rule.vms.flatMap((id) => state.vms.get(asVmId(id)) ?? [])
    if (company.some(({ phase }) => phase !== 'running')) return []
    const replicas = new Set(company.flatMap(({ replica }) => replica?.nodeId ?? []))
    const apart = replicas.size > 1 ? [`replicas on ${[...replicas].join(', ')}`] : []
    return [...brokenBy(state, rule), ...apart].map((text) => `rule ${rule.name}: ${text}`)
  })
}

/** Where the accounts differ. */
export function disorder(world: SimWorld, names: readonly string[]): string[] {
  const { state } = world.coordinator.coordinator
  const held = names.flatMap((name) =>
    world.node(name).holdings.vms.map(({ vmId, state }) => ({ name, vmId, is: state })),
  )
  const found: string[] = []
  for (const { id, phase, nodeId, replica } of state.vms.values()) {
    const all = held.filter(({ vmId }) => vmId === id)
    const copies = all.filter(({ is }) => is !== 'replica')
    const kept = all.flatMap(({ name, is }) => (is === 'replica' ? [name] : []))
    if (kept.join() !== (replica?.nodeId ?? ''))
      found.push(`${id} has a replica on ${replica?.nodeId}, and it is on ${kept.join(', ')}`)
    const isLive = phase === 'running' || phase === 'paused'
    const told = copies.map(({ name, is }) => `${is} on ${name}`).join(', ') || 'nowhere'
    const isSo = isLive
      ? copies.length === 1 && copies[0]?.name === nodeId && copies[0]?.is === phase
      : copies.length === 0
    if (!isSo) found.push(`${id} is ${phase} on ${nodeId}, and held: ${told}`)
  }
  for (const { name, vmId, is } of held)
    if (!state.vms.has(vmId)) found.push(`${name} holds ${vmId} (${is}), which is gone`)
  for (const name of names) {
    const { migrations, replicas } = world.node(name).holdings
    const ends = [...state.vms.values()].filter(
      ({ nodeId, replica }) => replica && (nodeId === name || replica.nodeId === name),
    )
    if (replicas !== ends.length)
      found.push(`${name} has ${replicas} ends of replicas, and should have ${ends.length}`)
    // A replica has a link of its own to its primary.
    const links = ends.filter(({ replica }) => replica?.nodeId === name).length
    if (migrations > links) found.push(`${name} has ${migrations} runs of migrations`)
  }
  return [...found, ...litter(world)]
}

/** Layers of disks that nobody names, or that are named and gone. */
function litter(world: SimWorld): string[] {
  const { state } = world.coordinator.coordinator
  const vms = [...state.vms.values()]
  const named = new Set(vms.flatMap(({ disk }) => disk.layers))
  // Of one that waits, for as long as the VM has a replica: its old layers, and the new one.
  for (const { merge } of vms)
    if (merge) for (const layer of [...merge.layers, merge.into]) named.add(layer)
  const kept = [...state.snapshots.values(), ...state.templates.values()]
  for (const { record } of kept) for (const layer of record?.disk.layers ?? []) named.add(layer)
  // The next one is the one that comes now and then: what was wanted has been done.
  const { process } = world.coordinator
  const isWatched = state.sweepAtMs > process.nowMs() + 60_000
  const there = world.disk.list()
  const litter = isWatched ? there.filter((name) => !named.has(name)) : ['not swept yet']
  return [
    ...(litter.length > 0 ? [`layers that nobody names: ${litter.join(', ')}`] : []),
    ...missing(world, there),
  ]
}

/** What is kept as ready must be there to begin from. */
function missing(world: SimWorld, there: readonly string[]): string[] {
  const { snapshots, templates } = world.coordinator.coordinator.state
  return [...snapshots.values(), ...templates.values()].flatMap(({ id, phase, record }) => {
    if (phase !== 'ready' || !record) return []
    const gone = record.disk.layers.filter((layer) => !there.includes(layer))
    return gone.length > 0 ? [`${id} is ready, and lacks ${gone.join(', ')}`] : []
  })
}
