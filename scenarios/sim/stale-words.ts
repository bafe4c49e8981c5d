// Words under an epoch that is over, as from a coordinator that is behind (deposed, or with an
// older memory) or from a node that speaks late of what it once had. Links keep the order of words
// and are cut when they are replaced, so no fault of the network makes them: they are said here.
// Whoever hears one must do nothing at all. Not here: when they are said (fault-plan.ts), the law
// that no VM runs under an old epoch (sim-world.ts).

import type { Vm } from '#coordinator/core/cluster-state.ts'
import { DiskFencedError } from '#engine/devices/disk-layer.ts'
import { openLayeredDisk } from '#engine/devices/layered-disk.ts'
import type { HeldVm } from '#node-agent/held-vms.ts'
import { asCommandId, asEpoch, asMigrationId, asNodeId, type Epoch } from '#proto/ids.ts'
import type { CoordinatorMessage, VmEvent } from '#proto/messages.ts'
import { mebibyte } from '#proto/units.ts'
import { pick } from './fault-aims.ts'
import type { SimLink } from './sim-link.ts'
import type { SimWorld } from './sim-world.ts'

/** What was said, and of which VM; what came of it, if anything did. */
export interface StaleWord {
  readonly said: string
  readonly wrong: string | undefined
}

const older = ({ epoch }: { readonly epoch: Epoch }): Epoch => asEpoch(epoch - 1)

/** To a node, to the coordinator, or to the store. undefined: there was nobody to say it to. */
export function staleWord(world: SimWorld, n: number): StaleWord | undefined {
  const at = Math.floor(n / 4)
  if (n % 4 === 0) return staleWriter(world, at)
  return n % 4 === 1 ? staleEvent(world, at) : staleOrder(world, at)
}

/** To a node that holds a VM, if that had an epoch before this one. */
function staleOrder(world: SimWorld, n: number): StaleWord | undefined {
  const held = [...world.nodes.keys()].flatMap((name) => {
    const { holdings } = world.node(name)
    const isAimed = ({ epoch, state }: HeldVm) => epoch > 1 || state === 'stranded'
    return holdings.vms.filter(isAimed).map((vm) => ({ name, vm }))
  })
  const target = pick(held, n)
  if (!target) return undefined
  const { name, vm } = target
  const link = endOf(world, name)
  const order = pick(ordersFor(vm, `stale-${world.nowMs}`), Math.floor(n / held.length))
  if (!link || !order) return undefined
  const before = bearingOf(vm)
  link.hear(order)
  const isHeld = world.node(name).holdings.vms.includes(vm)
  const after = isHeld ? bearingOf(vm) : 'nothing'
  const said = `stale ${order.t}`
  const wrong = `${name} obeyed a ${said} of ${vm.vmId}: ${before} became ${after}`
  return { said, wrong: after === before ? undefined : wrong }
}

/** All that an order could change, as text. */
function bearingOf(vm: HeldVm): string {
  const { state, epoch, launching, migrationId, replica, snapshotting, swapping, disk } = vm
  const { ha, isolation, network } = vm.spec
  const busy = { launching, migrationId, replica: replica?.state, snapshotting, swapping }
  return JSON.stringify({ state, epoch, ...busy, ha, isolation, network, layers: disk.layers })
}

/** Each would do something if it were about the present epoch. */
function ordersFor(vm: HeldVm, id: string): CoordinatorMessage[] {
  const { vmId, spec, identity, disk, state, migrationId } = vm
  const about = { commandId: asCommandId(id), vmId, epoch: older(vm) }
  const verdict = {
    ...about,
    migrationId: migrationId ?? asMigrationId(id),
    verdict: 'run',
  } as const
  if (state === 'replica')
    return [{ ...about, t: 'take-over', replicaId: verdict.migrationId, epoch: vm.epoch }]
  if (state === 'prepared' || state === 'released') return [{ ...verdict, t: 'resolve' }]
  if (state === 'stranded') return [{ ...about, t: 'go-on', epoch: vm.epoch, nextEpoch: vm.epoch }]
  if (state !== 'running' && state !== 'paused') return []
  return [
    { ...about, t: 'stop' },
    { ...about, t: state === 'running' ? 'pause' : 'resume' },
    { ...about, t: 'start', spec, identity, disk },
    { ...about, t: 'set-lease', leased: !spec.ha },
    { ...verdict, t: 'resolve' },
    { ...verdict, t: 'resolve', verdict: 'discard' },
  ]
}

const events = ['running', 'crashed', 'fenced', 'shut-down', 'released', 'discarded'] as const

/** Of a VM that the coordinator knows to be there. */
function staleEvent(world: SimWorld, n: number): StaleWord | undefined {
  const { coordinator, process } = world.coordinator
  const { vms } = coordinator.state
  const there = [...vms.values()].filter(({ nodeId, epoch }) => nodeId !== undefined && epoch > 1)
  const vm = pick(there, n)
  const link = world.network.endOf(process, vm?.nodeId ?? '')
  if (!vm || !link) return undefined
  const event = pick(events, Math.floor(n / there.length)) ?? 'crashed'
  const word: VmEvent = { t: 'vm-event', vmId: vm.id, epoch: older(vm), event }
  const before = standingOf(vm)
  link.hear(word)
  const after = vms.get(vm.id)
  const said = `stale ${event}`
  const wrong = `the coordinator took a ${said} of ${vm.id} for news: ${before} became `
  const standing = after ? standingOf(after) : 'nothing'
  return { said, wrong: standing === before ? undefined : wrong + standing }
}

const standingOf = ({ phase, nodeId, epoch, migrationId, recoveries }: Vm): string =>
  [phase, nodeId, epoch, migrationId, recoveries].join(' ')

/** Whoever had a VM once opens its disk. */
function staleWriter(world: SimWorld, n: number): StaleWord | undefined {
  const { vms } = world.coordinator.coordinator.state
  const withDisk = [...vms.values()].filter(
    ({ phase, epoch, disk }) => phase === 'running' && epoch > 1 && disk.layers.length > 0,
  )
  const vm = pick(withDisk, n)
  const { layers = [] } = vm?.disk ?? {}
  // One that was only named is made by whoever opens it first.
  if (!vm || !world.disk.exists(layers.at(-1) ?? '')) return undefined
  const sizeBytes = vm.spec.diskMib * mebibyte
  try {
    openLayeredDisk(world.disk, { layers, sizeBytes, epoch: older(vm) }).close()
  } catch (thrown) {
    // Refused for anything else it was not judged by its epoch.
    return thrown instanceof DiskFencedError
      ? { said: 'stale writer', wrong: undefined }
      : undefined
  }
  const wrong = `the store gave the disk of ${vm.id}, which runs under ${vm.epoch}, to an older epoch`
  return { said: 'stale writer', wrong }
}

/** The node's end of its link to the coordinator, if it listens to it now. */
function endOf(world: SimWorld, name: string): SimLink | undefined {
  const { process, coordinator } = world.coordinator
  const isKnown = coordinator.state.nodes.get(asNodeId(name))?.phase === 'online'
  return isKnown ? world.network.endOf(world.process(name), process.name) : undefined
}
