// The `local` world: a coordinator and agents as processes of this machine, their links through
// doors that can be cut. It starts them, breaks them on purpose, and leaves nothing behind: stop()
// ends them in order, and when this process dies before it could, the reaper ends them. Implements
// the World port (scenarios/world.ts). Not here: one process (child.ts), the cuts
// (loopback-network.ts), files (cluster-folder.ts). Times in ms.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DiskFaults, noDiskFaults } from '#env/faulty-disk.ts'
import { realInflate } from '#env/real/deflate.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { asNodeId, type NodeId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { AgentBreakRequest, LaboratoryView } from '#proto/laboratory.ts'
import { type ApiClient, HttpApiClient } from '../api-client.ts'
import { type ApiWire, WebWire } from '../api-wire.ts'
import type {
  AgentAnswer,
  ClusterSpec,
  CutLinks,
  Doors,
  NodeSpec,
  ProcessView,
  Roads,
  World,
} from '../world.ts'
import { copiesAt } from './agent-copies.ts'
import { Child, describeEnd } from './child.ts'
import type { ClusterFolder } from './cluster-folder.ts'
import { askControl, ControlServer, type Laboratory } from './control.ts'
import { LoopbackNetwork } from './loopback-network.ts'
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts'
import { agentPlan, coordinatorPlan, type Programs, programs } from './programs.ts'
import { Reaper } from './reaper.ts'
import { doorsTo } from './refusing-wire.ts'
import { refuseTooManyNodes } from './too-many-nodes.ts'

export interface LocalWorldOptions {
  readonly folder: ClusterFolder
  /** Of the API and the page; 0 (the default) lets the system choose. */
  readonly port?: number
  /** Folder of the cluster's certificates: all its links go over TLS. */
  readonly certs?: string
  /** Other programs than ours, for tests of this world itself. */
  readonly programs?: Programs
  /** How long a process may take for its orderly end: guests are stopped, disks closed. */
  readonly graceMs?: number
  /** A process ended that nobody stopped. */
  readonly onEnd?: (processId: string, how: string) => void
}

const leaveMsMax = 120_000
const graceMsDefault = 4_000
/** From a started process to a node that is online, on a machine that is busy with others. */
const onlineMsMax = 30_000
const pollMs = 50
const logTailCharsMax = 64 * 1024

interface NodeProcess {
  readonly spec: NodeSpec
  child: Child
  /** Where its metrics port answers, once it is ready. */
  metricsUrl: string | undefined
  wake: NodeJS.Timeout | undefined
  /** Whether its process runs or is another by now. */
  diskFaults: DiskFaults
}

export class LocalWorld implements World, Laboratory {
  readonly #folder: ClusterFolder
  readonly #programs: Programs
  readonly #graceMs: number
  readonly #certs: string | undefined
  readonly #onEnd: (processId: string, how: string) => void
  readonly #reaper = new Reaper()
  readonly #nodes = new Map<NodeId, NodeProcess>()
  readonly #network = new LoopbackNetwork(() => this.#livingAgents())
  readonly #everStarted: { id: string; identity: ProcessIdentity }[] = []
  readonly #ends = new Map<string, string>()
  #spec: ClusterSpec | undefined
  #coordinator: Child | undefined
  #port: number
  #wire: ApiWire | undefined
  #api: ApiClient | undefined
  #control: ControlServer | undefined
  #stopped: Promise<string[]> | undefined

  constructor(options: LocalWorldOptions) {
    this.#folder = options.folder
    this.#port = options.port ?? 0
    this.#programs = options.programs ?? programs
    this.#certs = options.certs
    this.#graceMs = options.graceMs ?? graceMsDefault
    this.#onEnd = options.onEnd ?? (() => {})
  }

  get api(): ApiClient {
    invariant(this.#api, 'the API is asked for before the cluster has started')
    return this.#api
  }

  readonly inflate = realInflate

  readonly doors: Doors = doorsTo(
    () => this.#wire,
    () => this.#url,
  )

  get roads(): Roads {
    return this.#network
  }

  get pageUrl(): string | undefined {
    return this.#api && `${this.#url}/`
  }

  get #url(): string {
    return `${this.#certs === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`
  }

