// Whose VMs and templates are: given to somebody, or to nobody when an account is gone; with them
// go their network and what their owner's quota counts.
// Not here: who may give (shell/guards.ts), accounts themselves (../accounts/).

import type { VmView } from '#proto/api.ts'
import type { Fault } from '#proto/faults.ts'
import type { VmId } from '#proto/ids.ts'
import { unknownVm } from './action-refusals.ts'
import type { Vm } from './cluster-state.ts'
import { tell } from './events.ts'
import { endReplica } from './ha/protection.ts'
import { specOwnedBy, tellNetwork } from './networks.ts'
import { setQuota } from './quotas.ts'
import { machineOwner, type Step, touch } from './step-context.ts'
import { giveTemplate } from './templates.ts'
import { vmView } from './views.ts'

/** Whose it is: no phase forbids that, and no guest notices. @param owner undefined: nobody */
export function own(step: Step, vmId: VmId, owner: string | undefined): VmView | Fault {
  const vm = step.state.vms.get(vmId)
  if (!vm) return unknownVm(vmId)
  delete vm.owner
  if (owner !== undefined) vm.owner = owner
  joinNetworkOfOwner(step, vm)
  touch(step, 'vm', vm.id)
  const whose = owner === undefined ? "nobody's" : `${owner}'s`
  tell(step, 'access', `${vm.id} is ${whose} from now on`, { vmId })
  return vmView(step.state, vm)
}

/** Its former company hears it no more; a replica of it would still know the old network. */
function joinNetworkOfOwner(step: Step, vm: Vm): void {
  const spec = specOwnedBy(vm.spec, vm.owner)
  if (spec.network === vm.spec.network) return
  vm.spec = spec
  if (vm.replica) endReplica(step, vm)
  const node = vm.nodeId && step.state.nodes.get(vm.nodeId)
  if (node) tellNetwork(step, node, vm)
}

/** Whoever gets the account's name next gets nothing of it. */
export function disown(step: Step, owner: string): null {
  for (const vm of step.state.vms.values()) if (vm.owner === owner) own(step, vm.id, undefined)
  for (const template of step.state.templates.values())
    if (template.owner === owner) giveTemplate(step, template, machineOwner)
  giveArrivals(step, owner)
  return setQuota(step, owner, {})
}

/** A file that is still on its way would become a template of theirs. */
function giveArrivals({ state: { commands } }: Step, owner: string): void {
  for (const [id, command] of commands) {
    const { arrival } = command
    if (arrival?.owner !== owner) continue
    commands.set(id, { ...command, arrival: { ...arrival, owner: machineOwner } })
  }
}
