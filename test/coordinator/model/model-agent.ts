// A model of an agent, for property tests of the coordinator: holds VMs, obeys its lease, answers
// commands, takes part in migrations. No guests: a VM is a number that grows while it runs and is
// written to a disk that all agents share, so that memory older than its disk is seen at once.
// Behaves as node-agent/ promises, not as it is written.

import { type Fault, fault } from '#proto/faults.ts'
import type { MigrationId, NodeId, VmId } from '#proto/ids.ts'
import type {
  AgentMessage,
  CoordinatorMessage,
  GoOn,
  Migrate,
  Result,
  Start,
  VmEvent,
  VmReport,
} from '#proto/messages.ts'
import { SaidAgain } from '../said-again.ts'
import {
  canStrand,
  type Held,
  hasRun,
  isLive,
  type PeerMessage,
  type PlanMessage,
  reportOf,
} from './model-held.ts'
import type { ModelWorld } from './model-world.ts'

interface Outgoing {
  readonly plan: Migrate
  phase: 'copying' | 'proving' | 'released' | 'in-doubt'
}

const diskBroken = fault('internal', 'the disk store is away')
const noLease = fault('lease-lost', 'there is no lease')
const [copyMs, answerMsMax] = [300, 2000]

export class ModelAgent {
  readonly id: NodeId
  readonly incarnation: string
  readonly world: ModelWorld
  readonly held = new Map<VmId, Held>()
  readonly outgoing = new Map<MigrationId, Outgoing>()
  isDead = false
  isHung = false
  isUp = false
  /** It can open no disk: nothing starts here, and no copy is run. */
  isDiskBroken = false
  memoryMib = 400
  leaseUntilMs = 0
  hadLease = false
  /** VMs that stood still here and went on. */
  wentOn = 0
  #seq = 0
  readonly #sentAtMs = new Map<number, number>()
  readonly #said = new SaidAgain()
  #outbox: (Result | VmEvent)[] = []

  constructor(id: NodeId, incarnation: string, world: ModelWorld) {
    this.id = id
    this.incarnation = incarnation
    this.world = world
  }

  /**
   * May this VM execute instructions at this instant? What no two agents may ever answer with yes.
   */
  executes(held: Held): boolean {
    if (this.isDead || this.isHung || held.isFrozen || held.state !== 'running') return false
    return !held.order.spec.ha || this.world.nowMs() < this.leaseUntilMs
  }

  /** The guests run for a moment: each writes once more, to memory and disk. */
  runGuests(): void {
    for (const held of this.held.values()) {
      if (!this.executes(held)) continue
      held.memory++
      this.world.disks.set(held.vmId, held.memory)
    }
  }

  crashGuest(vmId: VmId): void {
    const held = this.held.get(vmId)
    if (!held || !this.executes(held)) return
    this.destroy(held)
    this.event(held, 'crashed')
  }

  // ---- lease and link ----

  hello(): AgentMessage {
    this.checkLease()
    const { memoryMib } = this
    const capacity = { cores: 2, mipsPerCore: 0, memoryMib }
    return {
      ...{ t: 'hello', protocolVersion: 1, role: 'agent', token: '', nodeId: this.id },
      ...{ incarnation: this.incarnation, peerAddress: 'ws://model:1', capacity, pid: 1 },
      vms: this.reports(),
    }
  }

