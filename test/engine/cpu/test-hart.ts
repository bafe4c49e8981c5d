// A hart with a program in its RAM, for tests: made on the built core.wasm, run to its next ecall
// or exit. Programs begin at the start of RAM. Without hooks of a test's own, nothing is outside
// RAM.

import { readFileSync } from 'node:fs'
import { WasmCore, type WasmCoreOptions } from '#engine/cpu/core.ts'
import { type CoreHooks, Exit } from '#engine/cpu/core-port.ts'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { type Assembler, assemble, type Program, type Register, x } from './assembler.ts'

export const coreModule = new WebAssembly.Module(readFileSync(coreWasmUrl))
export const ramStart = 0x8000_0000
export const ramOrigin = BigInt(ramStart)
export const pageBytes = 4096

/** Budgets of tests: far more than any of their programs takes. */
const plenty = 1_000_000

const nothingOutside: CoreHooks = {
  mmioRead: () => undefined,
  mmioWrite: () => false,
  timeTicks: () => 0,
}

export interface TestHartOptions {
  readonly mode?: 'S' | 'M'
  readonly ramBytes?: number
  readonly clock?: WasmCoreOptions['clock']
  readonly sbi?: WasmCoreOptions['sbi']
  readonly hooks?: Partial<CoreHooks>
  /** Jumps to a place before it is translated: here, at once; 0: never. */
  readonly threshold?: number
}

export class TestHart {
  readonly core: WasmCore
  readonly memory: WasmGuestMemory
  readonly program: Program

  constructor(write: (a: Assembler) => void, options: TestHartOptions = {}) {
    const { mode = 'S', ramBytes = 1 << 20, clock = 'instructions', sbi = 'vmm' } = options
    const hooks = { ...nothingOutside, ...options.hooks }
    this.memory = WasmGuestMemory.create(coreModule, ramBytes)
    const { memory } = this.memory
    const { threshold = 2 } = options
    this.core = new WasmCore({ module: coreModule, memory, ramBytes, clock, sbi, hooks, threshold })
    this.program = assemble(ramOrigin, write)
    this.core.dmaWrite(ramStart, this.program.bytes)
    this.core.reset({ pc: ramOrigin, a0: 0n, a1: 0n, mode })
  }

  /** Runs to the next ecall from S-mode; anything else that ends the run is an error. */
  toEcall(): this {
    return this.#to(Exit.sbi)
  }

  /** Runs to the next wfi that has to wait: how programs in M-mode end. */
  toWfi(): this {
    return this.#to(Exit.wfi)
  }

  #to(wanted: Exit): this {
    const exit = this.core.run(plenty)
    if (exit === wanted) return this
    throw new Error(`Exit ${exit}, not ${wanted}, at pc ${this.core.pc.toString(16)}`)
  }

  /**
   * Runs in pieces of at most `piece` until exactly `count` instructions have retired since reset.
   */
  untilRetired(count: number, piece = plenty): this {
    while (this.core.retired < count) {
      const exit = this.core.run(Math.min(piece, count - this.core.retired))
      if (exit !== Exit.budget) throw new Error(`Exit ${exit} after ${this.core.retired}`)
    }
    return this
  }

  get(register: Register): bigint {
    return this.core.x(x(register))
  }

  set(register: Register, value: bigint): this {
    this.core.setX(x(register), BigInt.asUintN(64, value))
    return this
  }

  /** The u64 at a label, as the guest sees it with translation off. */
  dwordAt(label: string): bigint {
    return this.dword(Number(this.program.addressOf(label)))
  }

  dword(gpa: number): bigint {
    const bytes = new Uint8Array(8)
    if (!this.core.dmaRead(gpa, bytes)) throw new Error(`${gpa.toString(16)} is not in RAM`)
    return new DataView(bytes.buffer).getBigUint64(0, true)
  }

  setDword(gpa: number, value: bigint): void {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, value, true)
    if (!this.core.dmaWrite(gpa, bytes)) throw new Error(`${gpa.toString(16)} is not in RAM`)
  }
}

export const signed = (value: bigint): bigint => BigInt.asIntN(64, value)
export const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value)
