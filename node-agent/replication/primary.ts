// The primary of a VM that has a replica: brings the replica up to date, then takes one checkpoint
// after the other (protocol.ts has the conversation and the law). A shell without decisions about
// who runs the VM: when the other end is lost it says so, and goes on as before only when the
// coordinator has said that the replica counts no more. Until then the VM runs as far as its
// deadline. Not here: the other end (replica.ts), what is held (held-output.ts; the pCPU holds disk
// writes). Times in ms of the injected clock.

import { type Fault, FaultError, fault, faultOf } from '#proto/faults.ts'
import {
  type CheckpointKept,
  DestinationMessage,
  type Replicate,
  type SourceMessage,
} from '#proto/messages.ts'
import { type MessageLink, WireChannel } from '#proto/wire.ts'
import type { HeldVm } from '../held-vms.ts'
import { machineKind } from '../migration/compatibility.ts'
import { newLinkRate } from '../migration/encoding/link-rate.ts'
import { PageEncoder } from '../migration/encoding/page-encoder.ts'
import { FramePool } from '../migration/frame-pool.ts'
import { PageSender, type SentMemory } from '../migration/page-sender.ts'
import { answerMsMax, appliedMsMax } from '../migration/protocol.ts'
import { Answers } from './answers.ts'
import { type FrameBatch, HeldOutput, type HeldPicture, type OutputMark } from './held-output.ts'
import { allow, holdDisk, releaseDisk, writeHeld } from './machine-hold.ts'
import { leaseOf, offerOf } from './offer.ts'
import type { PrimaryPorts } from './primary-ports.ts'
import { fewPages, patienceMs, syncRoundsMax } from './protocol.ts'
import { sendBatch } from './send-batch.ts'
import { type Shot, shoot } from './shot.ts'

export class Primary {
  readonly #vm: HeldVm
  readonly #order: Replicate
  readonly #ports: PrimaryPorts
  readonly #leaseMs: number
  readonly #output = new HeldOutput()
  readonly #answers: Answers<DestinationMessage>
  readonly #frames = new FramePool()
  readonly #encoder: PageEncoder
  readonly #rate
  #channel: WireChannel<DestinationMessage, SourceMessage> | undefined
  #log: number | undefined
  /** What the next round or checkpoint has to bring besides what is dirty then. */
  #rest = new Uint8Array(0)
  #round = 0
  #kept = 0
  #holdsOutput = false
  #isOver = false
  readonly #left = Promise.withResolvers<void>()
  #lastWanted = false
  /** Much was written since the last shot. */
  #isDue = false
  #ending: Promise<void> | undefined
  /** While it stands still for a shot. */
  #standing: Promise<unknown> | undefined
  #wake: () => void = () => undefined
  #loop: Promise<void> = Promise.resolve()
  /** Of a guest that has ended: to be told when nothing is held any more. */
  #afterwards: (() => void) | undefined

  constructor(vm: HeldVm, order: Replicate, ports: PrimaryPorts) {
    this.#vm = vm
    this.#order = order
    this.#ports = ports
    this.#leaseMs = leaseOf(order)
    this.#answers = new Answers(ports.clock, (why) => this.#lose(why))
    this.#rate = newLinkRate(ports.clock.nowMs())
    const { clock, zstd } = ports
    this.#encoder = new PageEncoder({ clock, zstd, donor: undefined }, 'auto')
  }

  begin(): void {
    this.#loop = this.#run().catch((thrown) => this.#lose(faultOf(thrown)))
  }

