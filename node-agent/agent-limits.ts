// The agent's own numbers: how large messages may be over its links, and how long it waits for a
// peer. Each with its reason. Not here: limits of migrations (migration/), of the wire (proto/).
// Bytes, ms.

import { batchBytesMax } from '#proto/ethernet-batch.ts'
import { controlBytesMax, frameBytesMax } from '#proto/units.ts'

/**
 * Of a link that pages go over. Words may be longer than a frame: an offer of 256 clones, or which
 * pages of a VM of 3 GiB a node lacks.
 */
export const limits = { messageBytesMax: Math.max(frameBytesMax, controlBytesMax) + 4096 }
export const controlLimits = { messageBytesMax: 8 << 20 }
export const trunkLimits = { messageBytesMax: batchBytesMax }
/** A node that does not answer is tried again: there is no use in long waits. */
export const trunkAnswerMsMax = 3000
/** Of several coordinators one that does not answer is left for the next. */
export const turnMsMax = 1000
/** Console output waits in its ring while so much is on the link already. */
export const outputBufferedBytesMax = 1 << 20
