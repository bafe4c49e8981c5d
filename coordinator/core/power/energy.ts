// What the nodes draw, and what they would draw if all were on: added up as often as their loads
// are heard, of a large cluster more seldom. A model, not a meter (proto/power.ts). Nodes that are
// not there draw nothing, in either sum. Units: W, J, monotonic ms.

import type { PowerState, PowerView } from '#proto/power.ts'
import { heartbeatMs } from '#proto/units.ts'
import type { ClusterState, Node } from '../cluster-state.ts'
import { isLost } from '../node-doors.ts'
import type { Step } from '../step-context.ts'

/** A thousand nodes twice a second, so that it costs the same however many there are. */
const countEveryMsPerNode = 0.5

export function powerStateOf(node: Node): PowerState {
  if (isLost(node)) return 'off'
  if (node.live.wakesAtMs !== undefined) return 'waking'
  if (node.standby) return 'standby'
  return node.live.isEmptying ? 'emptying' : 'on'
}

/** What its VMs make it draw above an idle node. */
function dynamicWatts({ power }: ClusterState, { capacity, live }: Node): number {
  const use = Math.min(1, live.cpuGotPercent / (100 * capacity.cores))
  return use * (power.maxWatts - power.idleWatts)
}

export function wattsOf(state: ClusterState, node: Node): number {
  const now = powerStateOf(node)
  if (now === 'off') return 0
  if (now === 'standby') return state.power.standbyWatts
  return state.power.idleWatts + dynamicWatts(state, node)
}

/** The same if nobody slept. */
export const wattsAwake = (state: ClusterState, node: Node): number =>
  powerStateOf(node) === 'off' ? 0 : state.power.idleWatts + dynamicWatts(state, node)

export function countEnergy({ state, nowMs }: Step): void {
  if (nowMs < state.countEnergyAtMs) return
  const everyMs = Math.max(heartbeatMs, state.nodes.size * countEveryMsPerNode)
  state.countEnergyAtMs = nowMs + everyMs
  const { energy } = state
  const passedSec = (nowMs - energy.countedAtMs) / 1000
  energy.countedAtMs = nowMs
  for (const node of state.nodes.values()) {
    energy.joules += passedSec * wattsOf(state, node)
    energy.joulesAllOn += passedSec * wattsAwake(state, node)
  }
}

export function powerView(state: ClusterState): PowerView {
  const nodes = [...state.nodes.values()]
    .map((node) => ({ id: node.id, state: powerStateOf(node), watts: wattsOf(state, node) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  const { joules, joulesAllOn } = state.energy
  const watts = nodes.reduce((sum, node) => sum + node.watts, 0)
  return { settings: state.power, watts, joules, joulesAllOn, nodes }
}
