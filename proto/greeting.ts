// How a link begins: the end that connects says hello, the other one welcomes or refuses it. The
// same between agents and coordinators and among agents. Not here: what is said then (messages.ts).
// Times in ms.

import { z } from 'zod'
import { Fault } from './faults.ts'
import { address, ms, NodeCapacity, nodeId, term, VmReport } from './message-parts.ts'

/** First message on every link, by the end that connects. */
export const Hello = z.strictObject({
  t: z.literal('hello'),
  protocolVersion: z.int(),
  role: z.enum(['agent', 'peer']),
  token: z.string().max(200),
  nodeId,
  /** New at each start of the process: tells a restarted agent from one that reconnects. */
  incarnation: z.string().max(80),
  peerAddress: address,
  capacity: NodeCapacity,
  pid: z.int(),
  /** Everything the agent holds now. */
  vms: z.array(VmReport).max(10_000),
  /** The highest that it has heard of; absent: none. */
  term: term.optional(),
})
export type Hello = z.infer<typeof Hello>

/** The answer to it: the terms of the link. */
export const Welcome = z.strictObject({
  t: z.literal('welcome'),
  protocolVersion: z.int(),
  clusterId: z.string().max(80),
  leaseMs: ms,
  heartbeatMs: ms,
  /** Of several coordinators, of the one that leads: all that it says over this link is of it. */
  term: term.optional(),
})
export type Welcome = z.infer<typeof Welcome>
/** The link is closed after it. */
export const Refused = z.strictObject({ t: z.literal('refused'), fault: Fault })
export type Refused = z.infer<typeof Refused>