  linkUp(): void {
    this.isUp = true
    for (const message of this.#outbox.splice(0)) this.world.toCoordinator(this, message)
    this.heartbeat()
  }

  linkDown(): void {
    this.isUp = false
  }

  heartbeat(): void {
    this.checkLease()
    if (!this.isUp) return
    const seq = ++this.#seq
    this.#sentAtMs.set(seq, this.world.nowMs())
    const load = { cpuDemandPercent: 0, cpuGotPercent: 0, memoryUsedMib: 1 }
    this.world.toCoordinator(this, {
      ...{ t: 'heartbeat', seq, nodeId: this.id, ...load, vms: this.#said.again(this.reports()) },
    })
  }

  checkLease(): void {
    if (!this.hadLease || this.world.nowMs() < this.leaseUntilMs) return
    this.hadLease = false
    for (const held of [...this.held.values()]) {
      if (!isLive(held) || !held.order.spec.ha) continue
      if (canStrand(held)) {
        held.state = 'stranded'
        continue
      }
      this.destroy(held)
      this.event(held, 'fenced')
    }
  }

  reports(): VmReport[] {
    return [...this.held.values()].map(reportOf)
  }

  // ---- what the coordinator says ----

  hear(message: CoordinatorMessage): void {
    this.checkLease()
    if (message.t === 'lease') this.#renew(message.seq, message.leaseMs)
    else if (message.t === 'start') this.#start(message)
    else if (message.t === 'migrate') this.#migrate(message)
    else if (message.t === 'cancel-migration') this.#cancel(message)
    else if (message.t === 'resolve') this.#resolve(message)
    else if (message.t === 'go-on') this.#goOn(message)
    else if (message.t === 'stop' || message.t === 'pause' || message.t === 'resume') {
      const held = this.held.get(message.vmId)
      if (!held) this.answer(message.commandId, fault('unknown-vm', 'not here'))
      else if (held.epoch !== message.epoch)
        this.answer(message.commandId, fault('stale-epoch', 'another epoch'))
      else this.#carryOut(message.t, held, message.commandId)
    } else this.hearMore(message)
  }

  // What not every model knows.
  hearMore(_message: CoordinatorMessage): void {}
  hearOtherPeer(_from: NodeId, _message: PeerMessage): void {}

  #carryOut(kind: 'stop' | 'pause' | 'resume', held: Held, commandId: Result['commandId']): void {
    if (kind === 'stop') this.destroy(held)
    else if (kind === 'pause' && held.state === 'running' && !held.migrationId)
      held.state = 'paused'
    else if (kind === 'resume' && held.state === 'paused') held.state = 'running'
    this.answer(commandId)
  }

  #renew(seq: number, leaseMs: number): void {
    const sentAtMs = this.#sentAtMs.get(seq)
    if (sentAtMs === undefined || sentAtMs + leaseMs <= this.world.nowMs()) return
    this.leaseUntilMs = Math.max(this.leaseUntilMs, sentAtMs + leaseMs)
    this.hadLease = true
  }

