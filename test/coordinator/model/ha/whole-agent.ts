// A model of an agent that knows what high availability needs besides: replicas, leases that are
// given and taken, clones, templates, and leaving in good order. A replica has no memory of its
// own: it goes on as its VM's disk has it, which is what a checkpoint promises. Without the word of
// a continuous one its primary executes only for a while, and it runs when that is surely over.
// Not here: starts, stops, migrations (../model-agent.ts).

import { fault } from '#proto/faults.ts'
import type { MigrationId, NodeId, VmId } from '#proto/ids.ts'
import type {
  AgentMessage,
  Clone,
  CoordinatorMessage,
  Replicate,
  SetLease,
  TakeOver,
  TakeSnapshot,
  VmReport,
} from '#proto/messages.ts'
import type { SnapshotTaken } from '#proto/snapshots.ts'
import { protocolVersion } from '#proto/units.ts'
import { ModelAgent } from '../model-agent.ts'
import { type Held, isLive, type PeerMessage, type ReplicaWord } from '../model-held.ts'
import type { ModelWorld } from '../model-world.ts'

/** From the order to the first checkpoint, or to the clones' first instruction. */
const copyMs = 100
const idle = { mips: 1, touchedBytes: 0, dirtyPagesPerSec: 0 }
/** As docs/decisions/0009 has them: R, M, and how long a primary stands still for its replica. */
const rightMs = (everyMs: number) => Math.max(200, 4 * everyMs)
const [marginMs, patienceMs] = [100, 2000]
const notLikeThat = fault('wrong-state', 'it is not here like that')

type Keep = Extract<PeerMessage, { t: 'keep' }>
/** From when on its primary surely executes no more. */
const freeAtMs = ({ everyMs, heardAtMs }: NonNullable<Held['beat']>) =>
  heardAtMs + rightMs(everyMs) + marginMs

export class WholeAgent extends ModelAgent {
  /** It was told to shut down, and has asked whether it may. */
  isLeaving = false
  /** It may. */
  leave: () => void = () => undefined
  /** Of each VM what was taken last; all nodes share it. */
  readonly snapshots: Map<VmId, Held['order']>
  readonly #replicaAt = new Map<MigrationId, NodeId>()
  readonly #primaryAt = new Map<VmId, NodeId>()

  constructor(
    id: NodeId,
    incarnation: string,
    world: ModelWorld,
    snapshots: Map<VmId, Held['order']>,
  ) {
    super(id, incarnation, world)
    this.snapshots = snapshots
  }

  override hello(): AgentMessage {
    return { ...super.hello(), protocolVersion } as AgentMessage
  }

  /** With a continuous replica only for as long as that surely does not. */
  override executes(held: Held): boolean {
    const { mayRunUntilMs = Number.POSITIVE_INFINITY } = held
    return super.executes(held) && this.world.nowMs() < mayRunUntilMs
  }

  /** What each wants of a core is its name's: from 3 to 87 %. */
  override reports(): VmReport[] {
    return super.reports().map((report) => {
      if (report.state === 'replica') return this.#replicaReport(report)
      if (report.state !== 'running') return report
      const percent = 3 + ((report.vmId.charCodeAt(0) * 37) % 85)
      return { ...report, load: { ...idle, cpuDemandPercent: percent, cpuGotPercent: percent } }
    })
  }

  override linkUp(): void {
    super.linkUp()
    if (this.isLeaving) this.askLeave()
  }

  askLeave(): void {
    this.isLeaving = true
    this.world.toCoordinator(this, { t: 'leaving' })
  }

  stopAll(): void {
    for (const held of [...this.held.values()]) {
      if (!isLive(held)) continue
      this.destroy(held)
      this.event(held, 'fenced', fault('shutting-down', 'the node shuts down'))
    }
  }

  override hearMore(message: CoordinatorMessage): void {
    if (message.t === 'may-leave') {
      if (message.now && this.isLeaving) this.leave()
    } else if (message.t === 'replicate') this.#replicate(message)
    else if (message.t === 'end-replication') {
      const held = this.held.get(message.vmId)
      if (held) this.#goAlone(held)
      this.answer(message.commandId)
    } else if (message.t === 'take-over') this.#takeOver(message)
    else if (message.t === 'set-lease') this.#setLease(message)
    else if (message.t === 'clone') this.#clone(message)
    else if (message.t === 'take-snapshot') this.#takeSnapshot(message)
    else if (message.t === 'keep-template')
      this.#answerSnapshot(message.commandId, message.kept, message.from.vmId)
    else if (message.t === 'drop-snapshot' || message.t === 'sweep-layers')
      this.answer(message.commandId)
    else if (message.t === 'merge-layers') this.answer(message.commandId, notLikeThat)
  }

