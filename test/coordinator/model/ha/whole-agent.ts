// A model of an agent that knows what high availability needs besides: replicas (of the level
// `checkpoint`), leases that are given and taken, clones, and leaving in good order. A replica has
// no memory of its own: it goes on as its VM's disk has it, which is what a checkpoint promises.
// Not here: starts, stops, migrations (../model-agent.ts).

import { fault } from '#proto/faults.ts'
import type { MigrationId, NodeId, VmId } from '#proto/ids.ts'
import type {
  Clone,
  CoordinatorMessage,
  Replicate,
  SetLease,
  TakeOver,
  TakeSnapshot,
  VmReport,
} from '#proto/messages.ts'
import type { SnapshotTaken } from '#proto/snapshots.ts'
import { ModelAgent } from '../model-agent.ts'
import { type Held, isLive, type PeerMessage } from '../model-held.ts'

/** From the order to the first checkpoint, or to the clones' first instruction. */
const copyMs = 100
const idle = { mips: 1, touchedBytes: 0, dirtyPagesPerSec: 0 }
const notLikeThat = fault('wrong-state', 'it is not here like that')

export class WholeAgent extends ModelAgent {
  /** It was told to shut down, and has asked whether it may. */
  isLeaving = false
  /** It may. */
  leave: () => void = () => undefined
  readonly #replicaAt = new Map<MigrationId, NodeId>()

  /** What each wants of a core is its name's: from 3 to 87 %. */
  override reports(): VmReport[] {
    return super.reports().map((report) => {
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
      if (held) delete held.replica
      this.answer(message.commandId)
    } else if (message.t === 'take-over') this.#takeOver(message)
    else if (message.t === 'set-lease') this.#setLease(message)
    else if (message.t === 'clone') this.#clone(message)
    else if (message.t === 'take-snapshot') this.#takeSnapshot(message)
    else if (message.t === 'drop-snapshot') this.answer(message.commandId)
  }

  #takeSnapshot({ commandId, vmId, epoch, name, disk }: TakeSnapshot): void {
    const held = this.held.get(vmId)
    if (held?.epoch !== epoch || !this.executes(held)) {
      this.answer(commandId, notLikeThat)
      return
    }
    held.order = { ...held.order, disk }
    const { spec, identity } = held.order
    const about = { vmId, name, id: 'a'.repeat(32), depth: 0, takenWallMs: 0 }
    const record = { ...about, spec, identity, disk } as SnapshotTaken['record']
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

  #replicate({ commandId, vmId, epoch, replicaId, destination }: Replicate): void {
    const held = this.held.get(vmId)
    const runs = held?.epoch === epoch && held.state === 'running' && !held.migrationId
    this.answer(commandId, runs ? undefined : notLikeThat)
    if (!runs) return
    held.replica = { id: replicaId, state: 'syncing' }
    this.#replicaAt.set(replicaId, destination.nodeId)
    this.world.later(this, copyMs, () => {
      if (held.replica?.id === replicaId)
        this.world.toPeer(this, destination.nodeId, { t: 'keep', replicaId, held: { ...held } })
    })
  }

  #takeOver({ commandId, vmId, replicaId, epoch }: TakeOver): void {
    const held = this.held.get(vmId)
    const isThat = held?.state === 'replica' && held.migrationId === replicaId
    const may = isThat && this.mayLaunch(held)
    if (may) {
      const memory = this.world.disks.get(vmId) ?? 0
      Object.assign(held, { state: 'running', epoch, migrationId: undefined, memory })
      this.event(held, 'running')
    }
    this.answer(commandId, may ? undefined : notLikeThat)
  }

  override peerLost(peer: NodeId): void {
    super.peerLost(peer)
    for (const { replica, vmId } of this.held.values())
      if (replica && this.#replicaAt.get(replica.id) === peer)
        this.#seeReplica(vmId, replica.id, 'lost')
  }

  override hearOtherPeer(from: NodeId, message: PeerMessage): void {
    if (message.t === 'keep') this.#keep(from, message)
    else if (message.t === 'kept') this.#seeReplica(message.vmId, message.replicaId, 'kept')
    else if (message.t === 'unkept') this.#seeReplica(message.vmId, message.replicaId, 'lost')
    else if (message.t === 'bear') this.#bear(from, message)
    else if (message.t === 'born') this.answer(message.order.commandId)
    else if (message.t === 'unborn')
      this.answer(message.order.commandId, fault('no-room', 'not here'))
  }

  #keep(from: NodeId, { replicaId, held }: Extract<PeerMessage, { t: 'keep' }>): void {
    const { vmId } = held
    const older = this.held.get(vmId)
    const isTaken = older !== undefined && (isLive(older) || older.epoch > held.epoch)
    const { replica: _, ...kept } = held
    if (!isTaken) this.held.set(vmId, { ...kept, state: 'replica', migrationId: replicaId })
    this.world.toPeer(this, from, { t: isTaken ? 'unkept' : 'kept', replicaId, vmId })
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
