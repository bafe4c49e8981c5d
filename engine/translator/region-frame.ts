// What surrounds the translated instructions of a region: the registers it keeps in locals, how it
// is entered, and the three ways out of it.
//   leave  an instruction did not simply go on: `outcome` says how, `pc` is its address
//   stop   the interpreter is to go on at `pc`
//   go     any region may go on at `pc`, by the jump cache; else the interpreter
// Not here: the instructions and the flow between them (region-code.ts).
//
// A region is called with an entry point, how many instructions may retire (`left`), and the pc; it
// returns how many are left. `left` is lowered for a whole block when that begins; whoever leaves
// in the middle of it gives back what was not done (`refund`).

import type { CorePlaces } from '../cpu/module.ts'
import type { Instruction } from './decoded-entry.ts'
import { regionType } from './region-module.ts'
import { Label, type ValueType, valueType, WasmCode } from './wasm-code.ts'
import { op } from './wasm-opcodes.ts'

/** The function's parameters. */
const entryPoint = 0
export const left = 1
export const pc = 2
/** Locals that every region has. */
export const base = 3
const context = 4
export const address = 5
export const wide = 6
export const entry = 7
/** Which of the heads a dispatcher is to go on at. */
export const target = 8
export const outcome = 9
const refund = 10
const length = 11
/** Rounding is to nearest even, and `inexact` is raised: see float-operations.ts. */
export const fast = 12
export const double = 13
export const single = 14
/** Groups of accesses that may be open at once. */
export const groupSlots = 4
/** Where the lowest byte of an open group of accesses lies (access-groups.ts); 0: apart. */
export const groupPlace = (slot: number): number => 15 + slot
/** A word that is being worked on. */
export const word32 = 15 + groupSlots
const fixedLocals: readonly ValueType[] = [
  ...[valueType.i64, valueType.i64, valueType.i64, valueType.i64],
  ...[valueType.i32, valueType.i32, valueType.i32, valueType.i32, valueType.i32],
  ...[valueType.i32, valueType.f64, valueType.f32],
  ...Array<ValueType>(groupSlots).fill(valueType.i32),
  valueType.i32,
]
const parameters = 3

/** Outcomes of core/outcome.ts: below `trap` the instruction has retired. */
export const returned = 2
export const trap = 5

const registerBytes = 8
/** 0xffff_ffff_0000_0000 as a signed number. */
const singleBox = -(2 ** 32)
/** An entry point's word: which one, and the offset above. */
const offsetShift = 8
const whichMask = 0xff

export interface FrameOptions {
  readonly at: CorePlaces
  /** Where the region's function will be in the table. */
  readonly index: number
  readonly dataBank: number
  /** Registers that its instructions name, and those that they change. */
  readonly used: ReadonlySet<number>
  readonly written: ReadonlySet<number>
  /** Whether it has floating-point instructions. */
  readonly hasFloats: boolean
}

export class RegionFrame {
  readonly code = new WasmCode()
  readonly at: CorePlaces
  readonly leave = new Label()
  readonly stop = new Label()
  readonly go = new Label()
  /** Byte offset of the TLB bank that loads and stores use. */
  readonly bank: number
  readonly hasFloats: boolean
  readonly #index: number
  readonly #sites: number
  #sitesUsed: number
  readonly #registers = new Map<number, number>()
  readonly #written: ReadonlySet<number>

  constructor({ at, index, dataBank, used, written, hasFloats }: FrameOptions) {
    this.hasFloats = hasFloats
    this.at = at
    this.bank = dataBank * at.tlbBankBytes
    this.#index = index
    this.#sites = at.sitesAddress + dataBank * at.siteBankBytes
    this.#sitesUsed = index
    this.#written = written
    const sorted = [...used].filter((register) => register !== 0).sort((a, b) => a - b)
    for (const register of sorted) {
      this.#registers.set(register, parameters + fixedLocals.length + this.#registers.size)
    }
  }

