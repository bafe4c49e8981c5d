// Instructions that the core carries out for a region: system, atomic and floating-point ones. The
// registers they read are brought up to date in memory before, and what they wrote is taken from
// there. Which registers those are, an instruction's own bits say (unprivileged specification,
// "Instruction Set Listings").

import type { Instruction } from './decoded-entry.ts'
import { outcome, type RegionFrame } from './region-frame.ts'
import { type ImportedName, importedIndex } from './region-module.ts'
import { op } from './wasm-opcodes.ts'

export interface Registers {
  readonly read: readonly number[]
  readonly written: number
}

/** Of a floating-point operation: kinds (the top 5 bits) that write or read an integer register. */
const floatToX: ReadonlySet<number> = new Set([20, 24, 28])
const floatFromX: ReadonlySet<number> = new Set([26, 30])
const floatOperation = 0x53
/** CSR instructions that have a number where others name a register. */
const immediateBit = 0x4000

const fieldD = (raw: number): number => (raw >>> 7) & 31
const field1 = (raw: number): number => (raw >>> 15) & 31
const field2 = (raw: number): number => (raw >>> 20) & 31
const funct3 = (raw: number): number => (raw >>> 12) & 7

/** The integer registers of such an instruction. undefined: the core is not asked for it. */
export function registersOfCall({ op: name, immediate: raw }: Instruction): Registers | undefined {
  if (name === 'amo') return { read: [field1(raw), field2(raw)], written: fieldD(raw) }
  if (name === 'system') return systemRegisters(raw)
  if (name !== 'float') return undefined
  if ((raw & 0x7f) !== floatOperation) return { read: [], written: 0 }
  const kind = raw >>> 27
  return {
    read: floatFromX.has(kind) ? [field1(raw)] : [],
    written: floatToX.has(kind) ? fieldD(raw) : 0,
  }
}

/** funct3 0: sfence.vma names two; ecall and the returns none of their own. */
function systemRegisters(raw: number): Registers {
  if (funct3(raw) === 0) return { read: [field1(raw), field2(raw)], written: 0 }
  return { read: raw & immediateBit ? [] : [field1(raw)], written: fieldD(raw) }
}

/** After it nothing is as it was: where to go on, the run loop has to find out. */
export const endsBlock = ({ op: name, immediate: raw }: Instruction): boolean =>
  name === 'system' && funct3(raw) === 0

const functions = {
  amo: 'executeAtomic',
  system: 'executeSystem',
  float: 'executeFloat',
} as const satisfies Record<string, ImportedName>

/** False: it is no such instruction. */
export function emitCoreCall(
  frame: RegionFrame,
  instruction: Instruction,
  notDone: number,
): boolean {
  const registers = registersOfCall(instruction)
  if (registers === undefined) return false
  const { code } = frame
  const name = instruction.op as keyof typeof functions
  for (const register of new Set([...registers.read, registers.written])) frame.spill(register)
  frame.noteLeaving(instruction, notDone)
  if (name === 'system') noteWhereAndWhen(frame, notDone)
  if (name === 'amo') code.i32(instruction.word)
  code.i32(instruction.immediate)
  code.call(importedIndex[functions[name]])
  code.set(outcome)
  frame.reload(registers.written)
  if (name === 'system' && frame.hasFloats) frame.noteFast()
  if (endsBlock(instruction)) {
    code.br(frame.leave)
  } else {
    code.get(outcome)
    code.brIfUnlikely(frame.leave)
  }
  return true
}

/** What executeSystem wants to know: the pc, and how much has retired (for counters and time). */
function noteWhereAndWhen(frame: RegionFrame, notDone: number): void {
  const { code, at } = frame
  frame.storePc()
  code.i32(0)
  frame.leftNow(notDone)
  code.memory(op.i32_store, at.leftAddress)
}
