// The VMs that this node holds, in whatever state, and the doors into each state. The agent's word
// to the coordinator (VmReport) is made from this table and from nothing else.
// Not here: what is decided (desk.ts), the machines themselves (vmm.ts). Sizes in MiB.

import type { Epoch, MigrationId, VmId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { VmLoad, VmReport } from '#proto/messages.ts'
import type { DiskRef, VmIdentity, VmSpec } from '#proto/vm-spec.ts'

export type HeldState = VmReport['state']

export interface HeldVm {
  readonly vmId: VmId
  spec: VmSpec
  readonly identity: VmIdentity
  epoch: Epoch
  state: HeldState
  disk: DiskRef
  /** The migration it takes part in, or whose outcome it waits for. */
  migrationId: MigrationId | undefined
  /**
   * Under which epoch a copy was told to run that has not said that it does: a lost lease destroys
   * it like one that runs. undefined: none was told.
   */
  launching: Epoch | undefined
  /**
   * Post-copy: pages of it are still at its source, to which there is a link, or none now.
   * undefined: it has all.
   */
  pageSource: 'linked' | 'lost' | undefined
  /** The lease ended while it waited for `run`: only the coordinator's word may make it run now. */
  needsVerdict: boolean
  /** Released to a copy that still lacks pages from here. */
  owesPages: boolean
  /** It will stand still for a moment, and then go on: nobody else pauses, resumes or moves it. */
  snapshotting: boolean
  /** It is about to have other layers below the top of its disk, with the same in them. */
  swapping: boolean
  /** It has a replica, or is one. */
  replica: VmReport['replica']
  /** Of one with a continuous replica: until then it executes, unless that is moved on. */
  mayRunUntilMs: number
}

/** What a VM is, apart from what it does: a clone target of the wire, a start command. */
export type VmOrder = Pick<HeldVm, 'vmId' | 'spec' | 'identity' | 'epoch' | 'disk'>

const ways: Record<HeldState, readonly HeldState[]> = {
  starting: ['running'],
  running: ['paused', 'released', 'stranded'],
  paused: ['running'],
  incoming: ['prepared'],
  prepared: ['running'],
  released: ['running', 'serving'],
  serving: [],
  replica: ['running'],
  stranded: ['running'],
}

/** May execute instructions, or could at the next command: what a lost lease destroys. */
export const isLive = (vm: HeldVm): boolean =>
  vm.launching !== undefined ||
  vm.state === 'starting' ||
  vm.state === 'running' ||
  vm.state === 'paused'

export class HeldVms {
  readonly #vms = new Map<VmId, HeldVm>()
  readonly memoryMibMax: number

  constructor(memoryMibMax: number) {
    this.memoryMibMax = memoryMibMax
  }

  get(vmId: VmId): HeldVm | undefined {
    return this.#vms.get(vmId)
  }

  all(): HeldVm[] {
    return [...this.#vms.values()]
  }

  /** Of all VMs, those still arriving included. */
  get reservedMib(): number {
    return this.all().reduce((sum, vm) => sum + vm.spec.memoryMib, 0)
  }

  hasRoomFor(memoryMib: number): boolean {
    return this.reservedMib + memoryMib <= this.memoryMibMax
  }

  becomeStarting(order: VmOrder): HeldVm {
    return this.#enter(order, 'starting', undefined)
  }

  becomeIncoming(order: VmOrder, migrationId: MigrationId): HeldVm {
    return this.#enter(order, 'incoming', migrationId)
  }

  becomeReplica(order: VmOrder, replicaId: MigrationId): HeldVm {
    const vm = this.#enter(order, 'replica', replicaId)
    vm.replica = { id: replicaId, state: 'syncing' }
    return vm
  }

  /** `epoch`: the one under which it runs from now on; never an older one. */
  becomeRunning(vm: HeldVm, epoch: Epoch = vm.epoch): void {
    invariant(epoch >= vm.epoch, `VM ${vm.vmId} cannot go back from epoch ${vm.epoch} to ${epoch}`)
    const from = vm.state
    this.#move(vm, 'running')
    vm.epoch = epoch
    vm.migrationId = undefined
    vm.launching = undefined
    if (from === 'replica') vm.replica = undefined
  }

  becomePaused(vm: HeldVm): void {
    this.#move(vm, 'paused')
  }

  /** The lease has ended: it stands still until the coordinator says what becomes of it. */
  becomeStranded(vm: HeldVm): void {
    this.#move(vm, 'stranded')
  }

  becomePrepared(vm: HeldVm): void {
    this.#move(vm, 'prepared')
  }

  /** The source's half of the point of no return. */
  becomeReleased(vm: HeldVm, owesPages = false): void {
    invariant(vm.migrationId !== undefined, `VM ${vm.vmId} is released to nobody`)
    this.#move(vm, 'released')
    vm.owesPages = owesPages
  }

  /** It runs elsewhere, and its last pages are fetched from here. */
  becomeServing(vm: HeldVm): void {
    this.#move(vm, 'serving')
  }

  forget(vm: HeldVm): void {
    invariant(this.#vms.get(vm.vmId) === vm, `VM ${vm.vmId} is not held`)
    this.#vms.delete(vm.vmId)
  }

  /** The agent's word. */
  reports(loadOf: (vmId: VmId) => VmLoad | undefined): VmReport[] {
    return this.all().map((vm) => {
      const { vmId, epoch, state, spec, identity, disk, migrationId, replica } = vm
      const report: VmReport = { vmId, epoch, state, spec, identity, disk }
      if (migrationId !== undefined) report.migrationId = migrationId
      if (state === 'released' && vm.owesPages) report.owesPages = true
      if (replica !== undefined) report.replica = replica
      const load = loadOf(vmId)
      if (load !== undefined) report.load = load
      return report
    })
  }

  /** Past its deadline a pCPU does not run a VM, whatever else it is. */
  asExecuting(reports: readonly VmReport[], nowMs: number): VmReport[] {
    return reports.map((report) => {
      const untilMs = this.#vms.get(report.vmId)?.mayRunUntilMs ?? nowMs
      return report.state === 'running' && untilMs <= nowMs
        ? { ...report, state: 'paused' }
        : report
    })
  }

  assertInvariants(): void {
    invariant(
      this.reservedMib <= this.memoryMibMax,
      `${this.reservedMib} MiB are given away of ${this.memoryMibMax}`,
    )
    for (const vm of this.all())
      if (!isLive(vm) && vm.state !== 'stranded')
        invariant(vm.migrationId !== undefined, `VM ${vm.vmId} is ${vm.state} without a migration`)
  }

  #enter(order: VmOrder, state: HeldState, migrationId: MigrationId | undefined): HeldVm {
    invariant(!this.#vms.has(order.vmId), `VM ${order.vmId} is already held`)
    const { vmId, spec, identity, epoch, disk } = order
    const vm: HeldVm = {
      vmId,
      spec,
      identity,
      epoch,
      state,
      disk,
      migrationId,
      launching: undefined,
      pageSource: undefined,
      needsVerdict: false,
      owesPages: false,
      snapshotting: false,
      swapping: false,
      replica: undefined,
      mayRunUntilMs: Number.POSITIVE_INFINITY,
    }
    this.#vms.set(vmId, vm)
    return vm
  }

  #move(vm: HeldVm, to: HeldState): void {
    invariant(
      ways[vm.state].includes(to),
      `VM ${vm.vmId} cannot go from ${vm.state} to ${to}: that way does not exist`,
    )
    vm.state = to
  }
}
