// The snapshots of this node's VMs: takes them, restores them, removes them, and remembers at which
// snapshot each VM is, so that the next one names only what has changed. Not here: who may ask when
// (../desk.ts), how it is done (taking.ts, restoring.ts), the store (snapshot-store.ts).

import { type Fault, FaultError, fault } from '#proto/faults.ts'
import type { VmId } from '#proto/ids.ts'
import type { SnapshotTaken } from '#proto/snapshots.ts'
import type { DiskRef } from '#proto/vm-spec.ts'
import type { Consoles } from '../consoles.ts'
import type { HeldVm } from '../held-vms.ts'
import type { Vmm } from '../vmm.ts'
import { restoreSnapshot } from './restoring.ts'
import type { SnapshotStore } from './snapshot-store.ts'
import { type Base, type SnapshotOrder, Taking } from './taking.ts'

export interface SnapshotsPorts {
  readonly store: SnapshotStore
  readonly vmm: Vmm
  readonly consoles: Pick<Consoles, 'of'>
  /** The VM goes on, on this disk. */
  goOn(vm: HeldVm, disk: DiskRef): Promise<void>
}

export class Snapshots {
  readonly #ports: SnapshotsPorts
  /** Where each VM's open dirty log began. */
  readonly #bases = new WeakMap<HeldVm, Base>()

  constructor(ports: SnapshotsPorts) {
    this.#ports = ports
  }

  /** Throws FaultErrors; the VM goes on whatever comes. */
  async take(vm: HeldVm, order: SnapshotOrder): Promise<SnapshotTaken> {
    const { store, consoles } = this.#ports
    if (store.has(vm.vmId, order.name)) throw new FaultError(taken(vm, order.name))
    const mark = await store.use()
    const base = this.#bases.get(vm)
    this.#bases.delete(vm)
    try {
      const ports = { ...this.#ports, console: consoles.of(vm) }
      const done = await new Taking(vm, order, base, ports).take()
      this.#bases.set(vm, done.base)
      return done.taken
    } finally {
      mark()
    }
  }

  /**
   * Builds the machine of this VM as the snapshot has it, paused; it may run at once. Returns a
   * promise that resolves when all of its pages have come, and rejects when one is lost.
   */
  async restore(
    vm: HeldVm,
    from: { readonly vmId: string; readonly name: string },
  ): Promise<{ readonly whole: Promise<void> }> {
    const console = this.#ports.consoles.of(vm)
    const { base, whole } = await restoreSnapshot(vm, from, { ...this.#ports, console })
    // What is of another VM is no base for a snapshot of this one.
    if (from.vmId === vm.vmId) this.#bases.set(vm, base)
    else await this.#ports.vmm.closeLog(vm, base.log)
    return { whole }
  }

  /** Keeps a snapshot under another name: all of its pages by content, its state, its layers. */
  async keep(
    from: { readonly vmId: VmId; readonly name: string },
    kept: { readonly vmId: VmId; readonly name: string },
  ): Promise<SnapshotTaken> {
    const { store } = this.#ports
    const mark = await store.use()
    try {
      return store.keepAs(from, kept)
    } finally {
      mark()
    }
  }

  remove(vmId: string, name: string): Promise<Fault | undefined> {
    return this.#ports.store.remove(vmId, name)
  }
}

const taken = (vm: HeldVm, name: string): Fault =>
  fault('name-taken', `VM ${vm.vmId} has a snapshot ${name} already: choose another name`)
