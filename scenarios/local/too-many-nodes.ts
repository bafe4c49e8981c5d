// Refuses clusters that are too large for real processes on this machine, before any is started: a
// hundred agents that begin at once on two cores are not ready in time, and nobody learns why.
// Not here: what each of them needs of memory (its VMs' is asked for as they touch it).

import { availableParallelism } from 'node:os'
import { FaultError, fault } from '#proto/faults.ts'

/** An agent's start takes half a second of a core and more, and has half a minute. */
const agentsPerCoreMax = 24

/** Throws a FaultError for a person. */
export function refuseTooManyNodes(count: number, cores = availableParallelism()): void {
  const max = cores * agentsPerCoreMax
  if (count <= max) return
  const text =
    `${count} nodes are more than this machine can start, each a process: ${max} at most on its ` +
    `${cores === 1 ? 'one core' : `${cores} cores`}. Take fewer, or run a scenario with --world sim.`
  throw new FaultError(fault('bad-request', text))
}
