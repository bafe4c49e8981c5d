// How a VM moves, and how it is cloned: what the two ends say, and the waits both agree on.
// Not here: pages (proto/page-frame.ts), who decides (the coordinator). Times in ms.
//
//   source                                          destination
//     | --- hello (role peer) ----------------------->  |
//     | <-- welcome ----------------------------------  |
//     | --- offer ----------------------------------->  |  room? fits? else `refuse`
//     | <-- accept -----------------------------------  |  `incoming`
//     | === frames of round 0: all pages ============>  |
//     | --- round-end ------------------------------->  |
//     | <-- round-applied ----------------------------  |  the pages are in the RAM there
//     |   … rounds of what was dirtied meanwhile, until stop-rule.ts says stop …
//     |  pause: DOWNTIME BEGINS                         |
//     | === frames of what is left ==================>  |
//     | --- final (sections, hash) ------------------>  |  restores, captures again, compares
//     | <-- prepared ---------------------------------  |  `prepared`
//     |  gives up its epoch: `released`                 |
//     | --- run ------------------------------------->  |  THE POINT OF NO RETURN
//     | <-- running ----------------------------------  |  DOWNTIME ENDS (so it is an upper bound)
//     |  destroys its copy                              |
//
// Post-copy: `final` comes while pages are missing, and lists them; the hash is over what has come.
// After `running`:
//
//     | <-- want (page numbers) ----------------------  |  first what the VM waits for
//     | === frames of these pages ===================>  |
//     | <-- whole (hash) -----------------------------  |  no page is absent
//     |  compares, says goodbye, destroys its copy      |
//
// If the link breaks in between, the source makes a new one (`reconnect`, answered by `running`)
// and the destination asks again for what has not come. What serves pages never runs again.
//
// A clone whose pages come later begins as that: after `accept` its parent is forked, and goes on;
// the pages that it has used last are round 0, and `final` lists the others. When it is proven it
// starts by itself: `running`, `want`, `whole` as above, out of the fork's image.
// Any other clone is the same until `final`; there the parent gets its new disk layers and goes on,
// and after `prepared` nothing is given up: the destination starts the clones by itself and says
// `running`.
// Until `run` either end may `abort`: the source goes on, the destination discards. A link that
// breaks means the same, but a destination that is `prepared` cannot know whether `run` is under
// way: it keeps the copy and waits for the coordinator's `resolve`, and so does a source that is
// `released` and hears no `running`.

import type { DestinationMessage, Offer, SourceMessage } from '#proto/messages.ts'

export type { DestinationMessage, Offer, SourceMessage }

/**
 * Every wait for an answer of the other end. Longer than any pause of a busy machine, shorter than
 * patience.
 */
export const answerMsMax = 10_000
/**
 * For the answer to a whole round: what the operating systems have buffered may take its time on a
 * slow link.
 */
export const appliedMsMax = 30_000
/** Verify `full` reads all of the RAM on both ends while the VM is paused. */
export const answerFullMsMax = 60_000
/** A destination that hears nothing for so long discards what it has. */
export const silenceMsMax = 30_000
/** A VM whose pages are on a node that is not heard of for so long is lost, and starts again. */
export const pagesLostMsMax = 30_000
/** How often a long round is reported. */
export const progressMs = 250
/** How often the coordinator hears that a migration is alive, even when it waits. */
export const signOfLifeMs = 1000
/**
 * Frames in flight: enough for full speed, little enough that memory stays bounded and a cancel is
 * quick.
 */
export const inFlightBytesMax = 8 << 20
