// The replica of a VM that runs elsewhere: its RAM as it was at the last checkpoint, and CPU,
// devices and disk writes of that instant beside it. A checkpoint is taken in whole or not at all,
// and its hash is compared. Runs only by the coordinator's word (takeOver), and not before the
// primary's right to run has ended (protocol.ts). Not here: the primary (primary.ts), whether there
// is room (admission.ts). Whatever comes over its link, it ends with a named fault at most. Ms,
// bytes.

import type { GuestMemory } from '#engine/memory/guest-memory-port.ts'
import type { Cancel, Clock, Log, Zstd } from '#env/env.ts'
import { sleep } from '#env/sleep.ts'
import { joined } from '#proto/bytes.ts'
import { type Fault, FaultError, fault } from '#proto/faults.ts'
import type { Epoch } from '#proto/ids.ts'
import type {
  Checkpoint,
  DestinationMessage,
  DiskPart,
  ReplicaOffer,
  SourceMessage,
  StateSection,
  TookOver,
} from '#proto/messages.ts'
import { diskPartBytesMax } from '#proto/replica-messages.ts'
import { mebibyte } from '#proto/units.ts'
import { consoleSectionKind, type GuestConsole } from '../console.ts'
import type { HeldVm } from '../held-vms.ts'
import { stateBytes } from '../migration/hash.ts'
import { receiveFrame } from '../migration/page-receiver.ts'
import type { Vmm } from '../vmm.ts'
import { applyBatch } from './machine-hold.ts'
import { replicaMarginMs } from './protocol.ts'

export interface ReplicaPorts {
  readonly clock: Clock
  readonly log: Log
  readonly zstd: Zstd
  readonly vmm: Vmm
  readonly console: GuestConsole
  /** A fault when this node may not run it: it holds no lease. */
  mayLaunch(vm: HeldVm): Fault | undefined
  /** The coordinator is to hear how it stands, now. */
  changed(): void
}

/** The link that the primary speaks over. */
export interface PrimaryLink {
  send(message: DestinationMessage): void
  close(reason: string): void
}

interface Kept {
  readonly sections: readonly StateSection[]
  readonly hash: string
  readonly batch: Uint8Array
  readonly round: number
  /** When this end had it, and how old it was then. */
  readonly atMs: number
  readonly agoMs: number
}

/** Of disk writes in one checkpoint: more than a primary holds (engine/devices/held-disk.ts). */
const batchBytesMax = 80 * mebibyte
const partsMax = Math.ceil(batchBytesMax / diskPartBytesMax)
/** Clocks of two nodes differ by no more. */
const drift = 200e-6

export class Replica {
  readonly vm: HeldVm
  readonly #offer: ReplicaOffer
  readonly #memory: GuestMemory
  readonly #link: PrimaryLink
  readonly #ports: ReplicaPorts
  #round = 0
  #frames = 0
  #staged: Uint8Array[] = []
  #stagedBytes = 0
  #parts: Uint8Array[] = []
  #partBytes = 0
  #kept: Kept | undefined
  #checkpoints = 0
  #lostAtMs: number | undefined
  /** What it has is a mixture: it is worth nothing. */
  #broken: Fault | undefined
  #isOver = false
  /** Listens no more for the next checkpoint. */
  #deaf: Cancel = () => undefined

  constructor(
    offer: ReplicaOffer,
    vm: HeldVm,
    memory: GuestMemory,
    link: PrimaryLink,
    ports: ReplicaPorts,
  ) {
    this.vm = vm
    this.#offer = offer
    this.#memory = memory
    this.#link = link
    this.#ports = ports
  }

  begin(): void {
    this.#link.send({ t: 'accept', migrationId: this.#offer.migrationId })
  }

