// The contract between the CPU core (engine/cpu/core/, AssemblyScript) and the machine around it.
// A Core is one hart with its memory; it knows no device: MMIO and SBI go through hooks and exits.
// Guest time is in ticks of 10 MHz (100 ns). Guest values are 64-bit BigInt; counts are exact
// numbers < 2^53.

/**
 * Why run() came back. In every case the state is exact: pc is that of the next instruction to
 * retire.
 */
export const Exit = {
  /** The budget is used up. */
  budget: 0,
  /** `wfi` with nothing pending: idle until the timer or an interrupt. pc is behind the wfi. */
  wfi: 1,
  /**
   * `ecall` from S-mode when SBI is answered by the VMM: pc is behind the ecall, which has retired.
   */
  sbi: 2,
  /** The page `absentPage()` must be brought; the instruction has not begun. */
  absent: 3,
  /** A device asked for it (requestExit). */
  requested: 4,
} as const
export type Exit = (typeof Exit)[keyof typeof Exit]

/**
 * Where pages go that a fork image shared and that were written since: each to its own place,
 * shared with the thread that reads the image. A flag a page: 0, it is in RAM still; 1, it is here;
 * 2, it was zero. The flag is set behind the bytes, and before the page changes.
 */
export interface PreservedPages {
  /** As large as RAM; what nobody writes to, costs nothing. */
  readonly bytes: SharedArrayBuffer
  readonly flags: SharedArrayBuffer
}

export interface CoreHooks {
  /**
   * A load outside RAM; size 1, 2, 4 or 8. `undefined`: nothing is there, the guest gets an access
   * fault.
   */
  mmioRead(gpa: number, size: number): bigint | undefined
  /** False: nothing is there. */
  mmioWrite(gpa: number, size: number, value: bigint): boolean
  /** Ticks of 10 MHz now; called only under clock `real`. */
  timeTicks(): number
}

export interface Core {
  /**
   * Puts the hart at `pc` in `mode`, all else as after reset; a0 and a1 as given. Retired and guest
   * time go on.
   */
  reset(at: { pc: bigint; a0: bigint; a1: bigint; mode: 'S' | 'M' }): void
  /**
   * Runs until an exit; at most `budget` instructions retire. Fewer may have at Exit.budget: a trap
   * uses up one, though nothing retires.
   */
  run(budget: number): Exit
  /** Makes run() return with Exit.requested after the current instruction. For MMIO hooks. */
  requestExit(): void
  readonly retired: number
  /** Guest time in ticks, whatever the clock. */
  readonly ticks: number
  /**
   * Under clock `instructions`, moves time forward to `ticks` (an idle guest jumps to its next
   * alarm).
   */
  skipTo(ticks: number): void
  /**
   * The next timer alarm in ticks (stimecmp, the SBI timer, the CLINT's) whose interrupt the guest
   * has not masked; it may be past. Infinity when there is none.
   */
  readonly timerTicks: number
  setTimer(ticks: bigint): void
  /** Drives the S-mode external interrupt (from the PLIC) and the software interrupt. */
  setExternalInterrupt(level: boolean): void
  /** And that of M-mode, where firmware has it. */
  setMachineExternalInterrupt(level: boolean): void
  setSoftwareInterrupt(level: boolean): void
  x(index: number): bigint
  setX(index: number, value: bigint): void
  readonly pc: bigint
  /** GPA of the absent page after Exit.absent. */
  absentPage(): number
  /**
   * Registers, CSRs, reservation, time: all of the hart. Restored bit for bit; every TLB is dropped
   * on restore.
   */
  capture(): Uint8Array
  restore(bytes: Uint8Array): void
  /** Drops the write entries of the TLB and moves the dirty bits into every open log. */
  openLog(): number
  takeLog(log: number): Uint8Array
  closeLog(log: number): void
  /** From now on a page of RAM goes to this image before it is written; undefined: to none. */
  freeze(image: PreservedPages | undefined): void
  /** Device DMA: false when out of RAM. Marks the pages dirty as a guest's store would. */
  dmaRead(gpa: number, into: Uint8Array): boolean
  dmaWrite(gpa: number, from: Uint8Array): boolean
  /**
   * The guest has given up these bytes of RAM: the whole pages among them are zero, and count as
   * never touched. Returns how many had been.
   */
  release(ranges: readonly { readonly gpa: number; readonly bytes: number }[]): number
  /** Whether a page of these bytes of RAM is absent; absentPage() is then the first of them. */
  absentIn(gpa: number, bytes: number): boolean
}
