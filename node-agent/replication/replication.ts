// The replicas of this node's VMs, and those that it holds of others': who has which end, and what
// the rest of the agent asks of them. Not here: the two ends (primary.ts, replica.ts), decisions
// (../desk.ts, the coordinator).

import type { Clock, Log, Zstd } from '#env/env.ts'
import { type Fault, FaultError, fault } from '#proto/faults.ts'
import type { Epoch } from '#proto/ids.ts'
import type { ReplicaOffer, Replicate, SourceMessage, TookOver } from '#proto/messages.ts'
import type { MessageLink } from '#proto/wire.ts'
import type { Consoles } from '../consoles.ts'
import type { HeldVm } from '../held-vms.ts'
import { incompatible, machineKind } from '../migration/compatibility.ts'
import type { Pace } from '../migration/pace.ts'
import type { Vmm } from '../vmm.ts'
import type { FrameBatch } from './held-output.ts'
import { Primary } from './primary.ts'
import { type PrimaryLink, Replica } from './replica.ts'

export interface ReplicationPorts {
  readonly clock: Clock
  readonly log: Log
  readonly zstd: Zstd
  readonly vmm: Vmm
  readonly nodeId: string
  readonly consoles: Consoles
  readonly nodePace: Pace
  connect(address: string): Promise<MessageLink>
  hello(): SourceMessage
  /** A guest's frames may go to the network. */
  frames(vm: HeldVm, batch: FrameBatch): void
  mayLaunch(vm: HeldVm): Fault | undefined
  /** The coordinator is to hear how replicas stand, now. */
  changed(): void
  /** What the guest was told to be on its disk is not. */
  diskFailed(vm: HeldVm, why: Fault): void
}

export class Replication {
  readonly #ports: ReplicationPorts
  readonly #primaries = new Map<HeldVm, Primary>()
  readonly #ending = new Map<HeldVm, Promise<void>>()
  readonly #replicas = new Map<HeldVm, Replica>()
  readonly #takingOver = new Map<HeldVm, Promise<TookOver>>()

  constructor(ports: ReplicationPorts) {
    this.#ports = ports
  }

  /** Ends that are here. */
  get underWay(): number {
    return this.#primaries.size + this.#replicas.size
  }

  // ---- primaries --------------------------------------------------------------------------------

  begin(vm: HeldVm, order: Replicate): void {
    const { consoles, frames, diskFailed } = this.#ports
    const primary = new Primary(vm, order, {
      ...this.#ports,
      console: consoles.of(vm),
      thaw: () => consoles.thaw(vm),
      released: () => consoles.released(vm),
      frames: (batch) => frames(vm, batch),
      diskFailed: (why) => diskFailed(vm, why),
    })
    this.#primaries.set(vm, primary)
    primary.begin()
  }

  /** Resolves when nothing of the VM is held any more. */
  end(vm: HeldVm): Promise<void> {
    const primary = this.#primaries.get(vm)
    if (!primary) return Promise.resolve()
    const before = this.#ending.get(vm)
    if (before !== undefined) return before
    const ending = primary.end().finally(() => {
      this.#primaries.delete(vm)
      this.#ending.delete(vm)
    })
    this.#ending.set(vm, ending)
    return ending
  }

  /** Does to it what makes it run or stand still; not while a checkpoint of it is taken. */
  between(vm: HeldVm, work: () => Promise<void>): Promise<void> {
    const standing = this.#primaries.get(vm)?.standing
    return standing === undefined ? work() : standing.then(work)
  }

  /** True: the frames wait for a checkpoint. */
  holdFrames(vm: HeldVm, batch: FrameBatch): boolean {
    return this.#primaries.get(vm)?.holdFrames(batch) ?? false
  }

  /** True: the picture waits for a checkpoint. */
  holdPicture(vm: HeldVm, send: () => void): boolean {
    return this.#primaries.get(vm)?.holdPicture({ send }) ?? false
  }

  /** Much was written to the disk since the last checkpoint. */
  hurry(vm: HeldVm): void {
    this.#primaries.get(vm)?.hurry()
  }

  /** Its guest has ended. True: `afterwards` is done when its replica counts no more. */
  guestEnded(vm: HeldVm, afterwards: () => void): boolean {
    const primary = this.#primaries.get(vm)
    primary?.guestEnded(afterwards)
    return primary !== undefined
  }

  /** The node shuts down: nothing that a VM has done is to be lost. */
  async finish(): Promise<void> {
    await Promise.all([...this.#primaries.values()].map((primary) => primary.finish()))
  }

  // ---- replicas ---------------------------------------------------------------------------------

  /** Throws a FaultError when this node cannot run such a machine. */
  async open(offer: ReplicaOffer, vm: HeldVm, link: PrimaryLink): Promise<Replica> {
    const { vmm, consoles } = this.#ports
    await vmm.openCopy(vm)
    const refused = incompatible(offer.machine, machineKind(await vmm.describe(vm)))
    if (refused) throw new FaultError(refused)
    // Taken away meanwhile, its RAM may be another VM's by now: then this throws.
    const memory = vmm.mustHave(vm)
    const replica = new Replica(offer, vm, memory, link, {
      ...this.#ports,
      console: consoles.of(vm),
    })
    this.#replicas.set(vm, replica)
    return replica
  }

  /** Once: whoever asks again while it is under way hears the same. */
  takeOver(vm: HeldVm, epoch: Epoch): Promise<TookOver> {
    const before = this.#takingOver.get(vm)
    if (before !== undefined) return before
    const taking = this.#takeOver(vm, epoch).finally(() => this.#takingOver.delete(vm))
    this.#takingOver.set(vm, taking)
    return taking
  }

  async #takeOver(vm: HeldVm, epoch: Epoch): Promise<TookOver> {
    const replica = this.#replicas.get(vm)
    if (!replica)
      throw new FaultError(fault('wrong-state', `the replica of ${vm.vmId} is not open`))
    const took = await replica.takeOver(epoch)
    this.#replicas.delete(vm)
    return took
  }

  /** The VM, or the copy of it, is not held here any more. */
  forget(vm: HeldVm): void {
    this.#primaries.get(vm)?.abandon()
    this.#primaries.delete(vm)
    this.#replicas.get(vm)?.abandon()
    this.#replicas.delete(vm)
  }
}
