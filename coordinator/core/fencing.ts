// Making sure that a silent node runs nothing, sooner than its lease does: a fence device ends its
// process (or its power), or an operator says that it is off. The device belongs to the shell; here
// is when it is asked, and what its word means. A device that fails changes nothing: the lease runs
// out as always. Its word is about one process: what has taken its place since is another.
// Not here: fencing by lease (membership.ts). Monotonic ms.

import { type Fault, fault } from '#proto/faults.ts'
import type { NodeId } from '#proto/ids.ts'
import type { Node } from './cluster-state.ts'
import { tell } from './events.ts'
import { fenceAgainMs } from './limits.ts'
import { becomeFencing, isDoubtful, isLost } from './node-doors.ts'
import type { Step } from './step-context.ts'

/** Each tick: a node that has been silent for long enough, if there is a device. */
export function fenceSilent(step: Step, node: Node): void {
  const { fenceAfterMs } = step.state.settings
  if (fenceAfterMs === undefined || !isDoubtful(node)) return
  const silentMs = step.nowMs - node.live.heartbeatAtMs
  const isDue = step.nowMs >= (node.live.fenceAskedAtMs ?? Number.NEGATIVE_INFINITY) + fenceAgainMs
  if (silentMs >= fenceAfterMs && isDue) askDevice(step, node)
}

/** An operator wants it off, whatever it does. */
export function fenceByHand(step: Step, node: Node, isOff: boolean): Fault | undefined {
  const { id, phase } = node
  if (isLost(node) && !(isOff && mayStillRun(node))) return lostAlready(node)
  if (isOff && phase === 'online')
    return fault('wrong-state', `${id} answers, so it is not off: fence it without --off`)
  if (isOff) return undefined
  if (step.state.settings.fenceAfterMs === undefined)
    return fault(
      'wrong-state',
      `there is no fence device (coordinator --fence): switch ${id} off, then say so with --off`,
    )
  askDevice(step, node)
  return undefined
}

/** Its lease is over; what no lease covers may run on there until somebody knows better. */
const mayStillRun = ({ phase, live }: Node): boolean =>
  phase === 'fenced' && live.vmIds.size + live.incoming.size > 0

function lostAlready(node: Node): Fault {
  const { id, phase } = node
  const what = mayStillRun(node)
    ? `what is not protected may run there: switch it off, then say so with --off`
    : 'it runs nothing'
  return fault('wrong-state', `${id} is ${phase} already: ${what}`)
}

function askDevice(step: Step, node: Node): void {
  const { id: nodeId, incarnation, pid } = node
  node.live.fenceAskedAtMs = step.nowMs
  becomeFencing(step, node)
  step.effects.push({ kind: 'fence', nodeId, incarnation, pid })
}

/** What the device says of one process of a node. */
export interface FenceWord {
  readonly nodeId: NodeId
  readonly incarnation: string
  readonly fault: Fault | undefined
}

/** Whether that process is surely gone, and still the one that the node is. */
export function isFencedBy(step: Step, { nodeId, incarnation, fault: why }: FenceWord): boolean {
  const node = step.state.nodes.get(nodeId)
  if (!node || node.incarnation !== incarnation) return false
  if (!why) return !isLost(node) || mayStillRun(node)
  const text = `${nodeId} could not be fenced by the device: ${why.message}; its lease runs out`
  tell(step, 'ha-warning', text, { nodeId })
  return false
}
