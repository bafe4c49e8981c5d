// A story that begins with VMs which run already, each on a node of one's choice and with a demand
// that was measured: for what is decided about VMs that run (packing, balancing, promises).

import { asNodeId, asVmId } from '#proto/ids.ts'
import { Story } from './story.ts'

type Placed = [id: string, node: string, demand: number, mib?: number]

/** VMs run where they are named, each with a measured demand in percent. */
export function running(vms: readonly Placed[], nodes = ['n1', 'n2', 'n3']): Story {
  const story = new Story()
  story.join(...nodes)
  for (const [id, , , memoryMib = 16] of vms) story.run(id, { memoryMib })
  for (const [id, { nodeId }] of [...story.state.commands]) story.result(nodeId, id)
  for (const [id, node, demand] of vms) {
    const vm = story.state.vms.get(asVmId(id))
    if (!vm?.nodeId) throw new Error(`${id} does not run`)
    story.state.nodes.get(vm.nodeId)?.live.vmIds.delete(vm.id)
    vm.nodeId = asNodeId(node)
    story.state.nodes.get(vm.nodeId)?.live.vmIds.add(vm.id)
    vm.live.demandPercent = demand
  }
  for (const node of story.state.nodes.values()) node.live.burden = undefined
  return story
}
