// A hart with its translator in sight, and limits of a test's own: the core on a VM's memory as
// WasmCore puts it there, without devices.

import { Exit } from '#engine/cpu/core-port.ts'
import { createVmMemory, instantiateCore, noHooks } from '#engine/cpu/module.ts'
import { defaultLimits, Translator, type TranslatorLimits } from '#engine/translator/translator.ts'
import { type Assembler, assemble, type Program, type Register, x } from '../cpu/assembler.ts'
import { coreModule, ramOrigin } from '../cpu/test-hart.ts'

const supervisor = 1
const instructionClock = 1
const budget = 1 << 28

export interface BoundedOptions {
  readonly limits?: Partial<TranslatorLimits>
  readonly threshold?: number
  readonly ramBytes?: number
}

export class BoundedHart {
  readonly translator: Translator
  readonly program: Program
  readonly #core: ReturnType<typeof instantiateCore>

  constructor(write: (a: Assembler) => void, options: BoundedOptions = {}) {
    const { limits, threshold = 2, ramBytes = 1 << 20 } = options
    const memory = createVmMemory(coreModule, ramBytes)
    this.translator = new Translator(memory, { ...defaultLimits, ...limits })
    this.#core = instantiateCore(coreModule, memory, {
      ...noHooks,
      translate: (pc) => this.translator.translate(pc),
      codeChanged: (page) => this.translator.codeChanged(page),
      allCodeChanged: () => this.translator.allCodeChanged(),
    })
    this.translator.connect(this.#core)
    const { call, at } = this.#core
    call.format(ramBytes)
    call.configure(instructionClock, 1, threshold)
    this.program = assemble(ramOrigin, write)
    new Uint8Array(memory.buffer).set(this.program.bytes, at.ramAddress)
    call.reset(ramOrigin, 0n, 0n, supervisor)
  }

  /** Functions in the table, the first place of which stays free. */
  get tableSlots(): number {
    return this.#core.table.length - 1
  }

  set(register: Register, value: bigint): this {
    this.#core.call.writeX(x(register), value)
    return this
  }

  get(register: Register): bigint {
    return BigInt.asUintN(64, this.#core.call.readX(x(register)))
  }

  get retired(): number {
    return this.#core.call.retired()
  }

  /** To the next ecall. */
  toEcall(): this {
    const exit = this.#core.call.run(budget)
    if (exit !== Exit.sbi) throw new Error(`Exit ${exit} after ${this.retired}`)
    return this
  }
}
