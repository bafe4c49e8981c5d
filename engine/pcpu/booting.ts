// How a VM that a pCPU has comes to its first instruction: its image goes into RAM piece by piece,
// other guests running in between, and it boots; or boots again, when it has reset itself.
// Not here: what is put where (../boot-plan.ts). Host ms.

import type { PcpuCommand } from '../vm-config.ts'
import type { ScheduledVm } from './scheduled-vm.ts'

export type BootCommand = Extract<PcpuCommand, { do: 'load' | 'boot' | 'reboot' }>

export const isBoot = (command: PcpuCommand): command is BootCommand =>
  command.do === 'load' || command.do === 'boot' || command.do === 'reboot'

export function bootStep(vm: ScheduledVm, command: BootCommand, nowMs: number): void {
  if (command.do === 'load') vm.machine.load(command.piece)
  else if (command.do === 'boot') vm.machine.boot(command.image, true)
  else if (vm.state.is === 'reset') {
    vm.machine.reboot(command.image)
    vm.endReset(nowMs)
  }
}
