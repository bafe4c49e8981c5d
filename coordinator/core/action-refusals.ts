// Why what was asked for cannot be: the faults that api-commands.ts, move-commands.ts and the
// routes have in common, each with its mend. Pure.

import { type Fault, fault } from '#proto/faults.ts'
import {
  mayAct,
  type VmAction,
  type VmPhase,
  vmActionPhases,
  vmPhaseSentences,
} from '#proto/state.ts'
import type { ClusterState, Vm } from './cluster-state.ts'

export const outOfReach = (nodeId: string | undefined): Fault =>
  fault('link-lost', `${nodeId} cannot be reached now: ask again when it is online`)

export const unknownVm = (vmId: string): Fault =>
  fault('unknown-vm', `there is no VM ${vmId}: \`godwit vms\` lists those there are`)

/** The phase, and what it means where that is not the same. */
export function standing(phase: VmPhase): string {
  const sentence = vmPhaseSentences[phase]
  return sentence === `is ${phase}` ? sentence : `is ${phase} (it ${sentence})`
}

export function refusal(state: ClusterState, vm: Vm, action: VmAction): Fault | undefined {
  const allowed = vmActionPhases[action].join(' or ')
  if (!mayAct(action, vm.phase))
    return fault('wrong-state', `${vm.id} ${standing(vm.phase)}; ${action} needs it ${allowed}`)
  // Several clones of one parent may queue; everything else waits until the VM is left alone.
  if (vm.migrationId === undefined || action === 'clone') return undefined
  const isPaging = onlyBringsPages(state, vm)
  if (isPaging && action === 'stop') return undefined
  const mend = isPaging ? 'wait until that has ended' : 'wait until that has ended, or cancel it'
  return fault('wrong-state', `${vm.id} is ${vm.phase}, in ${vm.migrationId}: ${mend}`)
}

/** Its clones run, or it is one: what they lack is kept for them, whatever becomes of it. */
function onlyBringsPages({ openMigrations, migrations }: ClusterState, { id }: Vm): boolean {
  for (const open of openMigrations) {
    const migration = migrations.get(open)
    const isInIt = migration?.vmId === id || migration?.cloneIds.includes(id)
    if (isInIt && migration?.phase !== 'paging') return false
  }
  return true
}

export function unknownNode({ nodes }: Pick<ClusterState, 'nodes'>, nodeId: string): Fault {
  const names = [...nodes.keys()].sort().join(', ') || 'none'
  return fault('unknown-node', `there is no node ${nodeId}; there are ${names}`)
}
