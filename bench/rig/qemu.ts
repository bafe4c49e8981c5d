// QEMU as the peer: the same ELF file on its board `virt`, by translation (TCG), from Debian's
// firmware on. Not here: timing. Sizes in MiB.

import { spawnSync } from 'node:child_process'
import { ramMib } from './ram.ts'

const command = 'qemu-system-riscv64'

/** What is missing on this machine; undefined: nothing. */
export function missingQemu(): string | undefined {
  const { error } = spawnSync(command, ['--version'], { stdio: 'ignore' })
  return error === undefined
    ? undefined
    : `There is no ${command}: install Debian's qemu-system-misc.`
}

/** The first line of its `--version`. */
export function qemuVersion(): string {
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' })
  return stdout.split('\n')[0] ?? ''
}

export interface QemuMachine {
  readonly kernel: string
  readonly memoryMib?: number
  readonly more?: readonly string[]
}

/** The console is stdin and stdout. */
export function qemuCommand({ kernel, memoryMib = ramMib, more = [] }: QemuMachine): string[] {
  const board = ['-M', 'virt', '-accel', 'tcg', '-smp', '1', '-m', `${memoryMib}M`]
  const ends = ['-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-no-reboot']
  return [command, ...board, ...ends, '-kernel', kernel, ...more]
}
