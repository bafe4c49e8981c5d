// How a VM is kept on two nodes: what the primary and the node of its replica say, and the waits
// and rights that both agree on. Not here: who decides that the replica runs (the coordinator). Ms.
//
//   primary                                         replica's node
//     | --- hello, replica-offer -------------------->  |  room? fits? else `refuse`
//     | <-- welcome, accept ------------------------ -  |  `replica`
//     | === rounds, as in a pre-copy ===============>  |  the VM runs, nothing is held back
//     |  from here on what its guest writes to its disk is held, and (continuous) what it says
//     |  pause: pages that are dirty, CPU, devices; resume
//     | === their frames, its disk writes ==========>  |  staged
//     | --- checkpoint (sections, hash) ------------->  |  all at once in the RAM, hash equal
//     | <-- checkpoint-kept --------------------------  |  from this one on the VM would go on
//     |  writes that checkpoint's disk writes, then lets out what was said before it
//     |   … again, every so many ms …
//
// Output commit (Cully et al., "Remus", NSDI 2008, section 2): what the world has seen of the VM is
// in a checkpoint that the other node has. Disk writes are in the checkpoint too, and reach the
// disk when it is kept, so that the disk is never newer than the replica.
//
// Who may run it. The primary may until `leaseMs` after it *began* the last checkpoint that was
// kept; its pCPU looks at that before each slice. The replica's node begins to run it no sooner
// than leaseMs and a margin after it has *said* that it keeps one. So they never run at the same
// time, and nobody has to wait for the longer lease of the node (docs/decisions/0009). Whether the
// primary may go on alone, or the replica takes over, the coordinator says, once: it forgets the
// replica before it tells the primary, and gives the VM a new epoch before it tells the replica.

/** The primary's right to run, after it began a checkpoint that was kept. */
export const replicaLeaseMs = (everyMs: number): number => Math.max(200, 4 * everyMs)

/**
 * What the replica's node waits besides: clocks that differ by 200 ppm (0.1 ms in 500), a slice of
 * the pCPU, and the pause of a busy machine.
 */
export const replicaMarginMs = 100

/** An end that says nothing for so long is given up. Longer than the pause of a busy machine. */
export const patienceMs = 2000

/** Rounds before the first checkpoint, and how few pages make another one useless. */
export const syncRoundsMax = 6
export const fewPages = 512