  async startCluster(spec: ClusterSpec): Promise<void> {
    invariant(!this.#spec, 'a local world starts its cluster once')
    refuseTooManyNodes(spec.nodes.length)
    this.#spec = spec
    this.#folder.prepare()
    this.#control = await ControlServer.open(this, this.#folder.readToken())
    await this.#startCoordinator()
    for (const node of spec.nodes) {
      this.#refuseWhenStopped()
      await this.#network.addNode(node.id)
    }
    this.#network.leadToCoordinator(this.#port)
    const first = spec.nodes.filter(({ isLater }) => !isLater)
    await Promise.all(first.map((node) => this.#startAgent(node)))
    this.#writeState()
    await this.#allOnline(first.map((node) => node.id))
  }

  async stopNode(id: NodeId): Promise<void> {
    // Its VMs may be moved away first.
    await this.#node(id).child.stop(leaveMsMax)
  }

  async killNode(id: NodeId): Promise<void> {
    const { child } = this.#node(id)
    child.signal('SIGKILL')
    await child.ended
  }

  hangNode(id: NodeId, forMs: number): Promise<void> {
    const node = this.#node(id)
    clearTimeout(node.wake)
    node.child.signal('SIGSTOP')
    node.wake = setTimeout(() => {
      node.wake = undefined
      node.child.signal('SIGCONT')
    }, forMs)
    return Promise.resolve()
  }

  wakeNode(id: NodeId): void {
    const node = this.#node(id)
    if (!node.wake) throw new FaultError(fault('wrong-state', `Node ${id} does not hang.`))
    clearTimeout(node.wake)
    node.wake = undefined
    node.child.signal('SIGCONT')
  }

  cutNode(id: NodeId, links: CutLinks): Promise<void> {
    this.#network.cutNode(this.#node(id).spec.id, links)
    return Promise.resolve()
  }

  healNode(id: NodeId): Promise<void> {
    this.#network.healNode(this.#node(id).spec.id)
    return Promise.resolve()
  }

  cutLink(one: NodeId, other: NodeId): void {
    if (one === other) throw new FaultError(fault('bad-request', `${one} has no link to itself.`))
    this.#network.cutLink(this.#node(one).spec.id, this.#node(other).spec.id)
  }

  healLink(one: NodeId, other: NodeId): void {
    this.#network.healLink(this.#node(one).spec.id, this.#node(other).spec.id)
  }

  standing(): LaboratoryView {
    const nodes = [...this.#nodes].map(([id, { child, wake }]) => {
      const process = this.#view(id, child, wake !== undefined).state
      return { id, process, cut: { ...this.#network.cutOf(id) } }
    })
    return { nodes, links: this.#network.cutLinks }
  }

  async breakDisk(id: NodeId, disk: DiskFaults): Promise<void> {
    const node = this.#node(id)
    node.diskFaults = disk
    if (node.child.running) await this.#tellAgent(node, { disk })
  }

  /** Until its process is started again. */
  async driftClock(id: NodeId, rate: number): Promise<void> {
    const node = this.#node(id)
    if (!node.child.running)
      throw new FaultError(fault('wrong-state', `Node ${id} does not run: start it first.`))
    await this.#tellAgent(node, { clock: { rate } })
  }

  async startNode(id: NodeId): Promise<void> {
    const later = this.#spec?.nodes.find((node) => node.id === id && !this.#nodes.has(id))
    const node = later ? undefined : this.#node(id)
    if (node?.child.running)
      throw new FaultError(fault('wrong-state', `Node ${id} runs already; kill it first.`))
    const spec = later ?? node?.spec
    if (spec) await this.#startAgent(spec)
  }

  async killCoordinator(): Promise<void> {
    this.#coordinator?.signal('SIGKILL')
    await this.#coordinator?.ended
  }

  async restartCoordinator(): Promise<void> {
    if (this.#coordinator?.running)
      throw new FaultError(fault('wrong-state', 'The coordinator runs already; kill it first.'))
    await this.#startCoordinator()
  }

  processes(): readonly ProcessView[] {
    const views: ProcessView[] = []
    if (this.#coordinator) views.push(this.#view('coordinator', this.#coordinator, false))
    for (const [id, node] of this.#nodes)
      views.push(this.#view(id, node.child, node.wake !== undefined))
    return views
  }

  async copies(): Promise<readonly AgentAnswer[]> {
    // A frozen process would only be waited for, and with it the answers of all others.
    const living = [...this.#nodes].filter(([, node]) => node.child.running && !node.wake)
    const answers = await Promise.all(
      living.map(async ([nodeId, { metricsUrl }]) => copiesAt(nodeId, metricsUrl)),
    )
    return answers.filter((answer) => answer !== undefined)
  }

  async logs(id: string): Promise<string> {
    if (id !== 'coordinator') this.#node(asNodeId(id))
    const text = await readFile(this.#folder.logFile(id), 'utf8').catch(() => '')
    return text.slice(-logTailCharsMax)
  }

  stop(): Promise<string[]> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<string[]> {
    for (const node of this.#nodes.values()) clearTimeout(node.wake)
    // The coordinator first: it would place the VMs of the nodes that leave on those that are still
    // there.
    await this.#coordinator?.stop(this.#graceMs)
    const agents = [...this.#nodes.values()].map(({ child }) => child)
    await Promise.all(agents.map((child) => child.stop(this.#graceMs)))
    await this.#network.close()
    await this.#control?.close()
    await this.#reaper.close()
    this.#folder.removeState()
    return this.#everStarted.filter(({ identity }) => isAlive(identity)).map(({ id }) => id)
  }

  async #startCoordinator(): Promise<void> {
    invariant(this.#spec, 'no cluster was asked for')
    const plan = coordinatorPlan(this.#programs, this.#folder, this.#spec, {
      port: this.#port,
      laboratory: this.#control?.url ?? '',
      certs: this.#certs,
    })
    this.#coordinator = this.#launch('coordinator', plan)
    const [url = ''] = await this.#coordinator.ready()
    this.#port = Number(new URL(url).port)
    this.#wire ??= new WebWire(this.#url, this.#folder.readOperatorSecret())
    this.#api ??= new HttpApiClient(this.#wire)
    this.#writeState()
  }

  async #startAgent(spec: NodeSpec): Promise<void> {
    const { id } = spec
    const plan = agentPlan(this.#programs, this.#folder, spec, {
      coordinatorPort: this.#network.coordinatorPort(id),
      peerPort: this.#network.peerPort(id),
      certs: this.#certs,
    })
    clearTimeout(this.#nodes.get(id)?.wake)
    const node: NodeProcess = {
      diskFaults: this.#nodes.get(id)?.diskFaults ?? noDiskFaults,
      spec,
      child: this.#launch(id, plan),
      metricsUrl: undefined,
      wake: undefined,
    }
    this.#nodes.set(id, node)
    const [peerUrl = '', metricsUrl] = await node.child.ready()
    this.#network.leadToNode(id, Number(new URL(peerUrl).port))
    node.metricsUrl = metricsUrl
    if (node.diskFaults !== noDiskFaults) await this.#tellAgent(node, { disk: node.diskFaults })
    this.#writeState()
  }

  /** What an agent does to itself. Throws the fault of its refusal. */
  async #tellAgent({ metricsUrl, spec }: NodeProcess, request: AgentBreakRequest): Promise<void> {
    if (metricsUrl === undefined) throw new FaultError(fault('wrong-state', `${spec.id} starts.`))
    await askControl(new URL('/laboratory', metricsUrl).href, this.#folder.readToken(), request)
  }

  #launch(id: string, plan: ConstructorParameters<typeof Child>[0]): Child {
    this.#refuseWhenStopped()
    const child = new Child(plan, this.#reaper)
    this.#everStarted.push({ id, identity: child.identity })
    this.#ends.delete(id)
    void child.ended.then((end) => {
      this.#ends.set(id, describeEnd(end))
      if (this.#stopping) return
      this.#writeState()
      this.#onEnd(id, describeEnd(end))
    })
    return child
  }

  get #stopping(): boolean {
    return this.#stopped !== undefined
  }

  #refuseWhenStopped(): void {
    if (this.#stopping)
      throw new FaultError(fault('shutting-down', 'The cluster is being stopped.'))
  }

  async #allOnline(ids: readonly NodeId[]): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += pollMs) {
      const nodes = await this.api.nodes()
      const missing = ids.filter((id) => !nodes.some((n) => n.id === id && n.phase === 'online'))
      if (missing.length === 0) return
      if (waitedMs > onlineMsMax) {
        const why = `Not online after ${onlineMsMax} ms: ${missing.join(', ')}`
        throw new FaultError(fault('timed-out', `${why}; see the logs in ${this.#folder.logs}.`))
      }
      await sleep(pollMs)
    }
  }

  #node(id: NodeId): NodeProcess {
    const node = this.#nodes.get(id)
    if (node) return node
    const known = [...this.#nodes.keys()].join(', ')
    throw new FaultError(fault('unknown-node', `There is no node ${id}; there are: ${known}.`))
  }

  #livingAgents(): ReadonlyMap<NodeId, number> {
    const living = [...this.#nodes].filter(([, node]) => node.child.running)
    return new Map(living.map(([id, node]) => [id, node.child.identity.pid]))
  }

  #view(id: string, child: Child, hung: boolean): ProcessView {
    const { pid } = child.identity
    if (child.running) return { id, pid, state: hung ? 'hung' : 'running' }
    return { id, pid, state: 'exited', ending: this.#ends.get(id) ?? 'ended' }
  }

  #writeState(): void {
    const launcher = identityOf(process.pid)
    if (!launcher || this.#stopping || this.#port === 0) return
    const entry = (id: string, child: Child) => ({
      id,
      identity: child.identity,
      running: child.running,
    })
    this.#folder.writeState({
      cluster: this.#folder.cluster,
      apiUrl: this.#url,
      ...(this.#certs !== undefined && { caFile: join(this.#certs, 'ca.pem') }),
      controlUrl: this.#control?.url ?? '',
      launcher,
      processes: [
        ...(this.#coordinator ? [entry('coordinator', this.#coordinator)] : []),
        ...[...this.#nodes].map(([id, node]) => entry(id, node.child)),
      ],
    })
  }
}
