// What has passed through the node's switch and what was lost there, for the metrics.
// Counts since the process began; labels are few and fixed, no VM and no node is one.

import { dropReasons } from './switch.ts'

/** `in`: a frame came in at a port of that kind; `out`: it was handed on through one. */
export interface Passed {
  frames: number
  bytes: number
}

/**
 * Besides what the switch says: `device`, the guest sent what no Ethernet carries, or too much at
 * once; `guest`, it had no room for what came; `backlog`, the way to a VM or a node was full.
 */
export const lossReasons = [...dropReasons, 'device', 'guest', 'backlog'] as const
export type LossReason = (typeof lossReasons)[number]

export interface Traffic {
  readonly vm: { readonly in: Passed; readonly out: Passed }
  readonly trunk: { readonly in: Passed; readonly out: Passed }
  readonly lost: Record<LossReason, number>
}

const nothing = () => ({ in: { frames: 0, bytes: 0 }, out: { frames: 0, bytes: 0 } })

export const newTraffic = (): Traffic => ({
  vm: nothing(),
  trunk: nothing(),
  lost: Object.fromEntries(lossReasons.map((reason) => [reason, 0])) as Record<LossReason, number>,
})

export function pass(passed: Passed, frames: readonly Uint8Array[]): void {
  passed.frames += frames.length
  for (const frame of frames) passed.bytes += frame.length
}
