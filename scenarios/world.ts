// A world is where a scenario happens: it starts a cluster, breaks it on purpose, and cleans up
// after itself. The port only. scenarios/local/ has the world of processes; test/scenarios/ has a
// small one in memory. Whoever implements it: every method resolves when the fact is true (the
// process is dead, the link is cut), throws FaultError when it cannot be made true, and stop() may
// be called at any time, also twice. Times in ms, sizes in MiB.

import type { Inflate, Random } from '#env/env.ts'
import type { DiskFaults } from '#env/faulty-disk.ts'
import type { NodeId, VmId } from '#proto/ids.ts'
import type { VmReport } from '#proto/messages.ts'
import type { ApiClient, ApiWire } from './api-client.ts'
import type { LinkShape } from './link-shape.ts'
import type { Trace } from './sim/models/traces.ts'

/** One node as the scenario declares it. */
export interface NodeSpec {
  readonly id: NodeId
  readonly cores: number
  /** Guest instructions per second of one core, in millions; 0 = as fast as the machine can. */
  readonly mipsPerCore: number
  readonly memoryMib: number
  /** It is not there until startNode. */
  readonly isLater?: boolean
}

export interface ClusterSpec {
  readonly nodes: readonly NodeSpec[]
  readonly leaseMs: number
  readonly heartbeatMs: number
  readonly marginMs: number
  /** Whether the coordinator rebalances by itself. A rebalance on request works either way. */
  readonly rebalance: boolean
  /** Silent nodes are ended by whoever can, after so many ms; absent: their leases run out. */
  readonly fenceAfterMs?: number
  /** Every migration is written down page by page: see ApiClient.pageLog. */
  readonly pageLogs?: boolean
  /** All VMs are models; only in a world that may. */
  readonly models?: { readonly traces: ReadonlyMap<string, Trace> }
  /** For whatever is chosen at random, in a world where that can be said. */
  readonly seed?: number
}

/** Which of a node's links a cut takes; false leaves that kind as it is. */
export interface CutLinks {
  readonly coordinator: boolean
  /** Both ways: peers cannot reach it, and it cannot reach peers. */
  readonly peers: boolean
}

/** One direction between two ends: nodes by their ids, and `coordinator`. */
export interface Road {
  readonly from: string
  readonly to: string
}

/** Roads one by one. Both resolve at once; nothing that was sent is lost by any of it. */
export interface Roads {
  /** Nothing passes any more, and nobody is told; what the other end says still arrives. */
  cut(road: Road): Promise<void>
  heal(road: Road): Promise<void>
  /** Undefined: as this world has it. */
  shape(road: Road, shape: LinkShape | undefined): Promise<void>
}

/** How persons come to the coordinator, each as themselves. The world's own api is an operator's. */
export interface Doors {
  /** The world's own way: an operator's. */
  own(): ApiWire
  /**
   * For who shows the secret of a session. Streams too, when they are refused, throw the fault that
   * the coordinator has given.
   */
  wireOf(secret: string): ApiWire
  /** Of passwords. */
  readonly random: Random
}

/** One process the world started. */
export interface ProcessView {
  /** The node's id, or `coordinator`. */
  readonly id: string
  readonly pid: number
  readonly state: 'running' | 'hung' | 'exited'
  /** How it ended: an exit code or a signal's name. */
  readonly ending?: string
}

/** What one agent says it holds of one VM; the same words as proto's VmReport. */
export interface CopyReport {
  readonly vmId: VmId
  readonly epoch: number
  readonly state: VmReport['state']
}

/** One agent's answer; no copies is an answer too. */
export interface AgentAnswer {
  readonly nodeId: NodeId
  readonly copies: readonly CopyReport[]
}

export interface World {
  /** Resolves when the coordinator serves and every node that is not later is online. Once. */
  startCluster(spec: ClusterSpec): Promise<void>
  /** It can run VMs as models. */
  readonly mayModel?: boolean
  /** Valid after startCluster; goes on to work after a coordinator restart. */
  readonly api: ApiClient
  /** What unpacks the frames of a screen. */
  readonly inflate: Inflate
  /** Where a person can look, when there is a page. */
  readonly pageUrl: string | undefined

  /** SIGTERM: it stops its VMs, says so, and ends. Resolves when it has. */
  stopNode(id: NodeId): Promise<void>
  /** SIGKILL. */
  killNode(id: NodeId): Promise<void>
  /** SIGSTOP now, SIGCONT after `forMs`; resolves at once after the SIGSTOP. */
  hangNode(id: NodeId, forMs: number): Promise<void>
  cutNode(id: NodeId, links: CutLinks): Promise<void>
  /** Undoes every cut of this node. */
  healNode(id: NodeId): Promise<void>
  /** Absent: this world cannot. */
  readonly roads?: Roads
  /** Absent: nobody has an account in this world. */
  readonly doors?: Doors
  /** Its clock goes so from now on; 1: evenly. Absent: this world cannot. */
  readonly driftClock?: (id: NodeId, rate: number) => Promise<void>
  /** From now on the store of disks and snapshots fails so for this node. Absent: it cannot. */
  readonly breakDisk?: (id: NodeId, faults: DiskFaults) => Promise<void>
  /**
   * Starts the process of a node that was killed, or that is later, empty; resolves when it runs.
   */
  startNode(id: NodeId): Promise<void>
  killCoordinator(): Promise<void>
  /** The same data, the same address. */
  restartCoordinator(): Promise<void>

  /** The process table; processes that ended stay in it until they are started again. */
  processes(): readonly ProcessView[]
  /**
   * Asks every living agent directly (past the coordinator and past every cut) what it holds.
   * An agent that is dead, hung or does not answer within a second is left out.
   * The local world reads `GET /vms` of the agent's metrics port: a JSON array of proto's VmReport.
   */
  copies(): Promise<readonly AgentAnswer[]>
  /** The last part of a process's log: a node's id, or `coordinator`. */
  logs(id: string): Promise<string>
  /**
   * Ends everything; what is still there afterwards is named, and an empty list is the promise
   * kept.
   */
  stop(): Promise<string[]>
}
