// The agent's own numbers: how large messages may be over its links, and how long it waits for a
// peer. Each with its reason. Not here: limits of migrations (migration/), of the wire (proto/).
// Bytes, ms.

import { batchBytesMax } from '#proto/ethernet-batch.ts'
import { frameBytesMax } from '#proto/units.ts'

export const limits = { messageBytesMax: frameBytesMax + 4096 }
export const controlLimits = { messageBytesMax: 8 << 20 }
export const trunkLimits = { messageBytesMax: batchBytesMax }
/** A node that does not answer is tried again: there is no use in long waits. */
export const trunkAnswerMsMax = 3000
/** Of several coordinators one that does not answer is left for the next. */
export const turnMsMax = 1000
/** Console output waits in its ring while so much is on the link already. */
export const outputBufferedBytesMax = 1 << 20
