// Carries a plan out in a simulated world: deeds and faults while it lasts, then all is healed, and
// the world is given time to come to rest. Laws are watched all the time (sim-world.ts), and at
// rest every account must agree: the coordinator's, the nodes', the store's, and the guests' own.
// Not here: what is planned (fault-plan.ts), what befalls a message (strikes.ts), who compares
// (accounts.ts), who searches (search.ts). Virtual ms.

import type { ApiCommand } from '#coordinator/core/step-context.ts'
import { freshIdentity } from '#coordinator/identity.ts'
import { type MemoryLog, SeededRandom } from '#env/memory.ts'
import { asMigrationId, asNodeId, type VmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { VmSpec } from '#proto/vm-spec.ts'
import { disorder, unrest } from './accounts.ts'
import { AimedDeeds } from './aimed-deeds.ts'
import { Breakage } from './breakage.ts'
import { Customers } from './customers.ts'
import { pick } from './fault-aims.ts'
import { type Deed, type FaultPlan, isFault, type Planned } from './fault-plan.ts'
import {
  brokenRule,
  firstTwoApart,
  modes,
  policyFor,
  power,
  settingsFor,
  storeSpec,
  twoTogether,
  wishRule,
} from './fault-wishes.ts'
import { complaintsOf } from './guest-words.ts'
import { unreadable } from './kept-pages.ts'
import { type SearchSubject, watchMessages } from './search-subject.ts'
import { SimWorld } from './sim-world.ts'
import { staleWord } from './stale-words.ts'
import { Strikes, strikeOf } from './strikes.ts'

export interface RunOutcome {
  /** Broken laws; none: the run is well. */
  readonly wrong: readonly string[]
  /** What was seen, and how often: a search that never saw it has not searched for it. */
  readonly seen: ReadonlyMap<string, number>
  readonly log: MemoryLog
  readonly virtualMs: number
  /** So many were done, or aimed; so many have broken something that was whole. */
  readonly tried: number
  readonly faults: number
}

const vmsMax = 5
const restMsMax = 180_000

/** Of the seed itself. */
const isStoreLate = (seed: number): boolean => seed % 5 === 3

export async function runPlan(
  subject: SearchSubject,
  plan: FaultPlan,
  seed: number,
): Promise<RunOutcome> {
  const run = new FaultRun(subject, plan, seed)
  try {
    await run.safety()
    await run.liveness()
  } catch (thrown) {
    // An invariant of the coordinator's or an agent's: its process would have ended.
    run.wrong(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown))
  }
  return run.outcome()
}

class FaultRun {
  readonly #subject: SearchSubject
  readonly #world: SimWorld
  readonly #plan: FaultPlan
  readonly #seed: number
  readonly #names: readonly string[]
  readonly #random: SeededRandom
  readonly #seen = new Map<string, number>()
  readonly #breakage: Breakage
  readonly #wrong: string[] = []
  #vmSerial = 0
  readonly #removed = new Set<VmId>()
  #tried = 0
  /** Nodes that have been told to shut down, and have not ended. */
  #stopping = 0
  readonly #streams: { readonly streams?: number }
  readonly #strikes: Strikes
  readonly #customers: Customers
  readonly #aimed: AimedDeeds

