// Whose VMs a VM hears: its owner's, those that nobody owns, or those of a network that an operator
// has named. What a spec asks for becomes the one network that nodes are told, and a node that has
// another idea of it is told again.
// Not here: who may name one (shell/guards.ts), frames (node-agent/network/switch.ts).

import { segmentVersion } from '#proto/units.ts'
import { networkOfPerson, type VmSpec } from '#proto/vm-spec.ts'
import type { Node, Vm } from './cluster-state.ts'
import { isAsked, isReachable, openCommand, type Step, sendTo } from './step-context.ts'

type Network = VmSpec['network']

/** A network of its own can only be kept apart by agents that know of such. */
const isApart = (network: Network): boolean => typeof network === 'string'

/**
 * The spec of somebody's VM, or of nobody's. One that is in the network of a person goes to its
 * owner's; in one that an operator has named it stays.
 */
export function specOwnedBy(spec: VmSpec, owner: string | undefined): VmSpec {
  const { network } = spec
  const isNamed = typeof network === 'string' && !network.startsWith('~')
  if (network === false || isNamed) return spec
  return { ...spec, network: owner === undefined ? true : networkOfPerson(owner) }
}

/** A new VM: an operator may have named a network, a person's own included. */
export const specOfNew = (spec: VmSpec, owner: string | undefined): VmSpec =>
  spec.network === true ? specOwnedBy(spec, owner) : spec

/** From a template: whether it has a card is the template's, whom it hears is the wish's. */
export const networkFrom = (made: Network, wish: Network): Network =>
  made === false ? false : wish === false || wish

/** Why that node may not run it: there its frames would go to everybody. */
export const cannotKeepApart = ({ live }: Node, { network }: VmSpec): string | undefined =>
  isApart(network) && live.protocolVersion < segmentVersion
    ? 'its agent is too old to keep networks apart: update it'
    : undefined

/** Its node says in which network it has it. */
export function seeNetwork(step: Step, node: Node, vm: Vm, { network }: VmSpec): void {
  if (network !== vm.spec.network) tellNetwork(step, node, vm)
}

export function tellNetwork(step: Step, node: Node, vm: Vm): void {
  const { id: vmId, epoch } = vm
  const knows = node.live.protocolVersion >= segmentVersion
  if (!knows || !isReachable(node) || isAsked(step.state, 'set-network', vmId)) return
  const about = { nodeId: node.id, vmId, epoch, migrationId: undefined } as const
  const commandId = openCommand(step, { kind: 'set-network', ...about })
  sendTo(step, node, { t: 'set-network', commandId, vmId, epoch, network: vm.spec.network })
}
