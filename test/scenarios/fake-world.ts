// The World port over a FakeCluster: starts it, breaks it, asks its agents. For tests of the
// runner. Time is virtual: drive() lets as much of it pass as the work needs.

import type { VirtualClock } from '#env/memory.ts'
import { asVmId, type NodeId } from '#proto/ids.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import type { AgentAnswer, ClusterSpec, CutLinks, ProcessView, World } from '#scenarios/world.ts'
import { FakeApi } from './fake-api.ts'
import { type Bugs, FakeCluster } from './fake-cluster.ts'

export class FakeWorld implements World {
  readonly pageUrl = undefined
  readonly inflate = () => undefined
  readonly api: ApiClient
  readonly clock: VirtualClock
  /** What stop() answers with. */
  leftovers: string[] = []
  readonly #cluster: FakeCluster
  #coordinatorPid = 100

  constructor(bugs: Bugs = {}) {
    this.#cluster = new FakeCluster(bugs)
    this.clock = this.#cluster.clock
    this.api = new FakeApi(this.#cluster).client()
  }

  get stopped(): boolean {
    return this.#cluster.stopped
  }

  async startCluster(spec: ClusterSpec): Promise<void> {
    this.#cluster.spec = spec
    this.#cluster.coordinatorAlive = true
    for (const { id, memoryMib } of spec.nodes)
      this.#cluster.nodes.set(id, {
        ...{ id, memoryMib, pid: 200 + this.#cluster.nodes.size, alive: true, cut: false },
        ...{ hungUntilMs: 0, heardAtMs: 0, phase: 'online', copies: new Map() },
      })
    this.#cluster.tick()
  }

  async stopNode(id: NodeId): Promise<void> {
    await this.killNode(id)
  }

  async killNode(id: NodeId): Promise<void> {
    const node = this.#cluster.node(id)
    node.alive = false
    node.copies.clear()
  }
  async hangNode(id: NodeId, forMs: number): Promise<void> {
    this.#cluster.node(id).hungUntilMs = this.clock.nowMs() + forMs
  }
  async cutNode(id: NodeId, links: CutLinks): Promise<void> {
    this.#cluster.node(id).cut ||= links.coordinator
  }
  async healNode(id: NodeId): Promise<void> {
    this.#cluster.node(id).cut = false
  }
  async startNode(id: NodeId): Promise<void> {
    const node = this.#cluster.node(id)
    node.alive = true
    node.pid += 1000
  }
  async killCoordinator(): Promise<void> {
    this.#cluster.coordinatorAlive = false
    for (const watcher of this.#cluster.watchers) watcher.onClose('killed')
    this.#cluster.watchers.clear()
    for (const { listeners } of this.#cluster.vms.values()) {
      for (const listener of listeners) listener.onClose('killed')
      listeners.clear()
    }
  }
  async restartCoordinator(): Promise<void> {
    this.#cluster.coordinatorAlive = true
    this.#coordinatorPid += 1000
    // A new coordinator knows nobody's last heartbeat: every lease may be fresh.
    for (const node of this.#cluster.nodes.values()) node.heardAtMs = this.clock.nowMs()
    this.#cluster.changed()
  }

  processes(): readonly ProcessView[] {
    const agents = [...this.#cluster.nodes.values()].map(({ id, pid, alive }) => ({
      ...{ id, pid },
      ...(alive ? { state: 'running' as const } : { state: 'exited' as const, ending: 'SIGKILL' }),
    }))
    const state = this.#cluster.coordinatorAlive ? ('running' as const) : ('exited' as const)
    return [{ id: 'coordinator', pid: this.#coordinatorPid, state }, ...agents]
  }

  async copies(): Promise<readonly AgentAnswer[]> {
    const answering = [...this.#cluster.nodes.values()].filter((node) =>
      this.#cluster.responds(node),
    )
    return answering.map(({ id, copies }) => ({
      nodeId: id,
      copies: [...copies].map(([vmId, epoch]) => ({
        ...{ vmId: asVmId(vmId), epoch },
        state: 'running' as const,
      })),
    }))
  }

  async logs(): Promise<string> {
    return ''
  }

  async stop(): Promise<string[]> {
    this.#cluster.stopped = true
    return this.leftovers
  }
}

/** Lets virtual time pass for as long as the work needs it, and no longer. */
export async function drive<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  let done = false
  const ended = work.finally(() => {
    done = true
  })
  ended.catch(() => {})
  for (;;) {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
    if (done) return ended
    const nextMs = clock.nextAlarmMs
    if (nextMs === undefined) throw new Error('the work waits, and no alarm is set')
    clock.advance(nextMs - clock.nowMs())
  }
}
