// What is always true of a coordinator's state, whatever came in. Checked after every step of a
// test and a simulation; in production what a step has changed, and the whole each second. A broken
// one is a bug of ours and stops the process: its store is still sound, for a step's effects are
// carried out after this check.

import type { MigrationId, VmId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { VmPhase } from '#proto/state.ts'
import { reckoned } from './burdens.ts'
import {
  type ClusterState,
  isActive,
  isOpen,
  type Migration,
  type Node,
  type Vm,
} from './cluster-state.ts'
import type { RecordKey } from './records.ts'

/**
 * In these phases a copy may exist, in those surely none does; in the others (recovering, failed)
 * it depends.
 */
const hasCopy: readonly VmPhase[] = ['starting', 'running', 'paused', 'migrating', 'stopping']
const hasNoCopy: readonly VmPhase[] = ['pending', 'stopped']

/**
 * Only what a step has changed for good: what a large cluster can afford after each of them. The
 * whole is looked at now and then.
 */
export function assertChanged(state: ClusterState, keys: readonly RecordKey[]): void {
  for (const { kind, id } of keys) {
    const vm = kind === 'vm' ? state.vms.get(id as VmId) : undefined
    const migration = kind === 'migration' ? state.migrations.get(id as MigrationId) : undefined
    if (vm) assertVm(state, vm)
    if (migration) assertMigration(state, migration)
  }
}

export function assertInvariants(state: ClusterState): void {
  for (const vm of state.vms.values()) assertVm(state, vm)
  for (const migration of state.migrations.values()) assertMigration(state, migration)
  assertIndexes(state)
}

function assertVm(state: ClusterState, vm: Vm): void {
  const { id, phase, nodeId, epoch } = vm
  if (hasCopy.includes(phase)) invariant(nodeId !== undefined, `${id} is ${phase} on no node`)
  if (hasNoCopy.includes(phase)) invariant(nodeId === undefined, `${id} is ${phase} on ${nodeId}`)
  invariant(epoch < state.meta.nextEpoch, `${id}: epoch ${epoch} was never given`)
  invariant(vm.bootEpoch <= epoch, `${id} was booted after its present epoch`)
  const waits = phase === 'pending' || (phase === 'recovering' && nodeId === undefined)
  invariant(waits === state.waiting.has(id), `${id} is ${phase}: the waiting list is wrong`)
  if (nodeId !== undefined)
    invariant(state.nodes.get(nodeId)?.live.vmIds.has(id), `${nodeId} does not know of ${id}`)
  if (phase === 'migrating') invariant(vm.migrationId !== undefined, `${id} migrates without cause`)
  if (vm.migrationId === undefined) return
  const migration = state.migrations.get(vm.migrationId)
  invariant(migration && isOpen(migration), `${id} is held by ${vm.migrationId}, which has ended`)
}

function assertMigration(state: ClusterState, migration: Migration): void {
  const { id, purpose, epoch, nextEpoch, from, to } = migration
  invariant(isOpen(migration) === state.openMigrations.has(id), `${id}: the open list is wrong`)
  if (!isActive(migration) || purpose === 'clone') return
  invariant(from !== to, `${id} goes nowhere`)
  invariant(nextEpoch > epoch, `${id}: its next epoch is not newer`)
  const vm = state.vms.get(migration.vmId)
  if (migration.hasMoved) return
  invariant(vm?.phase === 'migrating', `${id} is under way, but ${migration.vmId} is ${vm?.phase}`)
  invariant(vm.epoch === epoch && vm.nodeId === from, `${id} moves what is not there`)
}

/** What is remembered of it is what would be reckoned now. */
function assertBurden(state: ClusterState, node: Node): void {
  const { burden } = node.live
  if (!burden) return
  const { vms, reservedMib, demandPercent } = reckoned(state, node)
  const isTrue = burden.vms === vms && burden.reservedMib === reservedMib
  const off = Math.abs(burden.demandPercent - demandPercent)
  invariant(isTrue && off < 1e-6, `what ${node.id} bears has changed unnoticed`)
}

function assertIndexes(state: ClusterState): void {
  for (const node of state.nodes.values())
    for (const vmId of node.live.vmIds)
      invariant(state.vms.get(vmId)?.nodeId === node.id, `${vmId} is not on ${node.id}`)
  for (const node of state.nodes.values()) assertBurden(state, node)
  const links = [...state.nodes.values()].flatMap((node) => node.live.linkId ?? [])
  invariant(new Set(links).size === links.length, 'two nodes share a link')
}
