// On which node the clones of a request may begin: all of them on one, their parent's if there is
// room. Rules may name clones that are still to come: a strict one holds for them from their first
// instruction on. Not here: how clones are made (clones.ts).

import { type Fault, fault } from '#proto/faults.ts'
import type { NodeId, VmId } from '#proto/ids.ts'
import { wishOf } from './burdens.ts'
import { type ClusterState, type Node, type Vm, vmLive } from './cluster-state.ts'
import { vmsNamed } from './ha/groups.ts'
import { destinationFor } from './move-commands.ts'
import { chooseNode, isNode, ruleAgainst } from './placement.ts'
import type { Step } from './step-context.ts'

/** Clones as they would be. @param nodeId undefined: nowhere yet */
export function clonesLike(parent: Vm, ids: readonly VmId[], nodeId: NodeId | undefined): Vm[] {
  const { migrationId: _, nodeId: __, pinnedTo: ___, ...like } = parent
  return ids.map((id) => ({ ...like, id, ...(nodeId && { nodeId }), live: vmLive() }))
}

/** @param to named by whoever asks; undefined: the parent's node, or another one */
export function nodeForClones(
  step: Step,
  parent: Vm,
  ids: readonly VmId[],
  to: string | undefined,
): Node | Fault {
  const { state } = step
  const wish = wishOf(parent.spec, ids.length)
  const clones = state.rules.size === 0 ? [] : clonesLike(parent, ids, undefined)
  const near = destinationFor(step, parent, to ?? parent.nodeId, wish)
  const why = isNode(near) ? ruleAgainstAll(state, clones, near) : undefined
  if (isNode(near) && why === undefined) return near
  if (to !== undefined) return why === undefined ? near : againstRule(parent, why)
  const isBarred = (node: Node) =>
    node.id === parent.nodeId || ruleAgainstAll(state, clones, node) !== undefined
  const barred = [...state.nodes.values()].filter(isBarred).map(({ id }) => id)
  const far = chooseNode(state, wish, { but: new Set(barred) })
  return isNode(far) || why === undefined ? far : againstRule(parent, why)
}

/** Whom the rule is about is not for a person to know. */
const againstRule = ({ owner }: Vm, why: string): Fault =>
  fault(
    'against-rule',
    owner === undefined ? why : 'a rule of the cluster forbids it: ask an operator',
  )

function ruleAgainstAll(
  state: ClusterState,
  clones: readonly Vm[],
  node: Node,
): string | undefined {
  for (const clone of clones) {
    const why = ruleAgainst(state, clone, node)
    if (why !== undefined) return why
  }
  return apartFromEachOther(state, clones)
}

function apartFromEachOther(state: ClusterState, clones: readonly Vm[]): string | undefined {
  for (const { kind, strict, name, vms } of state.rules.values()) {
    if (kind !== 'keep-apart' || !strict || clones.length < 2) continue
    const named = vmsNamed(state, vms)
    const [one, other] = clones.filter(({ id }) => named.includes(id))
    if (other)
      return `rule ${name} keeps ${one?.id} apart from ${other.id}: clone them one after the other`
  }
  return undefined
}
