// Three coordinators on three members of a real etcd, and agents, all as processes, in a folder
// that goes with the test; and a watch over what every agent runs, all along. Every process is
// ended by its pid. Not here: what a test does with them.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { realClock } from '#env/real.ts'
import { asNodeId } from '#proto/ids.ts'
import { HttpApiClient } from '#scenarios/api-client.ts'
import { CopyWatch, runningCopies } from '#scenarios/runner/copy-watch.ts'
import { wireTo } from '#scenarios/several-wire.ts'
import type { AgentAnswer } from '#scenarios/world.ts'
import { freePorts, startEtcd } from '../coordinator/etcd/real-etcd.ts'
import { type AgentProcess, startAgent } from '../node-agent/agent-process.ts'

const main = new URL('../../coordinator/main.ts', import.meta.url).pathname

export class CoordinatorProcess {
  readonly name: string
  readonly address: string
  readonly child: ChildProcess
  output = ''

  constructor(name: string, port: number, store: string, leaseMs: number) {
    this.name = name
    this.address = `http://127.0.0.1:${port}`
    const flags = [
      ...['--listen', `127.0.0.1:${port}`, '--store', store, '--name', name],
      ...['--leader-ttl-ms', '3000', '--lease-ms', String(leaseMs), '--rebalance', 'off'],
      ...['--log', 'warn'],
    ]
    const env = { ...process.env, GODWIT_TOKEN: 'secret' }
    this.child = spawn(process.execPath, [main, ...flags], { env, stdio: 'pipe' })
    const keep = (chunk: Buffer) => {
      this.output += chunk
    }
    this.child.stdout?.on('data', keep)
    this.child.stderr?.on('data', keep)
  }

  get runs(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** `follower`, `ok` when it leads, or nothing. */
  async health(): Promise<string> {
    const answer = fetch(`${this.address}/healthz`, { signal: AbortSignal.timeout(500) })
    return answer
      .then((given) => given.text())
      .then(
        (text) => text.trim(),
        () => '',
      )
  }

  async kill(): Promise<void> {
    if (!this.runs) return
    const exit = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exit
  }
}

export class CoordinatorsCluster {
  readonly coordinators: readonly CoordinatorProcess[]
  readonly agents = new Map<string, AgentProcess>()
  readonly api: HttpApiClient
  /** VMs that two agents said to run at one time: must stay empty. */
  readonly doubles: string[] = []
  isWatching = true

  constructor(coordinators: readonly CoordinatorProcess[]) {
    this.coordinators = coordinators
    const urls = coordinators.map(({ address }) => address)
    this.api = new HttpApiClient(wireTo(urls, realClock))
    void this.#watch()
  }

  /** Whoever leads; at most one says so. */
  async leader(other?: CoordinatorProcess): Promise<CoordinatorProcess> {
    return eventually('a leader', async () => {
      for (const each of this.coordinators)
        if (each !== other && each.runs && (await each.health()) === 'ok') return each
      return undefined
    })
  }

  async copies() {
    const living = [...this.agents].filter(([, { child }]) => child.signalCode === null)
    const asked = living.map(([nodeId, agent]) => copiesAt(nodeId, agent.metricsUrl()))
    return (await Promise.all(asked)).filter((answer) => answer !== undefined)
  }

  /** The only node that runs it, by the agents' own word and by the leader's. */
  runsOnce(vmId: string): Promise<string> {
    return eventually(`${vmId} to run in one place`, async () => {
      const view = await this.api.vm(vmId).catch(() => undefined)
      const running = runningCopies(await this.copies()).filter((copy) => copy.vmId === vmId)
      const [only, another] = running
      const isIt = only && !another && view?.phase === 'running' && view.nodeId === only.nodeId
      return isIt ? only.nodeId : undefined
    })
  }

  async #watch(): Promise<void> {
    const watch = new CopyWatch()
    while (this.isWatching) {
      const { double } = watch.onSweep(await this.copies())
      if (double) this.doubles.push(`${double.vmId} on ${double.nodeIds.join(' and ')}`)
      await sleep(20)
    }
  }
}

async function copiesAt(nodeId: string, metricsUrl: string): Promise<AgentAnswer | undefined> {
  const copies = await fetch(new URL('/vms', metricsUrl)).then(
    (answer) => answer.json() as Promise<AgentAnswer['copies']>,
    () => undefined,
  )
  return copies && { nodeId: asNodeId(nodeId), copies }
}

export async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const untilMs = realClock.nowMs() + 60_000; realClock.nowMs() < untilMs; await sleep(25)) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error(`${what} never came`)
}

/** Starts three of each; all ends with the test. */
export async function startCoordinators(leaseMs: number): Promise<CoordinatorsCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-coordinators-'))
  const etcd = await startEtcd(3)
  const ports = await freePorts(3)
  const store = `etcd=${etcd.urls.join(',')}`
  const make = (port: number, n: number) =>
    new CoordinatorProcess(`c${n + 1}`, port, store, leaseMs)
  const cluster = new CoordinatorsCluster(ports.map(make))
  onTestFinished(async ({ task }) => {
    cluster.isWatching = false
    if (task.result?.state === 'fail')
      for (const { name, output } of cluster.coordinators) console.error(name, output.slice(-3000))
    for (const agent of cluster.agents.values()) await agent.kill()
    for (const each of cluster.coordinators) await each.kill()
    await etcd.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  await cluster.leader()
  const all = cluster.coordinators.map(({ address }) => `${address.replace('http', 'ws')}/agent`)
  const names = ['n1', 'n2', 'n3']
  const agents = names.map((name) => startAgent(name, all.join(','), join(folder, 'disks')))
  for (const [n, agent] of agents.entries()) cluster.agents.set(names[n] ?? '', await agent)
  return cluster
}