  hear(message: SourceMessage): void {
    if (this.#isOver) return
    if (message.t === 'round-end') this.#endRound(message.round, message.frames)
    else if (message.t === 'disk-part') this.#takePart(message)
    else if (message.t === 'checkpoint') this.#take(message)
    else this.#refuse(fault('bad-message', `${message.t} means nothing to a replica`))
  }

  /** One page frame, kind byte removed. Behind the first checkpoint it waits for the next one. */
  receive(bytes: Uint8Array): void {
    if (this.#isOver) return
    this.#stagedBytes += bytes.length
    if (!this.#kept) this.#store(bytes)
    else if (this.#stagedBytes > this.#memory.ramBytes * 2) this.#refuse(tooMuch('pages'))
    // Each brings a page at least.
    else if (this.#staged.length > this.#memory.pageCount) this.#refuse(tooMuch('page frames'))
    else this.#staged.push(bytes.slice())
  }

  closed(_link: PrimaryLink, reason: string): void {
    if (this.#isOver) return
    const { vmId } = this.vm
    this.#ports.log.info('primary lost', { vmId, replicaId: this.#offer.migrationId, reason })
    this.#miss()
  }

  /** It is nobody's any more. */
  abandon(): void {
    this.#isOver = true
    this.#deaf()
    this.#link.close('abandoned')
  }

  /**
   * Runs the VM as the last checkpoint has it, as soon as its primary surely does not. Throws
   * FaultErrors: then it does not run here, and the copy is of no use.
   */
  async takeOver(epoch: Epoch): Promise<TookOver> {
    const kept = this.#kept
    if (this.#broken) throw new FaultError(this.#broken)
    if (!kept) throw new FaultError(fault('wrong-state', 'the replica has no checkpoint yet'))
    this.#lostAtMs ??= this.#nowMs()
    // From here on no checkpoint is said to be kept: the primary's right to run ends.
    this.abandon()
    const { vmm } = this.#ports
    const { vm } = this
    await this.#prove(kept)
    const { leaseMs } = this.#offer
    const freeAtMs = leaseMs === 0 ? 0 : kept.atMs + leaseMs * (1 + drift) + replicaMarginMs
    if (freeAtMs > this.#nowMs()) await sleep(this.#ports.clock, freeAtMs - this.#nowMs())
    const refused = this.#ports.mayLaunch(vm)
    if (refused) throw new FaultError(refused)
    await vmm.changeDisk(vm, vm.disk, epoch)
    if (kept.batch.length > 0) await applyBatch(vmm, vm, kept.batch)
    const ageMs = (atMs: number) => Math.max(0, atMs - kept.atMs + kept.agoMs)
    await vmm.resume(vm, ageMs(this.#nowMs()))
    const [lostMs, agoMs] = [ageMs(this.#lostAtMs), ageMs(this.#nowMs())]
    return { checkpoint: kept.round, lostMs, agoMs }
  }

  /** What is in the machine is what its primary hashed, and not only what arrived. */
  async #prove({ sections, hash }: Kept): Promise<void> {
    const { vmm, console } = this.#ports
    const ring = sections.find(({ kind }) => kind === consoleSectionKind)
    if (!ring) throw new FaultError(fault('bad-message', `no section ${consoleSectionKind} came`))
    const there = await vmm.restoredAs(this.vm, withoutConsole(sections))
    console.restore(ring)
    const is = this.#hashOf([...there.sections, console.capture()])
    if (is !== hash)
      throw new FaultError(fault('hash-mismatch', `the replica differs: ${is} here, ${hash} there`))
  }

  #endRound(round: number, frames: number): void {
    if (this.#kept || round !== this.#round || frames !== this.#frames) {
      this.#refuse(fault('bad-message', `round ${round} ended out of turn`))
      return
    }
    this.#nextRound()
    this.#link.send({ t: 'round-applied', migrationId: this.#offer.migrationId, round })
  }

  #takePart({ bytes }: DiskPart): void {
    this.#partBytes += bytes.length
    if (this.#partBytes > batchBytesMax || this.#parts.length > partsMax)
      this.#refuse(tooMuch('disk writes'))
    else this.#parts.push(bytes)
  }

  #take(checkpoint: Checkpoint): void {
    const { round, frames, diskBytes, sections, hash, agoMs, migrationId } = checkpoint
    const came = this.#frames + this.#staged.length
    if (round !== this.#round || frames !== came || diskBytes !== this.#partBytes) {
      this.#refuse(fault('bad-message', `checkpoint ${round} is not whole`))
      return
    }
    for (const bytes of this.#staged) if (!this.#store(bytes)) return
    const is = this.#hashOf(sections)
    if (is !== hash) {
      this.#break(fault('hash-mismatch', `the replica differs: ${is} here, ${hash} there`))
      return
    }
    const batch = joined(this.#parts)
    this.#kept = { sections, hash, batch, round, agoMs, atMs: this.#nowMs() }
    this.#lostAtMs = undefined
    this.#listen()
    this.#checkpoints++
    this.#nextRound()
    this.#tell('kept')
    this.#link.send({ t: 'checkpoint-kept', migrationId, round })
  }

  /** A primary that keeps none any more hangs, or is cut off, though its link is open. */
  #listen(): void {
    this.#deaf()
    const { leaseMs } = this.#offer
    const untilMs = this.#nowMs() + leaseMs + replicaMarginMs
    if (leaseMs > 0) this.#deaf = this.#ports.clock.wakeAt(untilMs, () => this.#miss())
  }

  #miss(): void {
    if (this.#isOver) return
    this.#lostAtMs = this.#nowMs()
    this.#tell('silent')
    this.#ports.changed()
  }

  #nextRound(): void {
    this.#round++
    this.#frames = 0
    this.#staged = []
    this.#stagedBytes = 0
    this.#parts = []
    this.#partBytes = 0
  }

  #store(bytes: Uint8Array): boolean {
    const { vmId, epoch } = this.vm
    const { zstd } = this.#ports
    const place = { round: this.#round, frameNumber: this.#frames }
    const refused = receiveFrame(bytes, { vmId, epoch, memory: this.#memory, zstd }, place)
    this.#frames++
    if (refused) this.#break(refused)
    return refused === undefined
  }

  #hashOf(sections: readonly StateSection[]): string {
    return this.#memory.hashBytes(stateBytes(this.#memory.trackedHash(), sections))
  }

  /** The RAM is half of one checkpoint and half of another. */
  #break(why: Fault): void {
    this.#broken = why
    this.#refuse(why)
  }

  /** Nothing more is taken; what is kept stays as it is. */
  #refuse(why: Fault): void {
    this.#isOver = true
    const { migrationId } = this.#offer
    this.#ports.log.warn('replica refuses', { vmId: this.vm.vmId, ...why })
    this.#link.send({ t: 'abort', migrationId, fault: why })
    this.#link.close(why.code)
    this.#lostAtMs = this.#nowMs()
    this.#tell(this.#broken ? 'lost' : 'silent')
    this.#ports.changed()
  }

  #tell(state: 'kept' | 'silent' | 'lost'): void {
    const { migrationId: id } = this.#offer
    this.vm.replica = { id, state, checkpoints: this.#checkpoints }
  }

  #nowMs(): number {
    return this.#ports.clock.nowMs()
  }
}

const withoutConsole = (sections: readonly StateSection[]): StateSection[] =>
  sections.filter(({ kind }) => kind !== consoleSectionKind)

const tooMuch = (what: string): Fault =>
  fault('message-too-large', `more ${what} came for one checkpoint than a VM can have`)
