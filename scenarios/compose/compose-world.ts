// The `compose` world: a coordinator and agents, each in a container of the project's own image, on
// networks of their own that Docker takes from them and gives back. A kill is `docker kill`, a hang
// is `docker pause`, a cut takes the container off a network: what is lost is lost as on real ones,
// and TCP mends it, or not. Implements the World port (scenarios/world.ts).
// Not here: one container (containers.ts), Docker's words (container-plan.ts), what becomes of
// leftovers (leftovers.ts). Times in ms.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { realInflate } from '#env/real/deflate.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { asNodeId, type NodeId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import { type ApiClient, HttpApiClient } from '../api-client.ts'
import { type ApiWire, WebWire } from '../api-wire.ts'
import { copiesAt } from '../local/agent-copies.ts'
import type { ClusterFolder } from '../local/cluster-folder.ts'
import { doorsTo } from '../local/refusing-wire.ts'
import { refuseTooManyNodes } from '../local/too-many-nodes.ts'
import type {
  AgentAnswer,
  ClusterSpec,
  CutLinks,
  Doors,
  NodeSpec,
  ProcessView,
  World,
} from '../world.ts'
import {
  agentPlan,
  type CutNetwork,
  connectPlan,
  coordinatorPlan,
  coordinatorPort,
  disconnectPlan,
  metricsPort,
  networkPlans,
  operatorSecretPlan,
  type RunNames,
  volumePlans,
} from './container-plan.ts'
import { Containers, type Member } from './containers.ts'
import { type Docker, daemonVersion, docker } from './docker.ts'
import { readyImage } from './image.ts'
import { ContainerReaper, forsakenRuns, launcherOf, removeRun } from './leftovers.ts'

export interface ComposeWorldOptions {
  /** Logs are kept there; nothing else of a cluster in containers is on this machine's disk. */
  readonly folder: ClusterFolder
  /** Absent: the project's own is built. */
  readonly image?: string
  /** Of the pulled images on this machine, which nodes then have too. */
  readonly images?: string
  readonly onProgress?: (text: string) => void
  /** Another than the machine's `docker`, for tests. */
  readonly ask?: Docker
}

/** From a started container to a node that is online, on a machine that is busy with others. */
const onlineMsMax = 60_000
const pollMs = 50
const logTailCharsMax = 64 * 1024
const lastWordsCharsMax = 1500
const whole: CutLinks = { coordinator: false, peers: false }

export class ComposeWorld implements World {
  readonly inflate = realInflate
  readonly doors: Doors = doorsTo(
    () => this.#wire,
    () => this.#url,
  )
  readonly #options: ComposeWorldOptions
  readonly #docker: Docker
  readonly #run = `${process.pid}-${randomBytes(3).toString('hex')}`
  readonly #token = randomBytes(24).toString('hex')
  readonly #containers: Containers
  readonly #cuts = new Map<string, CutLinks>()
  #known: RunNames | undefined
  #spec: ClusterSpec | undefined
  #port = 0
  #wire: ApiWire | undefined
  #api: ApiClient | undefined
  #reaper: ContainerReaper | undefined
  #stopped: Promise<string[]> | undefined

  constructor(options: ComposeWorldOptions) {
    this.#options = options
    this.#docker = options.ask ?? docker
    const logFile = (id: string) => options.folder.logFile(id)
    this.#containers = new Containers(this.#run, this.#docker, logFile)
  }

