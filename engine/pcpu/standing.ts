// What a VM's standing on its pCPU allows: what needs it paused, and how its disk ends with it.
// Not here: the states themselves (scheduled-vm.ts).
// A refusal is an Error with a message for a person.

import type { ScheduledVm } from './scheduled-vm.ts'

export function paused(vm: ScheduledVm): ScheduledVm {
  if (vm.state.is === 'paused') return vm
  const mend = vm.state.is === 'stopped' ? 'it has ended, so start it again' : 'pause it first'
  throw new Error(`VM ${vm.config.vmId} is ${vm.state.is}: ${mend}.`)
}

/** A disk that cannot be closed has ended with its VM; the others on this pCPU go on. */
export function closeSafely(vm: ScheduledVm): void {
  try {
    vm.machine.close()
  } catch {
    // Nothing was promised of what was not flushed, and nobody can mend it from here.
  }
}
