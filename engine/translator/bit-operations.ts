// Bit manipulation (Zba, Zbb, Zbs) between registers: what each instruction is in WebAssembly.
// Source: RISC-V Unprivileged Specification, chapter "B Extension for Bit Manipulation".

import type { Instruction, OpName } from './decoded-entry.ts'
import type { RegionFrame } from './region-frame.ts'
import { importedIndex } from './region-module.ts'
import { type Opcode, op } from './wasm-opcodes.ts'

/** Leaves the result on the stack. */
type Emit = (frame: RegionFrame, instruction: Instruction) => void

const unary =
  (...opcodes: readonly Opcode[]): Emit =>
  (frame, { rs1 }) => {
    frame.x(rs1)
    frame.code.emit(...opcodes)
  }

const binary =
  (...opcodes: readonly Opcode[]): Emit =>
  (frame, { rs1, rs2 }) => {
    frame.x(rs1)
    frame.x(rs2)
    frame.code.emit(...opcodes)
  }

/** rs1, or its low word, shifted left, plus rs2. */
const shiftedAdd =
  (amount: number, isWord: boolean): Emit =>
  (frame, { rs1, rs2 }) => {
    frame.x(rs1)
    if (isWord) frame.code.emit(op.i32_wrap, op.i64_extend_u)
    if (amount > 0) {
      frame.code.i64(amount)
      frame.code.emit(op.i64_shl)
    }
    frame.x(rs2)
    frame.code.emit(op.i64_add)
  }

/** rs1 with the complement of rs2. */
const complemented =
  (operator: Opcode): Emit =>
  (frame, { rs1, rs2 }) => {
    frame.x(rs1)
    frame.x(rs2)
    frame.code.i64(-1)
    frame.code.emit(op.i64_xor, operator)
  }

const complement: Emit = (frame, instruction) => {
  binary(op.i64_xor)(frame, instruction)
  frame.code.i64(-1)
  frame.code.emit(op.i64_xor)
}

/** The operand that the comparison favours. */
const chosen =
  (comparison: Opcode): Emit =>
  (frame, instruction) => {
    frame.x(instruction.rs1)
    frame.x(instruction.rs2)
    binary(comparison)(frame, instruction)
    frame.code.emit(op.select)
  }

const rotatedWord =
  (operator: Opcode): Emit =>
  (frame, { rs1, rs2 }) => {
    frame.x(rs1)
    frame.code.emit(op.i32_wrap)
    frame.x(rs2)
    frame.code.emit(op.i32_wrap, operator, op.i64_extend_s)
  }

const rotatedBy: Emit = (frame, { rs1, immediate }) => {
  frame.x(rs1)
  frame.code.i64(immediate)
  frame.code.emit(op.i64_rotr)
}

const wordRotatedBy: Emit = (frame, { rs1, immediate }) => {
  frame.x(rs1)
  frame.code.emit(op.i32_wrap)
  frame.code.i32(immediate)
  frame.code.emit(op.i32_rotr, op.i64_extend_s)
}

const wordShiftedBy: Emit = (frame, { rs1, immediate }) => {
  frame.x(rs1)
  frame.code.emit(op.i32_wrap, op.i64_extend_u)
  frame.code.i64(immediate)
  frame.code.emit(op.i64_shl)
}

const halfword: Emit = (frame, { rs1 }) => {
  frame.x(rs1)
  frame.code.i64(0xffff)
  frame.code.emit(op.i64_and)
}

const asked =
  (index: number): Emit =>
  (frame, { rs1 }) => {
    frame.x(rs1)
    frame.code.call(index)
  }

function pushIndex(
  frame: RegionFrame,
  { rs2, immediate }: Instruction,
  isImmediate: boolean,
): void {
  if (isImmediate) frame.code.i64(immediate)
  else frame.x(rs2)
}

/** rs1 with a single bit cleared (complement true), turned or set. */
const singleBit =
  (operator: Opcode, isImmediate: boolean, isComplement = false): Emit =>
  (frame, instruction) => {
    const { code } = frame
    frame.x(instruction.rs1)
    code.i64(1)
    pushIndex(frame, instruction, isImmediate)
    code.emit(op.i64_shl)
    if (isComplement) {
      code.i64(-1)
      code.emit(op.i64_xor)
    }
    code.emit(operator)
  }

const extractedBit =
  (isImmediate: boolean): Emit =>
  (frame, instruction) => {
    frame.x(instruction.rs1)
    pushIndex(frame, instruction, isImmediate)
    frame.code.emit(op.i64_shr_u)
    frame.code.i64(1)
    frame.code.emit(op.i64_and)
  }

/** tidy: data table */
const operations: Partial<Record<OpName, Emit>> = {
  adduw: shiftedAdd(0, true),
  sh1add: shiftedAdd(1, false),
  sh2add: shiftedAdd(2, false),
  sh3add: shiftedAdd(3, false),
  sh1adduw: shiftedAdd(1, true),
  sh2adduw: shiftedAdd(2, true),
  sh3adduw: shiftedAdd(3, true),
  slliuw: wordShiftedBy,
  andn: complemented(op.i64_and),
  orn: complemented(op.i64_or),
  xnor: complement,
  clz: unary(op.i64_clz),
  ctz: unary(op.i64_ctz),
  cpop: unary(op.i64_popcnt),
  clzw: unary(op.i32_wrap, op.i32_clz, op.i64_extend_u),
  ctzw: unary(op.i32_wrap, op.i32_ctz, op.i64_extend_u),
  cpopw: unary(op.i32_wrap, op.i32_popcnt, op.i64_extend_u),
  max: chosen(op.i64_gt_s),
  maxu: chosen(op.i64_gt_u),
  min: chosen(op.i64_lt_s),
  minu: chosen(op.i64_lt_u),
  sextb: unary(op.i64_extend8_s),
  sexth: unary(op.i64_extend16_s),
  zexth: halfword,
  rol: binary(op.i64_rotl),
  ror: binary(op.i64_rotr),
  rori: rotatedBy,
  rolw: rotatedWord(op.i32_rotl),
  rorw: rotatedWord(op.i32_rotr),
  roriw: wordRotatedBy,
  orcb: asked(importedIndex.orCombineBytes),
  rev8: asked(importedIndex.reverseBytes),
  bclr: singleBit(op.i64_and, false, true),
  binv: singleBit(op.i64_xor, false),
  bset: singleBit(op.i64_or, false),
  bext: extractedBit(false),
  bclri: singleBit(op.i64_and, true, true),
  binvi: singleBit(op.i64_xor, true),
  bseti: singleBit(op.i64_or, true),
  bexti: extractedBit(true),
}

/** False: it is no such instruction. */
export function emitBitOperation(frame: RegionFrame, instruction: Instruction): boolean {
  const emit = operations[instruction.op]
  if (emit === undefined) return false
  if (instruction.rd === 0) return true
  emit(frame, instruction)
  frame.setX(instruction.rd)
  return true
}
