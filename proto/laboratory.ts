// A laboratory: a cluster whose nodes may be broken on purpose, because somebody started it for
// that on one machine and can mend it. What its launcher takes, what it says of its nodes, and what
// the coordinator's API lets a person ask. A cluster that is none refuses all of it.
// Not here: how a process is ended or a link cut (scenarios/local/). Times in ms.

import { z } from 'zod'
import { VmReport } from './messages.ts'
import { Name } from './vm-spec.ts'

/** A day. Node's timers end at 25 of them, and longer ones would fire at once. */
export const hangMsMax = 86_400_000

/** SIGKILL, SIGSTOP for a while, silence on links; and the way back. */
const ways = {
  kill: z.strictObject({ do: z.literal('kill') }),
  /** Starts a killed node, or the coordinator, again. */
  revive: z.strictObject({ do: z.literal('revive') }),
  hang: z.strictObject({ do: z.literal('hang'), forMs: z.number().min(1).max(hangMsMax) }),
  /** A node that hangs goes on at once. */
  wake: z.strictObject({ do: z.literal('wake') }),
  cut: z.strictObject({
    do: z.literal('cut'),
    /** Its link to the coordinator. */
    coordinator: z.boolean(),
    /** Its links to all other nodes. */
    peers: z.boolean(),
  }),
  /** The one link between two nodes. */
  cutLink: z.strictObject({ do: z.literal('cut-link'), to: Name }),
  healLink: z.strictObject({ do: z.literal('heal-link'), to: Name }),
  /** Undoes every cut of this node. */
  heal: z.strictObject({ do: z.literal('heal') }),
}

/** What may be done to a node: POST /v1/nodes/:id/break. */
export const BreakRequest = z.discriminatedUnion('do', [
  ways.kill,
  ways.revive,
  ways.hang,
  ways.wake,
  ways.cut,
  ways.cutLink,
  ways.healLink,
  ways.heal,
])
export type BreakRequest = z.infer<typeof BreakRequest>

const id = { id: Name }
/** The same to the launcher, with whom it is done to; `coordinator` is one too. */
export const ControlRequest = z.discriminatedUnion('do', [
  ways.kill.extend(id),
  ways.revive.extend(id),
  ways.hang.extend(id),
  ways.wake.extend(id),
  ways.cut.extend(id),
  ways.cutLink.extend(id),
  ways.healLink.extend(id),
  ways.heal.extend(id),
])
export type ControlRequest = z.infer<typeof ControlRequest>

/** A clock gains or loses no more than this share of an even one. */
export const driftMax = 0.02
const [slowest, fastest] = [1 - driftMax, 1 + driftMax]
const clockRate = z.number().min(slowest).max(fastest)

/** What the launcher has an agent do to itself, at its metrics port. Absent: it stays as it is. */
export const AgentBreakRequest = z.strictObject({
  /** How the store of disks and snapshots fails for it. */
  disk: z.strictObject({ reads: z.boolean(), writes: z.boolean(), isFull: z.boolean() }).optional(),
  /** Its own ms in a real one, from now on. */
  clock: z.strictObject({ rate: clockRate }).optional(),
})
export type AgentBreakRequest = z.infer<typeof AgentBreakRequest>

/** GET /v1/laboratory: what is broken now. */
export const LaboratoryView = z.strictObject({
  nodes: z.array(
    z.strictObject({
      id: Name,
      process: z.enum(['running', 'hung', 'exited']),
      cut: z.strictObject({ coordinator: z.boolean(), peers: z.boolean() }),
    }),
  ),
  /** Links between two nodes that are cut by themselves; the first name comes first. */
  links: z.array(z.strictObject({ a: Name, b: Name })),
})
export type LaboratoryView = z.infer<typeof LaboratoryView>

/** What one agent says that it holds. */
export const AgentCopies = z.array(VmReport.pick({ vmId: true, epoch: true, state: true }))

/**
 * GET /v1/laboratory/copies: what each agent says that it holds, asked past the coordinator and
 * past every cut. Who is dead, hangs or does not answer is left out.
 */
export const LaboratoryCopies = z.array(
  z.strictObject({
    nodeId: Name,
    copies: AgentCopies,
  }),
)
export type LaboratoryCopies = z.infer<typeof LaboratoryCopies>

/** What was done on purpose, as the cluster's story tells it. */
export function breakSentence(id: string, request: BreakRequest): string {
  switch (request.do) {
    case 'kill':
      return `${id} is killed on purpose`
    case 'revive':
      return `${id} is started again`
    case 'hang':
      return `${id} is made to hang on purpose, for ${request.forMs} ms`
    case 'wake':
      return `${id} is woken`
    case 'cut':
      return `${id} is cut from ${cutText(request)} on purpose`
    case 'cut-link':
      return `the link from ${id} to ${request.to} is cut on purpose`
    case 'heal-link':
      return `the link from ${id} to ${request.to} is whole again`
    case 'heal':
      return `${id} is whole again`
  }
}

function cutText({ coordinator, peers }: { coordinator: boolean; peers: boolean }): string {
  if (coordinator && peers) return 'all'
  return coordinator ? 'the coordinator' : 'its peers'
}