  get api(): ApiClient {
    invariant(this.#api, 'the API is asked for before the cluster has started')
    return this.#api
  }

  get pageUrl(): string | undefined {
    return this.#api && `${this.#url}/`
  }

  get #url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async startCluster(spec: ClusterSpec): Promise<void> {
    invariant(!this.#spec, 'a world starts its cluster once')
    refuseWhatContainersCannot(spec)
    refuseTooManyNodes(spec.nodes.length)
    this.#spec = spec
    await this.#prepare()
    const plans = [...networkPlans(this.#names), ...volumePlans(this.#names)]
    await Promise.all(plans.map((plan) => this.#containers.ask(plan)))
    await this.#startCoordinator()
    const first = spec.nodes.filter(({ isLater }) => !isLater)
    await Promise.all(first.map((node) => this.#startAgent(node)))
    await this.#allOnline(first.map(({ id }) => id))
  }

  stopNode(id: NodeId): Promise<void> {
    return this.#containers.stop(this.#living(id))
  }

  killNode(id: NodeId): Promise<void> {
    return this.#containers.kill(this.#living(id))
  }

  hangNode(id: NodeId, forMs: number): Promise<void> {
    return this.#containers.pause(this.#living(id), forMs)
  }

  async cutNode(id: NodeId, links: CutLinks): Promise<void> {
    const before = this.#cuts.get(this.#node(id).id) ?? whole
    const after = {
      coordinator: before.coordinator || links.coordinator,
      peers: before.peers || links.peers,
    }
    this.#cuts.set(id, after)
    const cut = networksOf(after).filter((network) => !networksOf(before).includes(network))
    const plans = cut.map((network) => disconnectPlan(this.#names, id, network))
    await Promise.all(plans.map((plan) => this.#containers.ask(plan)))
  }

  async healNode(id: NodeId): Promise<void> {
    const cut = networksOf(this.#cuts.get(this.#node(id).id) ?? whole)
    this.#cuts.delete(id)
    const plans = cut.map((network) => connectPlan(this.#names, id, network))
    await Promise.all(plans.map((plan) => this.#containers.ask(plan)))
  }

  async startNode(id: NodeId): Promise<void> {
    const spec = this.#spec?.nodes.find((node) => node.id === id)
    if (!spec) this.#node(id)
    if (isThere(this.#containers.get(id)))
      throw new FaultError(fault('wrong-state', `Node ${id} runs already; kill it first.`))
    if (spec) await this.#startAgent(spec)
  }

  async killCoordinator(): Promise<void> {
    const coordinator = this.#containers.get('coordinator')
    if (coordinator && isThere(coordinator)) await this.#containers.kill(coordinator)
  }

  async restartCoordinator(): Promise<void> {
    if (isThere(this.#containers.get('coordinator')))
      throw new FaultError(fault('wrong-state', 'The coordinator runs already; kill it first.'))
    await this.#startCoordinator()
  }

  processes(): readonly ProcessView[] {
    return this.#containers.views
  }

  async copies(): Promise<readonly AgentAnswer[]> {
    const living = this.#containers.all.filter(({ state }) => state === 'running')
    const answers = await Promise.all(
      living.map(({ id, metricsUrl }) => copiesAt(asNodeId(id), metricsUrl)),
    )
    return answers.filter((answer) => answer !== undefined)
  }

  async logs(id: string): Promise<string> {
    if (id !== 'coordinator') this.#node(asNodeId(id))
    return (await this.#containers.logOf(id)).slice(-logTailCharsMax)
  }

  stop(): Promise<string[]> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<string[]> {
    // What was asked for may be made yet: only then is all of it there to be taken away.
    await this.#containers.close()
    if (!this.#reaper) return []
    for (const { id } of this.#containers.all) await this.#containers.keepLog(id)
    const left = await removeRun(this.#docker, this.#run)
    this.#reaper.dismiss()
    return left
  }

  /** A daemon, nothing left of earlier runs, an image. */
  async #prepare(): Promise<void> {
    const { folder, image, images, onProgress } = this.#options
    const { ask, stopping } = this.#containers
    await daemonVersion(ask)
    for (const run of await forsakenRuns(ask)) {
      onProgress?.(`taking away what run ${run} has left: its process ended before it could`)
      await removeRun(ask, run)
    }
    const built = await readyImage(ask, {
      signal: stopping,
      ...(image !== undefined && { image }),
      ...(onProgress && { onProgress }),
    })
    folder.prepare()
    this.#containers.refuseWhenStopped()
    this.#reaper = new ContainerReaper(this.#run)
    const launcher = launcherOf(process.pid)
    this.#known = { run: this.#run, launcher, image: built, images }
  }

  async #startCoordinator(): Promise<void> {
    invariant(this.#spec, 'no cluster was asked for')
    await this.#containers.start('coordinator', {
      create: coordinatorPlan(this.#names, this.#spec, this.#port),
      connects: [connectPlan(this.#names, 'coordinator', 'control')],
      env: { GODWIT_TOKEN: this.#token },
    })
    this.#port = await this.#containers.portOf('coordinator', coordinatorPort)
    await this.#answering('coordinator', `${this.#url}/healthz`)
    const secret = await this.#containers.ask(operatorSecretPlan(this.#names))
    this.#wire ??= new WebWire(this.#url, secret.trim())
    this.#api ??= new HttpApiClient(this.#wire)
  }

  /** A node that was cut off is so still when it is started anew. */
  async #startAgent(spec: NodeSpec): Promise<void> {
    const { id } = spec
    const cut = networksOf(this.#cuts.get(id) ?? whole)
    const networks = (['control', 'peers'] as const).filter((network) => !cut.includes(network))
    const member = await this.#containers.start(id, {
      create: agentPlan(this.#names, spec),
      connects: networks.map((network) => connectPlan(this.#names, id, network)),
      env: { GODWIT_TOKEN: this.#token },
    })
    const port = await this.#containers.portOf(id, metricsPort)
    member.metricsUrl = `http://127.0.0.1:${port}/metrics`
    await this.#answering(id, member.metricsUrl)
  }

  /** Resolves when its program serves; throws its last words when it has ended instead. */
  async #answering(id: string, url: string): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += pollMs) {
      const answer = await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => undefined)
      await answer?.text().catch(() => '')
      if (answer?.ok) return
      this.#containers.refuseWhenStopped()
      const ending = this.#containers.get(id)?.ending
      if (ending !== undefined || waitedMs > onlineMsMax) {
        const why = ending === undefined ? 'does not answer' : `ended at once (${ending})`
        const words = (await this.logs(id)).slice(-lastWordsCharsMax).trim()
        throw new FaultError(fault('internal', `The container of ${id} ${why}:\n${words}`))
      }
      await sleep(pollMs)
    }
  }

  async #allOnline(ids: readonly NodeId[]): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += pollMs) {
      this.#containers.refuseWhenStopped()
      const nodes = await this.api.nodes()
      const missing = ids.filter((id) => !nodes.some((n) => n.id === id && n.phase === 'online'))
      if (missing.length === 0) return
      if (waitedMs > onlineMsMax) {
        const text = `Not online after ${onlineMsMax} ms: ${missing.join(', ')}.`
        throw new FaultError(fault('timed-out', text))
      }
      await sleep(pollMs)
    }
  }

  get #names(): RunNames {
    invariant(this.#known, 'no cluster was asked for')
    return this.#known
  }

  #node(id: NodeId): Member {
    const node = this.#containers.get(id)
    if (node && node.id !== 'coordinator') return node
    const names = this.#containers.all.map((one) => one.id).filter((name) => name !== 'coordinator')
    throw new FaultError(
      fault('unknown-node', `There is no node ${id}; there are: ${names.join(', ')}.`),
    )
  }

  #living(id: NodeId): Member {
    const node = this.#node(id)
    if (isThere(node)) return node
    throw new FaultError(fault('wrong-state', `Node ${id} does not run.`))
  }
}

const isThere = (member: Member | undefined): boolean =>
  member !== undefined && member.state !== 'exited'

const networksOf = ({ coordinator, peers }: CutLinks): CutNetwork[] => [
  ...(coordinator ? (['control'] as const) : []),
  ...(peers ? (['peers'] as const) : []),
]

/** Said before anything is built or started. */
function refuseWhatContainersCannot({ fenceAfterMs }: ClusterSpec): void {
  if (fenceAfterMs === undefined) return
  throw new FaultError(
    fault(
      'bad-request',
      'In containers there is no fence device (`fence-after`): the coordinator’s container may ' +
        'not end others. Run it with --world local or sim.',
    ),
  )
}
