// Whose turn it is on a pCPU, and who is to be woken when. Every VM is in one place at most: among
// those that are ready, by virtual time; or among those that wait for an instant, by that instant.
// Not here: what a VM is waiting for (scheduled-vm.ts), running it (pcpu.ts).
// Units: host ms; virtual ms = ms of CPU time, stretched by 1024 / shares.
//
// Fair by stride: each slice adds its CPU time over the VM's shares to the VM's virtual time, and
// the least is next. (Waldspurger and Weihl, "Stride Scheduling", 1995.) A VM that wakes begins
// where the others are, less one slice: it runs next, and sleeping saves up no more than that.

import { type ScheduledVm, sharesOfOne } from './scheduled-vm.ts'
import { sliceMs } from './slice-length.ts'
import { VmHeap } from './vm-heap.ts'

export class Turns {
  /** Ready to run; those that need the lease by themselves, since it holds for all or none. */
  readonly #leased = new VmHeap<ScheduledVm>()
  readonly #free = new VmHeap<ScheduledVm>()
  readonly #alarms = new VmHeap<ScheduledVm>()
  /** Virtual time as far as the turns have come: it never goes back. */
  #virtualMs = 0

  /** Host ms of the next alarm; Infinity without one. */
  get alarmMs(): number {
    return this.#alarms.firstKey
  }

  /** Whether some VM is ready but for the lease. */
  get awaitsLease(): boolean {
    return this.#leased.size > 0
  }

  /** A new VM has the same claim as those that are here. */
  begin(vm: ScheduledVm): void {
    vm.virtualMs = this.#virtualMs
  }

  /** Puts a VM where it belongs by its state now. To be said whenever that may have changed. */
  place(vm: ScheduledVm): void {
    const wasReady = this.leave(vm)
    const { state } = vm
    if (state.is === 'runnable') {
      if (!wasReady) this.#lift(vm)
      this.#ready(vm).add(vm, vm.virtualMs)
    } else if ((state.is === 'idle' || state.is === 'capped') && state.untilMs < Infinity) {
      this.#alarms.add(vm, state.untilMs)
    }
  }

  /** Takes a VM out; says whether it was ready. */
  leave(vm: ScheduledVm): boolean {
    this.#alarms.remove(vm)
    // Whether it needs the lease may have changed since it was put there.
    const wasLeased = this.#leased.remove(vm)
    return this.#free.remove(vm) || wasLeased
  }

  /** Wakes those whose instant has come. */
  wakeDue(nowMs: number): void {
    while (this.#alarms.firstKey <= nowMs) {
      const vm = this.#alarms.first as ScheduledVm
      vm.wakeIfDue(nowMs)
      this.place(vm)
    }
  }

  /** Whose turn it is. It stays among the ready until place() is said of it. */
  next(leaseHolds: boolean): ScheduledVm | undefined {
    for (;;) {
      const useLeased = leaseHolds && this.#leased.firstKey < this.#free.firstKey
      const vm = useLeased ? this.#leased.first : this.#free.first
      if (vm === undefined) return undefined
      if (!this.#lift(vm)) {
        this.#virtualMs = Math.max(this.#virtualMs, vm.virtualMs)
        return vm
      }
      // It was ready, but the lease did not hold: it too has no claim to that time.
      this.#ready(vm).remove(vm)
      this.#ready(vm).add(vm, vm.virtualMs)
    }
  }

  #ready(vm: ScheduledVm): VmHeap<ScheduledVm> {
    return vm.config.leased ? this.#leased : this.#free
  }

  /** No VM is further behind than one slice of its own. Says whether this one was. */
  #lift(vm: ScheduledVm): boolean {
    const leastMs = this.#virtualMs - (sliceMs * sharesOfOne) / vm.config.cpuShares
    if (vm.virtualMs >= leastMs) return false
    vm.virtualMs = leastMs
    return true
  }
}