  #start(order: Start): void {
    const older = this.held.get(order.vmId)
    if (older && older.epoch >= order.epoch) {
      this.answer(order.commandId, fault('stale-epoch', 'a newer one is here'))
      return
    }
    if (older) this.destroy(older)
    const { vmId, epoch, spec, identity, disk } = order
    const held: Held = {
      ...{ vmId, epoch, state: 'starting', migrationId: undefined, isFrozen: false },
      order: { spec, identity, disk },
      memory: 0,
    }
    this.held.set(vmId, held)
    this.world.later(this, 30, () => {
      if (this.held.get(vmId) !== held || held.state !== 'starting') return
      if (this.isDiskBroken) {
        this.destroy(held)
        this.answer(order.commandId, diskBroken)
        return
      }
      held.memory = this.world.disks.get(vmId) ?? 0
      held.state = 'running'
      this.event(held, 'running')
      this.answer(order.commandId)
    })
  }

  #resolve(verdict: Extract<CoordinatorMessage, { t: 'resolve' }>): void {
    const held = this.held.get(verdict.vmId)
    if (verdict.verdict === 'discard') {
      if (!held || (held.migrationId !== verdict.migrationId && !hasRun(held)))
        this.answer(verdict.commandId)
      else if (hasRun(held) && verdict.epoch <= held.epoch)
        this.answer(verdict.commandId, fault('wrong-state', 'it runs'))
      else {
        this.destroy(held)
        this.answer(verdict.commandId)
      }
      return
    }
    const cannot = held?.state === 'incoming' || held?.state === 'stranded'
    if (!held || verdict.epoch < held.epoch || cannot)
      this.answer(verdict.commandId, fault('wrong-state', 'nothing to run'))
    else if (this.isDiskBroken && !isLive(held)) this.answer(verdict.commandId, diskBroken)
    else if (!this.mayLaunch(held)) this.answer(verdict.commandId, noLease)
    else {
      if (held.migrationId) this.outgoing.delete(held.migrationId)
      Object.assign(held, { state: 'running', epoch: verdict.epoch, isFrozen: false })
      held.migrationId = undefined
      this.event(held, 'running')
      this.answer(verdict.commandId)
    }
  }

  #goOn({ commandId, vmId, epoch, nextEpoch }: GoOn): void {
    const held = this.held.get(vmId)
    if (held?.state !== 'stranded' || held.epoch !== epoch)
      this.answer(commandId, fault('wrong-state', 'nothing stands still here like that'))
    else if (this.isDiskBroken) this.answer(commandId, diskBroken)
    else {
      Object.assign(held, { state: 'running', epoch: nextEpoch })
      this.wentOn++
      this.event(held, 'running')
      this.answer(commandId)
    }
  }

  // ---- migration: source ----

  #migrate(plan: Migrate): void {
    const held = this.held.get(plan.vmId)
    if (!held || held.epoch !== plan.epoch || held.state !== 'running' || held.migrationId) {
      this.answer(plan.commandId, fault('wrong-state', 'it does not run here like that'))
      return
    }
    held.migrationId = plan.migrationId
    this.outgoing.set(plan.migrationId, { plan, phase: 'copying' })
    this.world.toPeer(this, plan.destination.nodeId, { t: 'offer', plan, held: { ...held } })
    this.world.later(this, copyMs, () => this.#stopAndCopy(plan))
    this.world.later(this, answerMsMax + copyMs, () => this.#giveUp(plan))
  }

  #stopAndCopy(plan: Migrate): void {
    const out = this.outgoing.get(plan.migrationId)
    const held = this.held.get(plan.vmId)
    if (out?.phase !== 'copying' || !held || !this.executes(held)) return
    out.phase = 'proving'
    held.isFrozen = true
    const { memory } = held
    this.world.toPeer(this, plan.destination.nodeId, { t: 'final', plan, memory })
  }

  #cancel({ commandId, migrationId }: Pick<Migrate, 'commandId' | 'migrationId'>) {
    const out = this.outgoing.get(migrationId)
    if (!out) this.answer(commandId, fault('unknown-migration', 'none'))
    else if (out.phase === 'released' || out.phase === 'in-doubt')
      this.answer(commandId, fault('wrong-state', 'too late'))
    else {
      this.#giveUp(out.plan, fault('cancelled', 'cancelled'))
      this.answer(commandId)
    }
  }

  /** Before the release the VM goes on here; after it, nobody here knows. */
  #giveUp(plan: Migrate, why: Fault = fault('timed-out', 'it took too long')): void {
    const out = this.outgoing.get(plan.migrationId)
    const held = this.held.get(plan.vmId)
    if (!out || out.phase === 'in-doubt') return
    if (out.phase === 'released') {
      out.phase = 'in-doubt'
      const { migrationId } = plan
      const figures = { sentPages: 0, pagesOfRound: 0, bytes: 0 }
      if (this.isUp)
        this.world.toCoordinator(this, {
          ...{ t: 'migration-progress', migrationId, phase: 'resolving' },
          ...figures,
        })
      return
    }
    this.outgoing.delete(plan.migrationId)
    if (held) Object.assign(held, { isFrozen: false, migrationId: undefined })
    this.world.toPeer(this, plan.destination.nodeId, { t: 'abort', plan })
    this.answer(plan.commandId, why)
  }

  hearPeer(from: NodeId, message: PeerMessage): void {
    this.checkLease()
    if ('plan' in message) this.#hearOfPlan(from, message)
    else this.hearOtherPeer(from, message)
  }

  #hearOfPlan(from: NodeId, message: PlanMessage): void {
    const { plan } = message
    const out = this.outgoing.get(plan.migrationId)
    const held = this.held.get(plan.vmId)
    if (message.t === 'refuse') this.#giveUp(plan, fault('no-room', 'refused'))
    else if (message.t === 'prepared' && out?.phase === 'proving' && held) {
      out.phase = 'released'
      held.state = 'released'
      this.event(held, 'released')
      this.world.toPeer(this, from, { t: 'run', plan })
    } else if (message.t === 'running' && out && held?.state === 'released') {
      this.outgoing.delete(plan.migrationId)
      this.destroy(held)
      this.answer(plan.commandId)
    } else this.#hearAsDestination(from, message)
  }

  /** The link to that peer is gone. */
  peerLost(peer: NodeId): void {
    for (const { plan } of [...this.outgoing.values()])
      if (plan.destination.nodeId === peer) this.#giveUp(plan, fault('link-lost', 'peer lost'))
    for (const held of [...this.held.values()]) if (held.state === 'incoming') this.destroy(held)
  }

  // ---- migration: destination ----

  #hearAsDestination(from: NodeId, message: PlanMessage): void {
    const { plan } = message
    const held = this.held.get(plan.vmId)
    const isOurs = held?.migrationId === plan.migrationId
    if (message.t === 'offer') this.#offered(from, message.plan, message.held)
    else if (!held || !isOurs) return
    else if (message.t === 'abort') {
      if (!isLive(held)) this.destroy(held)
    } else if (message.t === 'final') {
      held.memory = message.memory
      held.state = 'prepared'
      this.world.toPeer(this, from, { t: 'prepared', plan })
    } else if (message.t === 'run' && held.state === 'prepared' && this.#canLaunch(held)) {
      Object.assign(held, { state: 'running', epoch: plan.nextEpoch, migrationId: undefined })
      this.event(held, 'running')
      this.world.toPeer(this, from, { t: 'running', plan })
    }
  }

  #offered(from: NodeId, plan: Migrate, offered: Held): void {
    const older = this.held.get(plan.vmId)
    if (!this.mayLaunch(offered) || (older && (isLive(older) || older.epoch >= plan.nextEpoch))) {
      this.world.toPeer(this, from, { t: 'refuse', plan })
      return
    }
    const { vmId, order } = offered
    const { nextEpoch: epoch, migrationId } = plan
    const state = 'incoming'
    this.held.set(vmId, { vmId, epoch, state, migrationId, order, memory: 0, isFrozen: false })
  }

  /** A copy that cannot be launched stays as it is: the coordinator will say what becomes of it. */
  #canLaunch(held: Held): boolean {
    return !this.isDiskBroken && this.mayLaunch(held)
  }

  mayLaunch({ order }: Held): boolean {
    return this.hadLease || !order.spec.ha
  }

  destroy(held: Held): void {
    this.held.delete(held.vmId)
    const out = held.migrationId && this.outgoing.get(held.migrationId)
    if (!out) return
    this.outgoing.delete(out.plan.migrationId)
    if (held.state !== 'released')
      this.answer(out.plan.commandId, fault('cancelled', 'the VM is gone'))
  }

  answer(commandId: Result['commandId'], why?: Fault, more: Partial<Result> = {}): void {
    this.#say({ t: 'result', commandId, ...(why && { fault: why }), ...more })
  }

  event({ vmId, epoch }: Held, event: VmEvent['event'], why?: Fault): void {
    this.#say({ t: 'vm-event', vmId, epoch, event, ...(why && { fault: why }) })
  }

  #say(message: Result | VmEvent): void {
    if (this.isUp) this.world.toCoordinator(this, message)
    else this.#outbox.push(message)
  }
}
