// Where each VM runs by the agents' own word, asked directly and all along: the proof of "never two
// running copies". Pure: sweeps in (what every living agent said it holds, taken one after
// another), findings out.
//
// Two agents that both say `running` in one sweep prove nothing: the VM may have moved between the
// two questions. If both say so, with the same epochs, in two sweeps on end, then both ran it at
// every instant between the last answer of the first sweep and the first of the second. That is a
// violation, and there is no other reading of it.

import type { AgentAnswer, CopyReport } from '../world.ts'

export interface DoubleCopy {
  readonly vmId: string
  readonly nodeIds: readonly string[]
}

type Running = CopyReport & { readonly nodeId: string }

const keyOf = (copy: Running): string => `${copy.vmId} ${copy.nodeId} ${copy.epoch}`

/** Every copy that runs, with its node. */
export const runningCopies = (answers: readonly AgentAnswer[]): Running[] =>
  answers.flatMap(({ nodeId, copies }) =>
    copies.flatMap((copy) => (copy.state === 'running' ? { ...copy, nodeId } : [])),
  )

export class CopyWatch {
  #before = new Set<string>()

  /**
   * Takes one sweep in: the VM that surely ran twice, and whether the next sweep should come at
   * once.
   */
  onSweep(answers: readonly AgentAnswer[]): { double?: DoubleCopy; unsure: boolean } {
    const running = runningCopies(answers)
    const double = doubleOf(running.filter((copy) => this.#before.has(keyOf(copy))))
    this.#before = new Set(running.map(keyOf))
    return { ...(double === undefined ? {} : { double }), unsure: doubleOf(running) !== undefined }
  }
}

function doubleOf(copies: readonly Running[]): DoubleCopy | undefined {
  const seen = new Set<string>()
  const twice = copies.find(({ vmId }) => seen.has(vmId) || !seen.add(vmId))
  if (!twice) return undefined
  const { vmId } = twice
  return { vmId, nodeIds: copies.filter((copy) => copy.vmId === vmId).map(({ nodeId }) => nodeId) }
}
