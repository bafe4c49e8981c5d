// Test finisher: a register by which the guest powers its VM off, reboots it, or says that it has
// failed.
// Not here: the SBI's way to do the same (sbi/system-reset.ts); it has no state and no section.
// Source: SiFive test device as in QEMU's hw/misc/sifive_test.c (compatible "sifive,test0"): the
// low 16 bits say what, the high 16 bits of a failure are the guest's exit code.

import { finisherRegion } from './memory-map.ts'
import type { MmioDevice } from './mmio.ts'

const codes = { fail: 0x3333, powerOff: 0x5555, reboot: 0x7777 } as const

/** Values for the syscon-poweroff and syscon-reboot nodes of the device tree. */
export const finisherPowerOff = codes.powerOff
export const finisherReboot = codes.reboot

/** The guest ends its run. Crashed: by its own word. */
export interface GuestEnd {
  readonly reason: 'shut-down' | 'reboot' | 'crashed'
  readonly detail: string
}

export class Finisher implements MmioDevice {
  readonly region = finisherRegion
  readonly #end: (end: GuestEnd) => void

  constructor(end: (end: GuestEnd) => void) {
    this.#end = end
  }

  read(): number {
    return 0
  }

  /** Other values are ignored, as in QEMU. */
  write(offset: number, size: number, value: number): boolean {
    if (offset !== 0 || size === 1) return true
    const code = value & 0xffff
    if (code === codes.powerOff)
      this.#end({ reason: 'shut-down', detail: 'The guest powered itself off.' })
    if (code === codes.reboot)
      this.#end({ reason: 'reboot', detail: 'The guest asked for a reboot.' })
    if (code === codes.fail) {
      this.#end({ reason: 'crashed', detail: `The guest reported failure ${value >>> 16}.` })
    }
    return true
  }
}
