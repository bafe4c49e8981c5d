// What the end of a migration or clone means for the VMs in it: the one that goes on, and the
// clones that came to life or never will. Who runs the VM was settled before (migrations.ts,
// doubt.ts).

import type { Fault } from '#proto/faults.ts'
import { isActive, type Migration, type Vm } from './cluster-state.ts'
import { isCloneOf } from './disk-change.ts'
import { seeEvacuated } from './evacuation.ts'
import { seeMoved } from './ha/keeper.ts'
import { becomeEnded, type MigrationEnd } from './migration-doors.ts'
import { clearFromMs, isLost } from './node-doors.ts'
import { loseCopy } from './recovery.ts'
import type { Step } from './step-context.ts'
import { becomeRunning, removeVm, setMigration } from './vm-doors.ts'

/** The one way to end a migration. A VM that is still `migrating` goes on at the source. */
export function endMigration(step: Step, migration: Migration, end: MigrationEnd): void {
  becomeEnded(step, migration, end)
  seeEvacuated(step.state, migration)
  seeMoved(step, migration)
  if (migration.purpose === 'clone') endClones(step, migration, end)
  const vm = step.state.vms.get(migration.vmId)
  if (vm?.migrationId !== migration.id) return
  setMigration(step, vm, nextMigrationOf(step, vm))
  if (vm.phase === 'migrating') becomeRunning(step, vm)
}

/** Ended by a fault of the source's: `cancelled` when that is what was asked for. */
export function endByFault(step: Step, migration: Migration, fault: Fault): void {
  const phase = fault.code === 'cancelled' && migration.isCancelRequested ? 'cancelled' : 'failed'
  endMigration(step, migration, { phase, fault })
}

/**
 * Several clones of one parent may wait in the queue. One that has moved it sends its last pages
 * and holds it no more.
 */
function nextMigrationOf({ state }: Step, vm: Vm) {
  for (const id of state.openMigrations) {
    const migration = state.migrations.get(id)
    if (!migration) continue
    const isMove = migration.purpose === 'migrate' && migration.vmId === vm.id
    if (isCloneOf(migration, vm) || (isMove && !migration.hasMoved)) return id
  }
  return undefined
}

function endClones(step: Step, migration: Migration, end: MigrationEnd): void {
  const parent = step.state.vms.get(migration.vmId)
  const hasBegun = migration.commandId !== undefined
  // Of a parent that has ended meanwhile no report will come: it starts on the new layers.
  if (parent?.nodeId !== undefined && hasBegun && end.phase !== 'done')
    parent.live.isDiskInDoubt = true
  for (const id of migration.cloneIds) {
    const clone = step.state.vms.get(id)
    if (!clone || clone.migrationId !== migration.id) continue
    setMigration(step, clone, undefined)
    if (clone.phase !== 'starting') continue
    if (end.phase !== 'done') removeVm(step, clone, hasBegun)
    else cloneRuns(step, clone)
  }
}

function cloneRuns(step: Step, clone: Vm): void {
  becomeRunning(step, clone)
  const node = clone.nodeId && step.state.nodes.get(clone.nodeId)
  // Its node may have been fenced between its first instruction and this news.
  if (node && isLost(node))
    loseCopy(step, clone, {
      isCertain: false,
      fencedAtMs: clearFromMs(step, node),
      why: `${node.id} is lost`,
    })
}

export const openMigrationOf = (step: Step, vm: Vm): Migration | undefined => {
  const migration = vm.migrationId && step.state.migrations.get(vm.migrationId)
  return migration && isActive(migration) ? migration : undefined
}