  /** What its guest sends to its network; false: nothing is held. */
  holdFrames(batch: FrameBatch): boolean {
    if (this.#holdsOutput) this.#output.hold(batch)
    return this.#holdsOutput
  }

  /** A picture of its screen; false: nothing is held. */
  holdPicture(picture: HeldPicture): boolean {
    if (this.#holdsOutput) this.#output.holdPicture(picture)
    return this.#holdsOutput
  }

  /** The next checkpoint is due now. */
  hurry(): void {
    this.#isDue = true
    this.#wake()
  }

  /** It stands still for a moment, in which nobody else may make it run or stop. */
  get standing(): Promise<unknown> | undefined {
    return this.#standing
  }

  /** Its guest has ended: the replica must count no more before that is told. */
  guestEnded(afterwards: () => void): void {
    this.#afterwards = afterwards
    if (this.#kept === 0) this.end().catch(() => undefined)
    else this.#lose(fault('guest-crashed', 'its guest has ended'))
  }

  /** The coordinator says that the replica counts no more. Nothing is held when this resolves. */
  end(): Promise<void> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    await this.#leave('replication-ended')
    if (await this.#writeAll()) this.#tellAll()
    this.#vm.replica = undefined
    this.#afterwards?.()
    this.#ports.changed()
  }

  /** False: what its guest was told to be on its disk is not, so nobody may hear what it said. */
  async #writeAll(): Promise<boolean> {
    const { vmm, diskFailed } = this.#ports
    if (!vmm.memoryOf(this.#vm)) return false
    await allow(vmm, this.#vm, Number.POSITIVE_INFINITY)
    return releaseDisk(vmm, this.#vm).then(
      () => true,
      (thrown) => {
        diskFailed(faultOf(thrown))
        return false
      },
    )
  }

  #tellAll(): void {
    this.#holdsOutput = false
    this.#ports.console.open()
    this.#ports.released()
    this.#letOut({ batches: Number.POSITIVE_INFINITY })
  }

  /**
   * The node shuts down: one last checkpoint, behind which the VM stands still. Without any that
   * was told, nobody else can run it: it ends here. One that is lost waits for the coordinator.
   */
  async finish(): Promise<void> {
    if (this.#kept === 0) return this.end()
    this.#lastWanted = true
    this.#wake()
    await Promise.race([this.#loop, this.#sleep(this.#patienceMs)])
    for (const untilMs = this.#nowMs() + patienceMs; this.#isLost && this.#nowMs() < untilMs; )
      await this.#sleep(patienceMs / 100)
    await this.#ending
  }

  get #isLost(): boolean {
    return this.#isOver && this.#ending === undefined
  }

  /** The VM is not ours any more: what is held is nobody's. */
  abandon(): void {
    void this.#leave('abandoned')
  }

  async #leave(why: string): Promise<void> {
    this.#isOver = true
    this.#left.resolve()
    this.#channel?.close(why)
    this.#answers.fail(fault('cancelled', 'the replication has ended'))
    this.#wake()
    await this.#loop
    const { vmm } = this.#ports
    if (this.#log !== undefined && vmm.memoryOf(this.#vm))
      await vmm.closeLog(this.#vm, this.#log).catch(() => undefined) // It closes with the VM.
    this.#log = undefined
  }

  async #run(): Promise<void> {
    await this.#connect()
    await this.#sync()
    await holdDisk(this.#ports.vmm, this.#vm)
    this.#holdsOutput = this.#order.continuous
    if (this.#holdsOutput) this.#ports.console.hold()
    while (!this.#isOver) {
      const isLast = this.#lastWanted
      const dueMs = this.#nowMs() + this.#order.everyMs
      await this.#checkpoint(isLast)
      if (isLast) return
      await this.#pause(dueMs)
    }
  }

  // ---- until the first checkpoint ---------------------------------------------------------------

  async #connect(): Promise<void> {
    const { connect, hello, vmm } = this.#ports
    const link = await connect(this.#order.destination.address)
    if (this.#isOver) link.close('replication-ended')
    this.#mustGoOn()
    this.#channel = new WireChannel<DestinationMessage, SourceMessage>(link, DestinationMessage, {
      message: (message) => this.#hear(message),
      closed: (reason, refused) => this.#answers.fail(refused ?? lostLink(this.#order, reason)),
    })
    const welcome = this.#answers.next('welcome', answerMsMax)
    this.#channel.send(hello())
    await welcome
    const machine = machineKind(await vmm.describe(this.#vm))
    const accepted = this.#answers.next('accept', answerMsMax)
    this.#channel.send(offerOf(this.#vm, this.#order, this.#ports.nodeId, machine))
    await accepted
  }

  #hear(message: DestinationMessage): void {
    const isNo = message.t === 'refuse' || message.t === 'refused' || message.t === 'abort'
    if (isNo) this.#answers.fail(message.fault)
    else this.#answers.hear(message)
  }

  /** Rounds while the VM runs, until what is left is little, or does not get less. */
  async #sync(): Promise<void> {
    const { vmm } = this.#ports
    // What comes from elsewhere may never come whole: nobody is to wait for it who wants an end.
    await Promise.race([vmm.whole(this.#vm), this.#left.promise])
    this.#mustGoOn()
    const log = await vmm.openLog(this.#vm)
    this.#log = log
    const memory = vmm.mustHave(this.#vm)
    this.#rest = new Uint8Array(memory.pageCount / 8).fill(0xff)
    let before = Number.POSITIVE_INFINITY
    while (this.#round < syncRoundsMax) {
      const { frames } = await this.#sender(memory, false).send()
      const applied = this.#answers.next('round-applied', appliedMsMax)
      const round = this.#round++
      this.#send({ t: 'round-end', migrationId: this.#order.replicaId, round, frames })
      await applied
      const { bitmap, pages } = await vmm.takeLog(this.#vm, log, false)
      this.#rest = bitmap as Uint8Array<ArrayBuffer>
      if (pages <= fewPages || pages >= before) return
      before = pages
    }
  }

  #sender(memory: SentMemory, isLast: boolean, patienceMs = answerMsMax): PageSender {
    const { clock, nodePace } = this.#ports
    const link = this.#mustLink()
    const { vmId, epoch } = this.#vm
    const round = { vmId, epoch, round: this.#round, bitmap: this.#rest, isLast }
    return new PageSender(round, {
      ...{ clock, link, memory, paces: [nodePace], frames: this.#frames },
      ...{ encoder: this.#encoder, rate: this.#rate, recorder: undefined, patienceMs },
      ended: () => this.#isOver,
      progress: () => undefined,
    })
  }

  // ---- checkpoints ------------------------------------------------------------------------------

  async #checkpoint(isLast: boolean): Promise<void> {
    const shooting = this.#shoot(isLast)
    this.#standing = Promise.allSettled([shooting])
    const shot = await shooting.finally(() => {
      this.#standing = undefined
    })
    const { frames } = await this.#sender(shot.pages, true, this.#patienceMs).send()
    const migrationId = this.#order.replicaId
    await this.#sendBatch(shot.batch)
    const kept = this.#answers.next('checkpoint-kept', this.#patienceMs)
    const { sections, hash, batch, beganAtMs } = shot
    this.#send({
      t: 'checkpoint',
      ...{ migrationId, round: this.#round, frames, diskBytes: batch.length, hash },
      sections: [...sections],
      agoMs: Math.max(0, this.#nowMs() - beganAtMs),
    })
    await this.#settle(shot, (await kept) as CheckpointKept)
  }

  async #sendBatch(batch: Uint8Array): Promise<void> {
    const [{ clock }, { replicaId: migrationId }] = [this.#ports, this.#order]
    const [link, patienceMs] = [this.#mustLink(), this.#patienceMs]
    const send = (bytes: Uint8Array<ArrayBuffer>) =>
      this.#send({ t: 'disk-part', migrationId, bytes })
    await Promise.race([sendBatch(batch, { clock, link, patienceMs, send }), this.#left.promise])
  }

  #mustLink(): MessageLink {
    const link = this.#channel?.link
    if (!link) throw new FaultError(fault('link-lost', 'there is no link to the replica'))
    return link
  }

  /** A continuous one holds its guest back meanwhile; another one can wait. */
  get #patienceMs(): number {
    return this.#order.continuous ? patienceMs : answerMsMax
  }

  /** Stands still, copies what is dirty, goes on. @param isLast it does not go on. */
  async #shoot(isLast: boolean): Promise<Shot> {
    const { vmm, console } = this.#ports
    const vm = this.#vm
    const beganAtMs = this.#nowMs()
    const goesOn = vm.state === 'running' && !isLast
    // Input that came from here on would be taken by the machine and be missing in the checkpoint.
    console.freeze()
    try {
      const [log, left, output] = [this.#log ?? 0, this.#rest, this.#output]
      const shot = await shoot(vm, { vmm, console, output, log, left, beganAtMs })
      this.#rest = new Uint8Array(0)
      this.#isDue = false
      return shot
    } finally {
      if (goesOn && vmm.memoryOf(vm)) await vmm.resume(vm)
      // Of one that is paused, too: what is typed, its machine takes.
      if (!isLast) this.#ports.thaw()
    }
  }

  /** It is kept over there: what was said before it may be seen. */
  async #settle({ batch, mark, beganAtMs }: Shot, { round }: CheckpointKept): Promise<void> {
    const { vmm, console } = this.#ports
    if (round !== this.#round)
      throw new FaultError(
        fault('bad-message', `checkpoint ${round} is kept, ${this.#round} was due`),
      )
    if (this.#leaseMs > 0) await allow(vmm, this.#vm, beganAtMs + this.#leaseMs)
    if (batch.length > 0) await this.#writeHeld()
    if (this.#isOver) return
    console.release(mark.console)
    this.#ports.released()
    this.#letOut(mark)
    this.#round++
    this.#kept++
    const { replicaId: id } = this.#order
    this.#vm.replica = { id, state: 'kept', checkpoints: this.#kept }
    if (this.#kept === 1) this.#ports.changed()
  }

  #letOut(mark: Pick<OutputMark, 'batches'>): void {
    for (const one of this.#output.release(mark))
      if ('send' in one) one.send()
      else this.#ports.frames(one)
  }

  async #writeHeld(): Promise<void> {
    try {
      await writeHeld(this.#ports.vmm, this.#vm)
    } catch (thrown) {
      this.#ports.diskFailed(faultOf(thrown))
      throw thrown
    }
  }

  async #pause(untilMs: number): Promise<void> {
    if (this.#lastWanted || this.#isOver || this.#isDue) return
    await new Promise<void>((resolve) => {
      const cancel = this.#ports.clock.wakeAt(untilMs, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
    this.#wake = () => undefined
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#ports.clock.wakeAt(this.#nowMs() + ms, resolve))
  }

  #send(message: SourceMessage): void {
    this.#mustGoOn()
    this.#channel?.send(message)
  }

  #mustGoOn(): void {
    if (this.#isOver) throw new FaultError(fault('cancelled', 'the replication has ended'))
  }

  #nowMs(): number {
    return this.#ports.clock.nowMs()
  }

  /** The other end, or the guest, is lost: only the coordinator can say what counts now. */
  #lose(why: Fault): void {
    if (this.#isOver) return
    this.#isOver = true
    const { replicaId: id } = this.#order
    const { vmId } = this.#vm
    this.#ports.log.warn('replica lost', { vmId, replicaId: id, ...why })
    this.#vm.replica = { id, state: 'lost', checkpoints: this.#kept }
    this.#channel?.close(why.code)
    this.#wake()
    this.#ports.changed()
  }
}

const lostLink = ({ destination }: Replicate, reason: string): Fault =>
  fault('link-lost', `the link to the replica on ${destination.nodeId} is lost: ${reason}`)