  #takeSnapshot({ commandId, vmId, epoch, name, disk }: TakeSnapshot): void {
    const held = this.held.get(vmId)
    if (held?.epoch !== epoch || !this.executes(held)) {
      this.answer(commandId, notLikeThat)
      return
    }
    held.order = { ...held.order, disk }
    this.snapshots.set(vmId, held.order)
    this.#answerSnapshot(commandId, { vmId, name }, vmId)
  }

  #answerSnapshot(
    commandId: TakeSnapshot['commandId'],
    { vmId, name }: Pick<TakeSnapshot, 'vmId' | 'name'>,
    of: VmId,
  ): void {
    const taken = this.snapshots.get(of)
    if (!taken) {
      this.answer(commandId, notLikeThat)
      return
    }
    const about = { vmId, name, id: 'a'.repeat(32), depth: 0, takenWallMs: 0 }
    const record = { ...about, ...taken } as SnapshotTaken['record']
    const measured = { downtimeMs: 1, totalMs: 1, pages: 0, storedBytes: 0 }
    this.answer(commandId, undefined, { snapshot: { record, measured } })
  }

  #setLease({ commandId, vmId, epoch, leased, isolation }: SetLease): void {
    const held = this.held.get(vmId)
    const isThat = held?.epoch === epoch
    this.answer(commandId, isThat ? undefined : fault('stale-epoch', 'not that one'))
    if (!isThat) return
    const spec = { ...held.order.spec, ha: leased, ...(isolation && { isolation }) }
    held.order = { ...held.order, spec }
  }

  // ---- replicas ----

  #replicate({ commandId, vmId, epoch, replicaId, destination, ...how }: Replicate): void {
    const held = this.held.get(vmId)
    const runs = held?.epoch === epoch && held.state === 'running' && !held.migrationId
    this.answer(commandId, runs ? undefined : notLikeThat)
    if (!runs) return
    const everyMs = how.continuous ? how.everyMs : undefined
    this.#goAlone(held)
    held.replica = { id: replicaId, state: 'syncing' }
    this.#replicaAt.set(replicaId, destination.nodeId)
    this.world.later(this, copyMs, () => {
      if (held.replica?.id !== replicaId || this.held.get(vmId) !== held) return
      const heardAtMs = this.world.nowMs()
      const words = { replicaId, vmId, beganAtMs: heardAtMs }
      if (everyMs) this.#boundBy(held, heardAtMs, everyMs)
      if (everyMs) this.#beat(held, replicaId, destination.nodeId)
      this.world.toPeer(this, destination.nodeId, {
        t: 'keep',
        ...words,
        held: { ...held },
        everyMs,
      })
    })
  }

  #goAlone(held: Held): void {
    delete held.replica
    delete held.mayRunUntilMs
    delete held.beat
  }

  /** It may execute until so long after it began what was kept last. */
  #boundBy(held: Held, beganAtMs: number, everyMs: number): void {
    held.beat = { everyMs, heardAtMs: beganAtMs, isCut: false }
    held.mayRunUntilMs = Math.max(held.mayRunUntilMs ?? 0, beganAtMs + rightMs(everyMs))
  }

  /** One checkpoint after the other, until its replica is lost. */
  #beat(held: Held, replicaId: MigrationId, to: NodeId): void {
    const { beat, vmId } = held
    if (!beat) return
    this.world.later(this, beat.everyMs, () => {
      if (this.held.get(vmId) !== held || held.replica?.id !== replicaId) return
      if (held.replica.state === 'lost') return
      const nowMs = this.world.nowMs()
      if (nowMs - (held.beat?.heardAtMs ?? 0) > patienceMs)
        held.replica = { id: replicaId, state: 'lost' }
      else {
        this.world.toPeer(this, to, { t: 'check', replicaId, vmId, beganAtMs: nowMs })
        this.#beat(held, replicaId, to)
      }
    })
  }

  #replicaReport(report: VmReport): VmReport {
    const held = this.held.get(report.vmId)
    const { beat, migrationId } = held ?? {}
    if (!beat || migrationId === undefined) return report
    const isSilent = beat.isCut || this.world.nowMs() >= freeAtMs(beat)
    return { ...report, replica: { id: migrationId, state: isSilent ? 'silent' : 'kept' } }
  }

  #takeOver(order: TakeOver): void {
    const { commandId, vmId, replicaId, epoch } = order
    const held = this.held.get(vmId)
    const isThat = held?.state === 'replica' && held.migrationId === replicaId
    const waitMs = isThat && held.beat ? freeAtMs(held.beat) - this.world.nowMs() : 0
    if (isThat) held.isTaken = true
    if (waitMs > 0) {
      this.world.later(this, waitMs, () => this.#takeOver(order))
      return
    }
    const may = isThat && this.mayLaunch(held)
    if (may) {
      const memory = this.world.disks.get(vmId) ?? 0
      Object.assign(held, { state: 'running', epoch, migrationId: undefined, memory })
      delete held.beat
      delete held.isTaken
      this.event(held, 'running')
    }
    const tookOver = { checkpoint: 1, lostMs: 0, agoMs: 0 }
    this.answer(commandId, may ? undefined : notLikeThat, may ? { tookOver } : {})
  }

  override peerLost(peer: NodeId): void {
    super.peerLost(peer)
    for (const { replica, vmId } of this.held.values())
      if (replica && this.#replicaAt.get(replica.id) === peer)
        this.#seeReplica(vmId, replica.id, 'lost')
    for (const held of this.held.values())
      if (held.state === 'replica' && held.beat && this.#primaryAt.get(held.vmId) === peer)
        held.beat = { ...held.beat, isCut: true }
  }

  override hearOtherPeer(from: NodeId, message: PeerMessage): void {
    if (message.t === 'keep') this.#keep(from, message)
    else if (message.t === 'check') this.#check(from, message)
    else if (message.t === 'kept') this.#seeKept(message)
    else if (message.t === 'unkept') this.#seeReplica(message.vmId, message.replicaId, 'lost')
    else if (message.t === 'bear') this.#bear(from, message)
    else if (message.t === 'born') this.answer(message.order.commandId)
    else if (message.t === 'unborn')
      this.answer(message.order.commandId, fault('no-room', 'not here'))
  }

  #keep(from: NodeId, { replicaId, held, beganAtMs, everyMs }: Keep): void {
    const { vmId } = held
    const older = this.held.get(vmId)
    const isTaken = older !== undefined && (isLive(older) || older.epoch > held.epoch)
    const { replica: _, mayRunUntilMs: __, beat: ___, ...kept } = held
    const beat = everyMs && { beat: { everyMs, heardAtMs: this.world.nowMs(), isCut: false } }
    if (!isTaken) {
      this.held.set(vmId, { ...kept, state: 'replica', migrationId: replicaId, ...(beat || {}) })
      this.#primaryAt.set(vmId, from)
    }
    const t = isTaken ? 'unkept' : 'kept'
    this.world.toPeer(this, from, { t, replicaId, vmId, beganAtMs })
  }

  #check(from: NodeId, { replicaId, vmId, beganAtMs }: ReplicaWord): void {
    const held = this.held.get(vmId)
    const isThat = held?.state === 'replica' && held.migrationId === replicaId && !held.isTaken
    if (isThat && held.beat)
      held.beat = { ...held.beat, heardAtMs: this.world.nowMs(), isCut: false }
    const t = isThat ? 'kept' : 'unkept'
    this.world.toPeer(this, from, { t, replicaId, vmId, beganAtMs })
  }

  #seeKept({ replicaId, vmId, beganAtMs }: ReplicaWord): void {
    const held = this.held.get(vmId)
    if (held?.replica?.id !== replicaId || held.replica.state === 'lost') return
    if (held.beat) this.#boundBy(held, beganAtMs, held.beat.everyMs)
    this.#seeReplica(vmId, replicaId, 'kept')
  }

  #seeReplica(vmId: VmId, id: MigrationId, state: 'kept' | 'lost'): void {
    const held = this.held.get(vmId)
    if (held?.replica?.id === id && held.replica.state !== 'lost') held.replica = { id, state }
  }

  // ---- clones ----

  #clone(order: Clone): void {
    const { commandId, vmId, epoch, parentDisk, destination } = order
    this.world.later(this, copyMs, () => {
      const held = this.held.get(vmId)
      if (held?.epoch !== epoch || !this.executes(held)) {
        this.answer(commandId, notLikeThat)
        return
      }
      held.order = { ...held.order, disk: parentDisk }
      this.#tell(destination.nodeId, { t: 'bear', order, memory: held.memory })
    })
  }

  #bear(from: NodeId, { order, memory }: Extract<PeerMessage, { t: 'bear' }>): void {
    const clones = order.clones.map(({ vmId, epoch, ...about }): Held => {
      const like = { state: 'running', migrationId: undefined, isFrozen: false } as const
      return { vmId, epoch, ...like, order: about, memory }
    })
    const may = clones.every((held) => this.mayLaunch(held) && !this.held.has(held.vmId))
    this.#tell(from, { t: may ? 'born' : 'unborn', order })
    if (!may) return
    for (const held of clones) {
      this.world.disks.set(held.vmId, memory)
      this.held.set(held.vmId, held)
      this.event(held, 'running')
    }
  }

  /** Both ends may be here. */
  #tell(to: NodeId, message: PeerMessage): void {
    if (to === this.id) this.hearOtherPeer(to, message)
    else this.world.toPeer(this, to, message)
  }
}
