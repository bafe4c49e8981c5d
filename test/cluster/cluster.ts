// A real cluster for the tests of this folder: coordinator and agents as processes, in a folder
// that goes with the test; and a watcher that asks every agent, all along, what it runs: no VM may
// ever run twice. Generous waits: these tests assert what happens, not how fast.

import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { realClock } from '#env/real.ts'
import type { MigrationView } from '#proto/api.ts'
import { asNodeId, type NodeId } from '#proto/ids.ts'
import { GuestLine } from '#scenarios/guest-line.ts'
import { ClusterFolder, clustersHome } from '#scenarios/local/cluster-folder.ts'
import { LocalWorld } from '#scenarios/local/local-world.ts'
import { CopyWatch, runningCopies } from '#scenarios/runner/copy-watch.ts'

export const nodesOf = (...ids: string[]): NodeId[] => ids.map(asNodeId)

export class Cluster {
  readonly world: LocalWorld
  readonly nodes: readonly NodeId[]
  readonly folder: ClusterFolder
  /** VMs that two agents said to run at one time: must stay empty. */
  readonly doubles: string[] = []
  #watching = true

  constructor(world: LocalWorld, nodes: readonly NodeId[], folder: ClusterFolder) {
    this.folder = folder
    this.world = world
    this.nodes = nodes
    void this.#watch()
  }

  get api() {
    return this.world.api
  }

  /**
   * Resolves when the VM runs, by the coordinator's word and by exactly one agent's. Returns that
   * node.
   */
  async runsOnce(vmId: string): Promise<NodeId> {
    let seen: unknown
    for (const until = realClock.nowMs() + 60_000; realClock.nowMs() < until; await sleep(50)) {
      const view = await this.api.vm(vmId).catch(() => undefined)
      const copies = runningCopies(await this.world.copies()).filter((copy) => copy.vmId === vmId)
      seen = { phase: view?.phase, node: view?.nodeId, copies, fault: view?.fault }
      const [only, another] = copies
      if (only && !another && view?.phase === 'running' && view.nodeId === only.nodeId)
        return asNodeId(only.nodeId)
    }
    throw new Error(`${vmId} does not run in one place: ${JSON.stringify(seen)}`)
  }

  async online(): Promise<void> {
    for (const until = realClock.nowMs() + 60_000; realClock.nowMs() < until; await sleep(50)) {
      const nodes = await this.api.nodes().catch(() => [])
      if (nodes.filter((node) => node.phase === 'online').length === this.nodes.length) return
    }
    throw new Error('not every node came back')
  }

  /** Waits for the end of a migration or clone, however it ends. */
  async ended(id: string): Promise<MigrationView> {
    for (const until = realClock.nowMs() + 60_000; realClock.nowMs() < until; await sleep(20)) {
      const view = await this.api.migration(id).catch(() => undefined)
      if (view && ['done', 'failed', 'cancelled'].includes(view.phase)) return view
    }
    throw new Error(`migration ${id} never ended`)
  }

  /** Everything the guest says from now on, line by line. */
  listen(vmId: string): { readonly lines: string[]; close(): void } {
    const lines: string[] = []
    const line = new GuestLine(this.api, realClock, vmId, true, {
      onOpen: () => {},
      onLine: (text) => lines.push(text),
    })
    return { lines, close: () => line.close() }
  }

  async stop(): Promise<string[]> {
    this.#watching = false
    return this.world.stop()
  }

  async #watch(): Promise<void> {
    const watch = new CopyWatch()
    while (this.#watching) {
      const { double } = watch.onSweep(await this.world.copies())
      if (double) this.doubles.push(`${double.vmId} on ${double.nodeIds.join(' and ')}`)
      await sleep(20)
    }
  }
}

/** What was pulled on this machine can be run in a test too. */
export const pulledImages = join(clustersHome(), 'images')

/** Starts a cluster that ends with the test. */
export async function startCluster(nodes: readonly NodeId[], leaseMs = 2500): Promise<Cluster> {
  const home = mkdtempSync(join(tmpdir(), 'godwit-test-'))
  if (existsSync(pulledImages)) symlinkSync(pulledImages, join(home, 'images'))
  const folder = new ClusterFolder(home, 'test')
  const world = new LocalWorld({ folder })
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') console.error(await logsOf(world, nodes))
    await world.stop()
    rmSync(home, { recursive: true, force: true })
  })
  await world.startCluster({
    nodes: nodes.map((id) => ({ id, cores: 1, mipsPerCore: 0, memoryMib: 512 })),
    leaseMs,
    heartbeatMs: 250,
    marginMs: 500,
    rebalance: false,
  })
  return new Cluster(world, nodes, folder)
}

/** The end of every log: what one needs first when such a test fails. */
async function logsOf(world: LocalWorld, nodes: readonly NodeId[]): Promise<string> {
  const texts = await Promise.all(
    ['coordinator', ...nodes].map(
      async (id) => `--- ${id}\n${(await world.logs(id)).slice(-4000)}`,
    ),
  )
  return texts.join('\n')
}