  constructor(subject: SearchSubject, plan: FaultPlan, seed: number) {
    this.#subject = subject
    this.#plan = plan
    this.#seed = seed
    this.#names = Array.from({ length: plan.nodes }, (_, at) => `n${at + 1}`)
    this.#random = new SeededRandom(seed ^ 0x5eed)
    // Of the seed itself, and not drawn: old seeds have their old deeds.
    this.#streams = seed % 4 === 2 ? { streams: 3 } : {}
    this.#world = new SimWorld({
      ...{ ...subject.world, nodes: this.#names, seed, mips: 1, memoryMib: 24 },
      ...{ driftMost: plan.driftMost, road: plan.road, fenceRebootMs: 2000 },
      // Of the seed itself too: in the others nothing happens between two words to a pCPU.
      pcpuLagMs: seed % 5 === 4 ? 2 : 0,
      storeLagMs: isStoreLate(seed) ? 1 + (seed % 40) : 0,
      coordinators: plan.coordinators,
      settings: settingsFor(plan, seed),
    })
    this.#customers = new Customers(this.#world)
    this.#breakage = new Breakage(this.#world, (what) => this.#count(what))
    this.#aimed = new AimedDeeds(this.#breakage, {
      state: () => this.#state,
      ask: (command) => this.#ask(command),
      later: (fn, ms) => this.#world.network.later(fn, ms),
      leader: () => this.#leader,
    })
    this.#strikes = new Strikes(this.#breakage, this.#random, {
      state: () => this.#state,
      count: (what) => this.#count(what),
    })
    watchMessages(this.#world, subject, (crossing) => this.#strikes.meet(crossing))
  }

  /** Under all faults: nothing has to come about, but no law may break. */
  async safety(): Promise<void> {
    await this.#someoneLeads()
    if (this.#subject.hasGuests) this.#customers.open()
    if (this.#plan.isApart) this.#ask({ do: 'set-rule', rule: firstTwoApart })
    if (this.#plan.isTogether) this.#ask({ do: 'set-rule', rule: twoTogether })
    for (const step of this.#plan.steps) {
      await this.#world.pass(Math.max(0, step.atMs - this.#world.nowMs))
      this.#do(step)
      this.#wrong.push(...brokenRule(this.#state))
    }
    await this.#world.pass(Math.max(0, this.#plan.safetyMs - this.#world.nowMs))
  }

  /** Healed: in the end everything is where it is said to be. */
  async liveness(): Promise<void> {
    const world = this.#world
    watchMessages(world, this.#subject, undefined)
    this.#breakage.isOver = true
    world.network.heal()
    world.diskFaults.clear()
    for (const name of [...this.#names, ...world.coordinators.names]) {
      world.process(name).goOn()
      this.#breakage.revive(name)
    }
    for (const elder of world.elders) elder.goOn()
    await world.pass(4000)
    await this.#someoneLeads()
    // Who was shutting down ends when what it serves is served; who lost its name when it hears so.
    for (let s = 0; s === 0 || (this.#someEnd() && s < restMsMax / 1000); s++) {
      await world.pass(s === 0 ? 0 : 1000)
      for (const name of this.#names) this.#breakage.revive(name)
    }
    world.ask({ do: 'set-power', change: { save: false } })
    for (const name of this.#names)
      if (this.#state.nodes.get(asNodeId(name))?.maintenance)
        world.ask({ do: 'end-maintenance', nodeId: asNodeId(name) })
    await this.#until('peace', () => unrest(this.#world, this.#names))
    await this.#until('order', () => disorder(this.#world, this.#names))
    // What was not durable yet when the coordinator died was not promised to anybody.
    const isLate = isStoreLate(this.#seed) || this.#plan.coordinators > 1
    const isBack = (id: VmId) => !isLate && this.#state.vms.has(id)
    for (const id of this.#removed) if (isBack(id)) this.wrong(`${id} was removed, and is back`)
    if (!this.#subject.hasGuests) return
    this.#wrong.push(...unreadable(this.#world), ...(await complaintsOf(this.#world)))
    this.#wrong.push(...(await this.#customers.complaints()))
    this.#count('acknowledged writes read back', this.#customers.acknowledged)
  }

  /** Of several, one after an election. */
  readonly #someoneLeads = () =>
    this.#until('leader', () => (this.#world.coordinators.isLed ? [] : ['nobody was elected']))

  #someEnd(): boolean {
    const { nodes } = this.#state
    const isAway = (name: string) => nodes.get(asNodeId(name))?.phase !== 'online'
    return this.#stopping > 0 || this.#world.elders.length > 0 || this.#names.some(isAway)
  }

  wrong(text: string): void {
    this.#wrong.push(text)
  }

  outcome(): RunOutcome {
    for (const { event, fields } of this.#world.log.lines) {
      this.#count(event)
      // What arrives is what was sent: a difference is a bug, and not bad luck.
      if (fields.reason === 'hash-mismatch' || fields.code === 'hash-mismatch')
        this.#wrong.push(`a copy differed: ${event} ${fields.vmId} ${fields.migrationId ?? ''}`)
    }
    const { nowMs: virtualMs, log } = this.#world
    const wrong = [...this.#world.violations, ...this.#wrong]
    const { faults } = this.#breakage
    return { wrong, seen: this.#seen, log, virtualMs, tried: this.#tried, faults }
  }

  get #state() {
    return this.#world.coordinator.coordinator.state
  }

  get #leader(): string {
    return this.#world.coordinator.process.name
  }

  #count(what: string, times = 1): void {
    this.#seen.set(what, (this.#seen.get(what) ?? 0) + times)
  }

  /** Until nothing is in its way any more. */
  async #until(what: string, lacks: () => string[]): Promise<void> {
    await this.#world
      .until(what, () => lacks().length === 0, restMsMax)
      .catch(() => this.#wrong.push(`there is no ${what}: ${lacks().join('; ')}`))
  }

  // ---- deeds ----

  #do(step: Planned): void {
    if (this.#subject.lacks.has(step.do)) return
    this.#count(`do ${step.do}`)
    if (isFault(step.do)) this.#tried++
    this.#deeds[step.do](step)
  }

  readonly #deeds: Record<Deed, (step: Planned) => void> = {
    run: ({ one }) => this.#run(one),
    migrate: ({ one, other }) => this.#migrate(one, other),
    clone: ({ one, other }) => this.#clone(one, other),
    snapshot: ({ one }) => this.#onVm(one, (vmId) => ({ do: 'snapshot', vmId })),
    restore: ({ one }) => this.#onSnapshot(one, 'restore'),
    'drop-snapshot': ({ one }) => this.#onSnapshot(one, 'drop-snapshot'),
    template: ({ one }) => this.#keep(one),
    deploy: ({ one, other }) => this.#deploy(one, other),
    stop: ({ one }) => this.#onVm(one, (vmId) => ({ do: 'stop', vmId })),
    start: ({ one }) => this.#onVm(one, (vmId) => ({ do: 'start', vmId })),
    remove: ({ one }) => this.#remove(one),
    pause: ({ one }) => this.#onVm(one, (vmId) => ({ do: 'pause', vmId })),
    resume: ({ one }) => this.#onVm(one, (vmId) => ({ do: 'resume', vmId })),
    cancel: ({ one }) => this.#onMigration(one, 'cancel-migration'),
    'post-copy': ({ one }) => this.#onMigration(one, 'post-copy'),
    evacuate: ({ one }) => this.#evacuate(one),
    relocate: ({ one, other }) => {
      const to = other % 2 === 0 ? { to: this.#name(other) } : {}
      this.#onVm(one, (vmId) => ({ do: 'relocate', vmId, ...to }))
    },
    rule: ({ one, other }) => this.#ask(wishRule(this.#state, this.#name(one), other)),
    policy: ({ one, other }) => this.#onVm(one, (vmId) => policyFor(vmId, other)),
    protect: ({ one, other }) =>
      this.#onVm(one, (vmId) => this.#subject.protectionFor(vmId, other)),
    power: ({ one }) => this.#ask({ do: 'set-power', change: power(one % 3 > 0) }),
    crash: ({ one }) => this.#breakage.crash(pick(this.#state.vms.keys(), one), this.#subject),
    'stop-node': ({ one }) => this.#stopNode(this.#name(one)),
    return: ({ one }) => this.#ask({ do: 'end-maintenance', nodeId: asNodeId(this.#name(one)) }),
    kill: ({ one }) => this.#breakage.kill(this.#name(one)),
    restart: ({ one }) => this.#breakage.revive(this.#name(one)),
    hang: ({ one }) => this.#breakage.hang(this.#name(one)),
    'go-on': ({ one }) => this.#world.process(this.#name(one)).goOn(),
    cut: ({ one, other }) => this.#breakage.cut(this.#end(one), this.#end(other), other % 3 > 0),
    isolate: ({ one }) => this.#breakage.isolate(this.#name(one)),
    clog: ({ one, other }) => this.#breakage.clog(this.#end(one), 20 + 2 * other),
    heal: () => this.#world.network.heal(),
    break: ({ one, other }) => this.#breakage.break(this.#end(one), this.#end(other)),
    'repeat-message': ({ one }) => this.#strikes.repeat(1 + (one % 3)),
    strike: ({ one, other }) => this.#strikes.aim(1 + (one % 30), strikeOf(other)),
    'fail-disk': ({ one, other }) => this.#breakage.failDisk(this.#name(one), 1 + (other % 3)),
    'fill-disk': ({ one }) => this.#breakage.failDisk(this.#name(one), 0),
    'strike-disk': ({ one }) => this.#strikes.aim(1 + (one % 30), 'disk'),
    merge: ({ one }) => this.#onVm(one, (vmId) => ({ do: 'merge', vmId })),
    'strike-merge': ({ one, other }) => {
      this.#onVm(one, (vmId) => ({ do: 'merge', vmId }))
      this.#aimed.strikeMerge(one, other)
    },
    'run-store': () => this.#run(storeSpec),
    'keep-store': ({ one, other }) => this.#aimed.keepStore(one, other),
    'strike-store': ({ one }) => this.#aimed.strikeStore(one),
    'heal-disk': () => this.#world.diskFaults.clear(),
    'late-lease': ({ one, other }) => this.#breakage.delayLease(this.#name(one), 600 + 2 * other),
    replace: ({ one, other }) => this.#breakage.replace(this.#name(one), 100 + 3 * other),
    'strike-late': ({ one }) => this.#strikes.aim(1 + (one % 30), 'late'),
    'strike-order': () => this.#strikes.aim(1, 'order'),
    'stale-word': ({ other }) => this.#sayStale(other),
    'kill-coordinator': () => this.#breakage.kill(this.#leader),
    'restart-coordinator': () => this.#breakage.reviveCoordinators(),
    'hang-leader': ({ one }) => this.#breakage.hangLeader(100 + 5 * one),
    'late-etcd': ({ one }) => this.#breakage.delayEtcd(500 + 5 * one),
    'cut-etcd': ({ one }) => this.#breakage.cutEtcd(one % 2 === 0),
  }

  #sayStale(n: number): void {
    const word = staleWord(this.#world, n)
    if (!word) return
    this.#breakage.faults++
    this.#count(word.said)
    if (word.wrong !== undefined) this.wrong(word.wrong)
  }

  readonly #name = (at: number): string => this.#names[at % this.#names.length] ?? 'n1'
  /** A node or the coordinator. */
  readonly #end = (at: number): string =>
    at % (this.#names.length + 1) === 0 ? this.#leader : this.#name(at)

  /** A coordinator that is dead or hangs answers nobody. True: it was accepted. */
  #ask(command: ApiCommand): boolean {
    const { process } = this.#world.coordinator
    if (!process.isAlive || process.isHanging) return false
    const answer = this.#world.ask(command)
    this.#count(`${command.do} ${'fault' in answer ? `refused ${answer.fault.code}` : 'accepted'}`)
    return !('fault' in answer)
  }

  /** No name is given twice. */
  #remove(one: number): void {
    const vmId = pick(this.#state.vms.keys(), one)
    if (vmId !== undefined && this.#ask({ do: 'remove', vmId })) this.#removed.add(vmId)
  }

  #run(one: number): void {
    if (this.#state.vms.size >= vmsMax) return
    const { specs } = this.#subject
    const spec = VmSpec.parse(specs[one % specs.length])
    const request = { id: `v${++this.#vmSerial}`, spec }
    this.#ask({ do: 'run', request, identity: freshIdentity(this.#random) })
  }

  #onVm(one: number, command: (vmId: VmId) => ApiCommand): void {
    const id = pick(this.#state.vms.keys(), one)
    if (id !== undefined) this.#ask(command(id))
  }

  #migrate(one: number, other: number): void {
    const params = { ...modes[other % modes.length], ...this.#streams }
    const to = other % 2 === 0 ? { to: this.#name(other) } : {}
    const request = { ...to, params, cause: 'search', force: true }
    this.#onVm(one, (vmId) => ({ do: 'migrate', vmId, request }) as ApiCommand)
  }

  #clone(one: number, other: number): void {
    if (this.#state.vms.size >= vmsMax) return
    const ids = [`c${++this.#vmSerial}`]
    const to = other % 2 === 0 ? { to: this.#name(other) } : {}
    const identities = ids.map(() => freshIdentity(this.#random))
    this.#onVm(one, (vmId) => ({ do: 'clone', vmId, request: { ids, ...to }, identities }))
  }

  #onSnapshot(one: number, verb: 'restore' | 'drop-snapshot'): void {
    const found = pick(this.#state.snapshots.values(), one)
    const isDone = found && this.#ask({ do: verb, vmId: found.vmId, name: found.name })
    if (isDone && verb === 'restore') this.#customers.excuse(found.vmId)
  }

  #keep(one: number): void {
    const found = pick(this.#state.snapshots.values(), one)
    const wish = { name: `t${1 + (one % 2)}`, about: '', snapshot: found?.name ?? '' }
    if (found) this.#ask({ do: 'keep-template', vmId: found.vmId, ...wish })
  }

  /** Or, now and then, removes one. */
  #deploy(one: number, other: number): void {
    const template = pick(this.#state.templates.keys(), one)
    if (template === undefined) return
    if (other % 4 === 0) this.#ask({ do: 'drop-template', name: template })
    if (other % 4 === 0 || this.#state.vms.size >= vmsMax) return
    const request = { id: `d${++this.#vmSerial}`, spec: VmSpec.parse({}), template }
    this.#ask({ do: 'run', request, identity: freshIdentity(this.#random) })
  }

  #onMigration(one: number, verb: 'cancel-migration' | 'post-copy'): void {
    const id = pick(this.#state.openMigrations, one)
    if (id !== undefined) this.#ask({ do: verb, migrationId: asMigrationId(id) })
  }

  #evacuate(one: number): void {
    const params = MigrationParams.parse({ whenStuck: 'throttle' })
    this.#ask({ do: 'maintenance', nodeId: asNodeId(this.#name(one)), params })
  }

  #stopNode(name: string): void {
    const node = this.#world.node(name)
    if (!node.process.isAlive || node.process.isHanging) return
    this.#stopping++
    const ended = () => {
      this.#stopping--
    }
    node.process.onDeath(ended)
    void node.stop()
  }
}
