// One run of a scenario in a world: the cluster comes up, the first VMs run, the timeline goes by,
// what is expected is judged, and everything is written down. World-independent: local processes,
// containers and simulation alike. Not here: files and the verdict on the whole (run.ts). Times in
// ms of the run, 0 = the cluster was asked for.

import type { Clock } from '#env/env.ts'
import type { ClusterView } from '#proto/api.ts'
import { type Fault, FaultError } from '#proto/faults.ts'
import { asNodeId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { ClusterPart } from '../language/cluster.ts'
import type { Expectation } from '../language/expectations.ts'
import { groupOf, ruleOf, said } from '../language/high-availability.ts'
import { powerOf } from '../language/power.ts'
import { durationText } from '../language/quantities.ts'
import { stepSentence } from '../language/sentences.ts'
import type { Recording, StepRecord, VerdictRecord } from '../report/recording.ts'
import type { Scenario } from '../schema.ts'
import type { ClusterSpec, World } from '../world.ts'
import { runVm } from './actions.ts'
import { Chronicle } from './chronicle.ts'
import { Clients } from './clients.ts'
import { ClusterWatch } from './cluster-watch.ts'
import { Docket } from './docket.ts'
import type { Evidence } from './evidence.ts'
import { clonesOfVm } from './judges.ts'
import { refuseWhatCannotBe, shapeFromTheStart } from './link-actions.ts'
import { PageLogCollector } from './page-log-collector.ts'
import { Persons } from './persons.ts'
import type { Progress } from './progress.ts'
import { isNews } from './progress.ts'
import type { Stage } from './stage.ts'
import { Sweeper } from './sweeper.ts'
import { TimelineRun } from './timeline-run.ts'
import { Visits } from './visits.ts'
import type { VmSpecs } from './vm-specs.ts'
import { Waiting } from './waiting.ts'

export interface RunnerPorts {
  readonly world: World
  readonly clock: Clock
  readonly onProgress: (progress: Progress) => void
  readonly signal: AbortSignal | undefined
  readonly specs: VmSpecs
}

/** Booting a guest on a busy machine takes seconds; longer is a fault. */
const startMsMax = 60_000
const lookMs = 50
/** Many times what a stream waits before it connects again. */
const reconnectMsMax = 3000

export class ScenarioRun {
  readonly #scenario: Scenario
  readonly #ports: RunnerPorts
  readonly #beganAtMs: number
  readonly #waiting: Waiting
  readonly #chronicle = new Chronicle()
  readonly #specs: VmSpecs
  readonly #docket: Docket
  readonly #pageLogs: PageLogCollector
  readonly #persons: Persons
  readonly #visits: Visits
  readonly #mayEnd = new Set<string>()
  readonly #open: { close(): void }[] = []
  readonly #heard = new Map<string, string>()
  #watch: ClusterWatch | undefined
  #clients: Clients | undefined
  #timeline: TimelineRun | undefined
  #sweeps = 0
  #readyAtMs: number | undefined
  #fault: Fault | undefined

  constructor(scenario: Scenario, ports: RunnerPorts) {
    this.#scenario = scenario
    this.#ports = ports
    this.#specs = ports.specs
    this.#beganAtMs = ports.clock.nowMs()
    this.#waiting = new Waiting(ports.clock, ports.signal)
    this.#persons = new Persons(scenario.persons)
    this.#visits = new Visits({
      clock: ports.clock,
      isHere: (person) => this.#persons.isHere(person),
      apiOf: (person) => this.#persons.apiOf(person),
      view: () => this.#chronicle.view,
      show: (evidence) => this.#show(evidence),
    })
    this.#pageLogs = new PageLogCollector(() => ports.world.api)
    this.#docket = new Docket(scenario.expectations, (record) => this.#decided(record))
  }

  /** The whole run; the world is left standing. Throws Interrupted, and nothing else but bugs. */
  async run(): Promise<Recording> {
    try {
      await this.#start()
      await this.#play()
      await this.#close()
    } catch (thrown) {
      if (!(thrown instanceof FaultError)) throw thrown
      this.#fault = thrown.fault
    } finally {
      for (const one of this.#open) one.close()
    }
    return this.#recording()
  }

  async #start(): Promise<void> {
    const { world, clock } = this.#ports
    const { cluster, vms, seed } = this.#scenario
    refuseWhatCannotBe(this.#scenario, world)
    this.#say('cluster', `starting a coordinator and ${cluster.nodes.length} nodes`)
    await this.#unlessInterrupted(world.startCluster(this.#cluster()))
    this.#say('cluster', `the cluster stands: ${cluster.nodes.map(({ id }) => id).join(', ')}`)
    await shapeFromTheStart(cluster, world)
    const onView = (view: ClusterView) => this.#viewed(view)
    const onLost = () => this.#chronicle.unseen(this.#nowMs())
    this.#watch = new ClusterWatch(world.api, clock, onView, onLost)
    this.#open.push(this.#watch)
    await this.#waiting.until(
      'a first view',
      startMsMax,
      () => this.#chronicle.hasView || undefined,
    )
    const { api, inflate } = world
    this.#clients = new Clients({ api, clock, inflate, waiting: this.#waiting }, seed)
    this.#open.push(this.#clients, this.#visits, this.#sweeper())
    await this.#persons.enter(world)
    await this.#declare()
    const first = vms.filter((vm) => vm.start === 'at-once')
    await Promise.all(first.map((vm) => runVm(vm.id, this.#stage, startMsMax)))
    if (first.length > 0) this.#say('cluster', `running: ${first.map(({ id }) => id).join(', ')}`)
    for (const part of this.#scenario.clients) this.#clients.startWriting(part)
    for (const part of this.#scenario.typists)
      this.#clients.startTyping(part, part.as === undefined ? api : this.#persons.apiOf(part.as))
    this.#readyAtMs = this.#nowMs()
  }

  #cluster(): ClusterSpec {
    const { cluster, seed } = this.#scenario
    const { areModels, traces } = this.#specs
    return { ...clusterSpecOf(cluster, seed), ...(areModels ? { models: { traces } } : {}) }
  }

  /** What holds before the first VM is there. */
  async #declare(): Promise<void> {
    const { api } = this.#ports.world
    const { cluster, groups, rules } = this.#scenario
    if (cluster.ha) await api.setHa(said(cluster.ha))
    if (cluster.power) await api.setPower(said(powerOf(cluster.power)))
    for (const group of groups) await api.setGroup(groupOf(group))
    for (const rule of rules) await api.setRule(ruleOf(rule))
  }

  async #play(): Promise<void> {
    this.#listen()
    this.#began(this.#docket.begin(this.#nowMs()))
    this.#timeline = new TimelineRun(this.#stage, {
      nowMs: () => this.#nowMs(),
      onBegan: (step) => this.#say('step', step.sentence),
      onEnded: (step) => this.#stepEnded(step),
    })
    await this.#timeline.run()
    // After a failed step nothing more is waited for: the run has failed, and its reader should
    // know soon.
    while (!this.#hasFailed() && this.#docket.nextDeadlineMs !== undefined) {
      await this.#waiting.sleep(lookMs)
      this.#docket.passTime(this.#nowMs())
    }
  }

  async #close(): Promise<void> {
    const clients = this.#clients
    invariant(clients, 'the run has started')
    if (this.#scenario.clients.length > 0) this.#say('cluster', 'reading back what was written')
    const settled = await clients.settle()
    const typists = await clients.settleTypists()
    await this.#pageLogs.settle()
    await this.#visits.settle()
    await this.#askAgentsOnceMore()
    const isBlind = !(await this.#seesCoordinator())
    const view = this.#chronicle.whole
    const named = this.#scenario.expectations.flatMap((item) =>
      item.expect === 'identities-differ' ? [item.vm, ...clonesOfVm(item.vm, view)] : [],
    )
    const identities = await clients.identities(named)
    const closing = { view, isBlind, clients: settled, typists, identities }
    this.#show({ kind: 'closing', closing })
  }

  /**
   * What happened last is seen by the agents' word too: in two sweeps on end that began after it.
   */
  async #askAgentsOnceMore(): Promise<void> {
    const enough = this.#sweeps + 3
    const done = () => this.#sweeps >= enough || undefined
    await this.#waiting.unlessLate(this.#waiting.until('the agents to answer', startMsMax, done))
  }

  /** One whose stream has just broken is back soon; one that was killed is not. */
  async #seesCoordinator(): Promise<boolean> {
    const isThere = () => this.#watch?.connected || undefined
    const there = this.#waiting.until('the coordinator', reconnectMsMax, isThere)
    return (await this.#waiting.unlessLate(there)) ?? false
  }

  get #stage(): Stage {
    return {
      scenario: this.#scenario,
      specs: this.#specs,
      world: this.#ports.world,
      api: this.#ports.world.api,
      waiting: this.#waiting,
      persons: this.#persons,
      view: () => this.#chronicle.view,
      told: () => this.#chronicle.events,
      heard: (vmId) => this.#heard.get(vmId) ?? '',
      mayEnd: (processId, may) =>
        may ? this.#mayEnd.add(processId) : this.#mayEnd.delete(processId),
      sayTo: (vmId, request) => this.#clients?.say(vmId, request),
      breaks: (nodeId, cause) => this.#chronicle.breaks(nodeId, cause, this.#nowMs()),
    }
  }

  #sweeper(): Sweeper {
    return new Sweeper(this.#ports.world, this.#ports.clock, {
      onSweep: (answers, double) => {
        this.#sweeps += 1
        this.#show({ kind: 'sweep', answers, double })
        // Views come when something changes; what begins in a quiet cluster is shown the last one.
        // Without a coordinator it may be true no more.
        if (this.#watch?.connected) this.#showView()
        this.#waiting.changed()
      },
      onEnded: (process) => {
        if (!this.#mayEnd.has(process.id)) this.#show({ kind: 'process-ended', process })
      },
    })
  }

  /** Ears where an expectation, or the trigger of a step, is about what a guest says. */
  #listen(): void {
    const { expectations, timeline } = this.#scenario
    const expected = expectations.flatMap((item) =>
      item.expect === 'console-contains' || item.expect === 'console-never' ? item.vm : [],
    )
    const awaited = timeline.flatMap(({ when }) => (when && 'says' in when ? when.vm : []))
    for (const vmId of new Set([...expected, ...awaited]))
      this.#clients?.listen(vmId, (text) => {
        this.#show({ kind: 'said', vmId, text })
        if (!awaited.includes(vmId)) return
        this.#heard.set(vmId, `${this.#heard.get(vmId) ?? ''}${text}\n`)
        this.#waiting.changed()
      })
  }

  /** Some expectations need somebody to ask. */
  #began(items: readonly Expectation[]): void {
    this.#visits.begin(items)
    for (const item of items)
      if (item.expect === 'guest-answers')
        this.#clients?.ask(item.vm, 'ping', ([word]) => {
          if (word === 'pong') this.#show({ kind: 'answered', vmId: item.vm })
        })
  }

  #viewed(view: ClusterView): void {
    const nowMs = this.#nowMs()
    for (const event of this.#chronicle.onView(view, nowMs)) {
      if (isNews(event)) this.#say('event', event.text)
      this.#show({ kind: 'event', event })
    }
    this.#pageLogs.onView(view)
    this.#showView()
    this.#waiting.changed()
  }

  #stepEnded(step: StepRecord): void {
    const tookMs = (step.endedAtMs ?? 0) - (step.beganAtMs ?? 0)
    const how =
      step.fault === undefined
        ? `done in ${durationText(tookMs)}`
        : `failed: ${step.fault.message} (${step.fault.code})`
    this.#say('step', `${step.sentence}: ${how}`, step.fault !== undefined)
    if (step.label !== undefined) this.#began(this.#docket.stepEnded(step.label, this.#nowMs()))
  }

  #decided({ sentence, verdict, detail }: VerdictRecord): void {
    this.#say('verdict', `${sentence}: ${verdict} (${detail})`, verdict !== 'held')
  }

  #showView(): void {
    const { view, recoveriesBefore } = this.#chronicle
    this.#show({ kind: 'view', view, recoveriesBefore })
  }

  #show(evidence: Evidence): void {
    this.#docket.show(evidence, this.#nowMs())
  }

  #hasFailed(): boolean {
    return this.#timeline?.records.some((step) => step.outcome === 'failed') ?? false
  }

  /**
   * A world does not know of our signal: it is left to finish alone, and is stopped by whoever made
   * it.
   */
  async #unlessInterrupted(work: Promise<void>): Promise<void> {
    let done = false
    const ended = work.then(
      () => {
        done = true
      },
      (thrown: unknown) => {
        done = true
        throw thrown
      },
    )
    ended.catch(() => {})
    while (!done) await Promise.race([ended, this.#waiting.sleep(lookMs)])
    await ended
  }

  #say(kind: Progress['kind'], text: string, isBad = false): void {
    this.#ports.onProgress({ atMs: this.#nowMs(), kind, text, isBad })
  }

  #nowMs(): number {
    return this.#ports.clock.nowMs() - this.#beganAtMs
  }

  #recording(): Recording {
    const { name, about, seed, cluster, vms, timeline } = this.#scenario
    const steps =
      this.#timeline?.records ??
      timeline.map((step) => ({ sentence: stepSentence(step), outcome: 'not-reached' as const }))
    return {
      name,
      about,
      seed,
      nodeIds: cluster.nodes.map(({ id }) => id),
      vmIds: vms.map(({ id }) => id),
      ...(this.#readyAtMs === undefined ? {} : { readyAtMs: this.#readyAtMs }),
      endedAtMs: this.#nowMs(),
      steps,
      verdicts: this.#docket.records,
      migrations: this.#chronicle.migrations,
      pageLogs: this.#pageLogs.logs,
      failovers: this.#chronicle.failovers,
      tracks: this.#chronicle.tracks,
      events: this.#chronicle.events,
      clients: this.#clients?.records ?? [],
      vms: this.#chronicle.hasView ? this.#chronicle.view.vms : [],
      ...(this.#fault === undefined ? {} : { fault: this.#fault }),
    }
  }
}

const clusterSpecOf = (
  { nodes, lease, heartbeat, margin, rebalance, 'fence-after': fenceAfterMs }: ClusterPart,
  seed: number,
): ClusterSpec => ({
  nodes: nodes.map(({ id, cores, mips, memory, start }) => ({
    id: asNodeId(id),
    cores,
    mipsPerCore: mips,
    memoryMib: memory,
    ...(start === 'later' ? { isLater: true } : {}),
  })),
  leaseMs: lease,
  heartbeatMs: heartbeat,
  marginMs: margin,
  rebalance,
  pageLogs: true,
  seed,
  ...(fenceAfterMs === undefined ? {} : { fenceAfterMs }),
})
