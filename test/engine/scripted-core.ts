// A Core whose program is a function of the test: it retires what the script says and does with the
// hooks what it likes. It stands for the hart where a test is about the machine around it; the real
// one has tests of its own.

import { type Core, type CoreHooks, Exit } from '#engine/cpu/core-port.ts'
import { Ram } from './ram.ts'

/**
 * Called for each run; returns the exit. It may retire up to `budget` instructions by
 * `core.retire(n)`.
 */
export type Script = (core: ScriptedCore, budget: number) => Exit

/** A guest that never rests. */
export const busy: Script = (core, budget) => {
  core.retire(budget)
  return Exit.budget
}

export class ScriptedCore implements Core {
  readonly ram: Ram
  readonly hooks: CoreHooks
  script: Script
  retired = 0
  timerTicks = Infinity
  external = false
  software = false
  exitRequested = false
  restored = 0
  pc = 0n
  readonly #x = new BigInt64Array(32)
  #skipped = 0

  constructor(hooks: CoreHooks, script: Script = busy, ramBytes = 1 << 20) {
    this.hooks = hooks
    this.script = script
    this.ram = new Ram(ramBytes)
  }

  retire(instructions: number): void {
    this.retired += instructions
  }

  /** 100 instructions a tick, as the real core under clock `instructions`. */
  get ticks(): number {
    return Math.floor(this.retired / 100) + this.#skipped
  }

  run(budget: number): Exit {
    this.exitRequested = false
    return this.script(this, budget)
  }

  reset(at: { pc: bigint; a0: bigint; a1: bigint }): void {
    this.pc = at.pc
    this.setX(10, at.a0)
    this.setX(11, at.a1)
  }

  freeze(): void {
    // It has no pages to share.
  }

  requestExit(): void {
    this.exitRequested = true
  }

  skipTo(ticks: number): void {
    this.#skipped += ticks - this.ticks
  }

  setTimer(ticks: bigint): void {
    this.timerTicks = ticks === 0xffff_ffff_ffff_ffffn ? Infinity : Number(ticks)
  }

  setExternalInterrupt(level: boolean): void {
    this.external = level
  }

  setMachineExternalInterrupt(): void {}

  setSoftwareInterrupt(level: boolean): void {
    this.software = level
  }

  x(index: number): bigint {
    return this.#x[index] ?? 0n
  }

  setX(index: number, value: bigint): void {
    this.#x[index] = value
  }

  absentPage(): number {
    return 0x8000_3000
  }

  capture(): Uint8Array {
    const view = new DataView(new ArrayBuffer(24))
    view.setFloat64(0, this.retired)
    view.setFloat64(8, this.#skipped)
    view.setFloat64(16, this.timerTicks)
    return new Uint8Array(view.buffer)
  }

  restore(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    this.retired = view.getFloat64(0)
    this.#skipped = view.getFloat64(8)
    this.timerTicks = view.getFloat64(16)
    this.restored += 1
  }

  openLog(): number {
    return 0
  }

  takeLog(): Uint8Array {
    return Uint8Array.of(0b1010_0001, 1)
  }

  closeLog(): void {}

  dmaRead(gpa: number, into: Uint8Array): boolean {
    return this.ram.dmaRead(gpa, into)
  }

  dmaWrite(gpa: number, from: Uint8Array): boolean {
    return this.ram.dmaWrite(gpa, from)
  }

  release(): number {
    return 0
  }

  absentIn(): boolean {
    return false
  }
}
