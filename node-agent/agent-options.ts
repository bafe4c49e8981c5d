// What an agent is made of: who it is, what it has, and the world that it is given.
// Not here: where the values come from (flags.ts, process.ts).

import type { Disk, Env } from '#env/env.ts'
import type { Fault } from '#proto/faults.ts'
import type { NodeId } from '#proto/ids.ts'
import type { NodeCapacity } from '#proto/messages.ts'
import type { SnapshotStore } from './snapshots/snapshot-store.ts'
import type { Vmm } from './vmm.ts'

export interface AgentOptions {
  readonly nodeId: NodeId
  /** New at each start of the process. */
  readonly incarnation: string
  readonly pid: number
  readonly token: string
  readonly capacity: NodeCapacity
  /** `ws://host:port/agent`; of several coordinators, each one's. */
  readonly coordinators: readonly string[]
  /** `ws://host:port` of the peer port; port 0 lets the system choose. */
  readonly listen: string
  /** How other nodes reach it, when that is not where it listens. */
  readonly advertise: string | undefined
  readonly env: Env
  readonly vmm: Vmm
  /** The cluster's disks: one file a layer. */
  readonly layers: Disk
  /** The cluster's. */
  readonly snapshots: SnapshotStore
  /** One element, shared with the pCPUs: until when protected VMs may run. */
  readonly runUntilMs: Float64Array
  /** All migrations from here together; 0 = no limit. */
  readonly migrationBytesPerSecMax: number
  processMemoryMib(): number
  /** Another process is this node now: this one must stop. */
  replaced(why: Fault): void
}
