// What a refusal of an agent says about the next attempt: whether the same may work a moment later,
// whether another node may do it, or whether it only tells that we had believed something wrong.

import type { Fault, FaultCode } from '#proto/faults.ts'

/** Refusals that another node, or the same a moment later, may not repeat. */
const passing: readonly FaultCode[] = [
  'no-room',
  'no-node',
  'lease-lost',
  'shutting-down',
  'link-lost',
  'timed-out',
  'stale-epoch',
  'cancelled',
]

/** The node itself could not: its disk store, its pCPU. Another one may. */
const ofThatNode: readonly FaultCode[] = ['internal', 'disk-failed']

/** It holds something else than we thought: its next report says what. */
const ofBelief: readonly FaultCode[] = ['unknown-vm', 'wrong-state', 'stale-epoch']

export const isPassing = ({ code }: Fault): boolean => passing.includes(code)
export const isOfThatNode = ({ code }: Fault): boolean => ofThatNode.includes(code)

/** The copy is there, and asking again would not make it run there. */
export const isFinal = ({ code }: Fault): boolean =>
  !passing.includes(code) && !ofBelief.includes(code)