  /** All locals but the parameters. */
  get locals(): ValueType[] {
    return [...fixedLocals, ...[...this.#registers].map(() => valueType.i64)]
  }

  /** Pushes x[register]. */
  x(register: number): void {
    if (register === 0) this.code.i64(0)
    else this.code.get(this.#local(register))
  }

  /** Pops x[register]. */
  setX(register: number): void {
    if (register === 0) this.code.emit(op.drop)
    else this.code.set(this.#local(register))
  }

  /** Brings a register in memory up to date, for an instruction that is carried out by the core. */
  spill(register: number): void {
    if (register === 0) return
    this.code.i32(0)
    this.code.get(this.#local(register))
    this.code.memory(op.i64_store, this.#place(register))
  }

  reload(register: number): void {
    if (register === 0) return
    this.code.i32(0)
    this.code.memory(op.i64_load, this.#place(register))
    this.code.set(this.#local(register))
  }

  /** Where a load may keep what it found; a store's place is behind. In turns, for want of room. */
  nextSite(): number {
    const { siteCount, tlbEntryBytes } = this.at
    return this.#sites + (this.#sitesUsed++ % siteCount) * tlbEntryBytes
  }

  floatPlace(register: number): number {
    return this.at.fAddress + register * registerBytes
  }

  /** Pushes the bits of f[register], which lies in memory. */
  float(register: number): void {
    this.code.i32(0)
    this.code.memory(op.i64_load, this.floatPlace(register))
  }

  /** Pops them. A single is boxed: all upper bits are one. */
  setFloat(register: number, isSingle: boolean): void {
    const { code } = this
    code.set(wide)
    code.i32(0)
    code.get(wide)
    if (isSingle) {
      code.i64(singleBox)
      code.emit(op.i64_or)
    }
    code.memory(op.i64_store, this.floatPlace(register))
  }

  /** Sets `fast` from fcsr. */
  noteFast(): void {
    const { code, at } = this
    code.i32(0)
    code.memory(op.i32_load, at.fcsrAddress)
    code.i32(at.fcsrFastMask)
    code.emit(op.i32_and)
    code.i32(at.fcsrFast)
    code.emit(op.i32_eq)
    code.set(fast)
  }

  /** Pushes the address of the code at an offset. */
  addressOf(offset: number): void {
    this.code.get(base)
    if (offset === 0) return
    this.code.i64(offset)
    this.code.emit(op.i64_add)
  }

  setPc(offset: number): void {
    this.addressOf(offset)
    this.code.set(pc)
  }

  /** Comes before anything that may `leave`: where, and what of the block is not done. */
  noteLeaving({ offset, bytes }: Instruction, notDone: number): void {
    this.setPc(offset)
    this.code.i32(notDone)
    this.code.set(refund)
    this.code.i32(bytes)
    this.code.set(length)
  }

  /** What Vm.left has to be while an instruction is carried out. */
  leftNow(notDone: number): void {
    this.code.get(left)
    this.code.i32(notDone)
    this.code.emit(op.i32_add)
  }

  begin(): void {
    const { code } = this
    this.#rebase()
    code.i32(0)
    code.memory(op.i64_load, this.at.contextAddress)
    code.set(context)
    for (const register of this.#registers.keys()) this.reload(register)
    code.block(this.go)
    code.block(this.stop)
    code.block(this.leave)
  }

  /** After the last instruction; none of the three ways leads here. */
  finish(): void {
    const { code } = this
    code.emit(op.unreachable)
    code.end()
    this.#accountForLeaving()
    code.end()
    this.#writeBack()
    this.storePc()
    code.get(left)
    code.emit(op.return)
    code.end()
    this.#writeBack()
    this.#chain()
  }

  /**
   * After a jump to `pc` that only a register knew: this region again, if it has an entry there.
   */
  dispatchOr(dispatcher: Label): void {
    const { code, at } = this
    this.#jumpEntry()
    code.get(entry)
    code.memory(op.i32_load, at.jumpsAddress + at.jumpIndex)
    code.i32(this.#index)
    code.emit(op.i32_eq, op.i32_and)
    code.if()
    this.#loadEntryPoint()
    code.set(entryPoint)
    this.#rebase()
    code.br(dispatcher)
    code.end()
    code.br(this.go)
  }

  #local(register: number): number {
    return this.#registers.get(register) ?? 0
  }

  #place(register: number): number {
    return this.at.xAddress + register * registerBytes
  }

  /** From the entry point and the pc: which entry, and where the region lies. */
  #rebase(): void {
    const { code } = this
    code.get(pc)
    code.get(entryPoint)
    code.i32(offsetShift)
    code.emit(op.i32_shr_s, op.i64_extend_s, op.i64_sub)
    code.set(base)
    code.get(entryPoint)
    code.i32(whichMask)
    code.emit(op.i32_and)
    code.set(target)
  }

  #writeBack(): void {
    for (const register of this.#registers.keys()) {
      if (this.#written.has(register)) this.spill(register)
    }
  }

  /** Hart.pc is the local pc. */
  storePc(): void {
    this.code.i32(0)
    this.code.get(pc)
    this.code.memory(op.i64_store, this.at.pcAddress)
  }

  /** left += refund, less one when the instruction has retired; the pc is then behind it. */
  #accountForLeaving(): void {
    const { code, at } = this
    code.i32(0)
    code.get(outcome)
    code.memory(op.i32_store, at.outcomeAddress)
    code.get(left)
    code.get(refund)
    code.emit(op.i32_add)
    code.set(left)
    code.get(outcome)
    code.i32(trap)
    code.emit(op.i32_lt_u)
    code.if()
    code.get(left)
    code.i32(1)
    code.emit(op.i32_sub)
    code.set(left)
    code.get(pc)
    code.get(length)
    code.emit(op.i64_extend_u, op.i64_add)
    code.set(pc)
    code.end()
    code.get(outcome)
    code.i32(returned)
    code.emit(op.i32_eq)
    code.if()
    code.i32(0)
    code.memory(op.i64_load, at.pcAddress)
    code.set(pc)
    code.end()
  }

  /** Goes on in another region, in place of this one. */
  #chain(): void {
    const { code, at } = this
    this.#jumpEntry()
    code.if()
    this.#loadEntryPoint()
    code.get(left)
    code.get(pc)
    code.get(entry)
    code.memory(op.i32_load, at.jumpsAddress + at.jumpIndex)
    code.tailCall(regionType)
    code.end()
    this.storePc()
    code.get(left)
  }

  /** Leaves the jump cache entry of `pc` in `entry`, and on the stack whether it is that. */
  #jumpEntry(): void {
    const { code, at } = this
    code.get(pc)
    code.i64(1)
    code.emit(op.i64_shr_u)
    code.get(pc)
    code.i64(13)
    code.emit(op.i64_shr_u, op.i64_xor)
    code.get(pc)
    code.i64(40)
    code.emit(op.i64_shr_u, op.i64_xor, op.i32_wrap)
    code.i32(at.jumpEntries - 1)
    code.emit(op.i32_and)
    code.i32(Math.log2(at.jumpEntryBytes))
    code.emit(op.i32_shl)
    code.tee(entry)
    code.memory(op.i64_load, at.jumpsAddress)
    code.get(pc)
    code.get(context)
    code.emit(op.i64_xor, op.i64_eq)
  }

  #loadEntryPoint(): void {
    this.code.get(entry)
    this.code.memory(op.i32_load, this.at.jumpsAddress + this.at.jumpEntryPoint)
  }
}
