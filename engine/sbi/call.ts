// One SBI call: what the guest asked, what the VMM needs to answer it, and how it answers.
// Not here: which extension does what (one file each), how the registers get here (sbi.ts).
// Source: RISC-V Supervisor Binary Interface Specification 2.0, chapter 3 "Binary Encoding".

import type { Core } from '../cpu/core-port.ts'
import type { ConsoleLine } from '../devices/console-line.ts'
import type { GuestEnd } from '../devices/finisher.ts'
import type { StealTime } from './steal-time.ts'
import type { Watchdog } from './watchdog.ts'

/** Table 1 of the specification. */
export const SbiError = {
  success: 0,
  failed: -1,
  notSupported: -2,
  invalidParam: -3,
  invalidAddress: -5,
  alreadyAvailable: -6,
} as const
export type SbiError = (typeof SbiError)[keyof typeof SbiError]

/** What an extension may do to the VM. */
export interface SbiPorts {
  readonly core: Core
  readonly console: ConsoleLine
  readonly stealTime: StealTime
  readonly watchdog: Watchdog
  /** Guest time. */
  ticks(): number
  /** When something is due has changed. */
  lookAgain(): void
  end(end: GuestEnd): void
}

export interface SbiReturn {
  readonly error: SbiError
  readonly value: bigint
}

/**
 * An extension's function: `fid` is its number, `args` are a0 to a5, unsigned. `absent`: it needs a
 * page of guest RAM that is not here, and has done nothing yet.
 */
export type SbiExtension = (
  fid: bigint,
  args: readonly bigint[],
  ports: SbiPorts,
) => SbiReturn | 'absent'

export const answered = (value: number | bigint = 0n): SbiReturn => ({
  error: SbiError.success,
  value: BigInt(value),
})

export const refused = (error: SbiError): SbiReturn => ({ error, value: 0n })

/** The argument at `index`; calls always come with six. */
export const argument = (args: readonly bigint[], index: number): bigint => args[index] ?? 0n

/**
 * Whether a hart mask names hart 0, the only one. Undefined: it names a hart that is not there.
 * Source: section 3.1, "Hart list parameter": a base of all ones means all harts.
 */
export function namesOurHart(mask: bigint, base: bigint): boolean | undefined {
  if (base === 0xffff_ffff_ffff_ffffn) return true
  if (mask === 0n) return false
  return base === 0n && mask === 1n ? true : undefined
}
