// Integer instructions between registers: what each is in WebAssembly. A table, and the few that
// are more than an operator. Source: RISC-V Unprivileged Specification, "RV64I Base Integer
// Instruction Set", "M" extension.

import type { Instruction, OpName } from './decoded-entry.ts'
import { type RegionFrame, wide } from './region-frame.ts'
import { importedIndex } from './region-module.ts'
import { type Opcode, op } from './wasm-opcodes.ts'

/** On two doublewords; then what makes the result one. tidy: data table */
const doubleword: Partial<Record<OpName, readonly Opcode[]>> = {
  add: [op.i64_add],
  sub: [op.i64_sub],
  sll: [op.i64_shl],
  srl: [op.i64_shr_u],
  sra: [op.i64_shr_s],
  xor: [op.i64_xor],
  or: [op.i64_or],
  and: [op.i64_and],
  slt: [op.i64_lt_s, op.i64_extend_u],
  sltu: [op.i64_lt_u, op.i64_extend_u],
  mul: [op.i64_mul],
  addi: [op.i64_add],
  slli: [op.i64_shl],
  srli: [op.i64_shr_u],
  srai: [op.i64_shr_s],
  xori: [op.i64_xor],
  ori: [op.i64_or],
  andi: [op.i64_and],
  slti: [op.i64_lt_s, op.i64_extend_u],
  sltiu: [op.i64_lt_u, op.i64_extend_u],
}

/** On the low words; the result is sign-extended. tidy: data table */
const word: Partial<Record<OpName, Opcode>> = {
  addw: op.i32_add,
  subw: op.i32_sub,
  sllw: op.i32_shl,
  srlw: op.i32_shr_u,
  sraw: op.i32_shr_s,
  mulw: op.i32_mul,
  addiw: op.i32_add,
  slliw: op.i32_shl,
  srliw: op.i32_shr_u,
  sraiw: op.i32_shr_s,
}

const immediates = new Set<OpName>([
  ...(['addi', 'slli', 'srli', 'srai', 'xori', 'ori', 'andi', 'slti', 'sltiu'] as const),
  ...(['addiw', 'slliw', 'srliw', 'sraiw'] as const),
])

const high = {
  mulh: importedIndex.multiplyHigh,
  mulhsu: importedIndex.multiplyHighMixed,
  mulhu: importedIndex.multiplyHighUnsigned,
} as const

interface Division {
  readonly isWord: boolean
  readonly isSigned: boolean
  readonly isRemainder: boolean
}
/** tidy: data table */
const divisions: Partial<Record<OpName, Division>> = {
  div: { isWord: false, isSigned: true, isRemainder: false },
  divu: { isWord: false, isSigned: false, isRemainder: false },
  rem: { isWord: false, isSigned: true, isRemainder: true },
  remu: { isWord: false, isSigned: false, isRemainder: true },
  divw: { isWord: true, isSigned: true, isRemainder: false },
  divuw: { isWord: true, isSigned: false, isRemainder: false },
  remw: { isWord: true, isSigned: true, isRemainder: true },
  remuw: { isWord: true, isSigned: false, isRemainder: true },
}

/** False: it is no such instruction. */
export function emitOperation(frame: RegionFrame, instruction: Instruction): boolean {
  const { op: name, rd } = instruction
  const wideOperators = doubleword[name]
  const wordOperator = word[name]
  const divides = divisions[name]
  const isHigh = name === 'mulh' || name === 'mulhsu' || name === 'mulhu'
  if (!wideOperators && wordOperator === undefined && !divides && !isHigh) {
    return emitUpper(frame, instruction)
  }
  if (rd === 0) return true
  if (wideOperators) emitDoubleword(frame, instruction, wideOperators)
  else if (wordOperator !== undefined) emitWord(frame, instruction, wordOperator)
  else if (divides) emitDivision(frame, instruction, divides)
  else if (isHigh) {
    frame.x(instruction.rs1)
    frame.x(instruction.rs2)
    frame.code.call(high[name])
  }
  frame.setX(rd)
  return true
}

/** lui, auipc; and fence, which does nothing here. */
function emitUpper(frame: RegionFrame, { op: name, rd, immediate, offset }: Instruction): boolean {
  if (name === 'fence') return true
  if (name !== 'lui' && name !== 'auipc') return false
  if (rd === 0) return true
  if (name === 'lui') frame.code.i64(immediate)
  else frame.addressOf(offset + immediate)
  frame.setX(rd)
  return true
}

function emitDoubleword(
  frame: RegionFrame,
  { op: name, rs1, rs2, immediate }: Instruction,
  operators: readonly Opcode[],
): void {
  const isImmediate = immediates.has(name)
  if (name === 'addi' && rs1 === 0) {
    frame.code.i64(immediate)
    return
  }
  if (name === 'add' && (rs1 === 0 || rs2 === 0)) {
    frame.x(rs1 === 0 ? rs2 : rs1)
    return
  }
  frame.x(rs1)
  if (name === 'addi' && immediate === 0) return
  if (isImmediate) frame.code.i64(immediate)
  else frame.x(rs2)
  frame.code.emit(...operators)
}

function emitWord(
  frame: RegionFrame,
  { op: name, rs1, rs2, immediate }: Instruction,
  operator: Opcode,
): void {
  const { code } = frame
  frame.x(rs1)
  code.emit(op.i32_wrap)
  if (!immediates.has(name)) {
    frame.x(rs2)
    code.emit(op.i32_wrap, operator)
  } else if (name !== 'addiw' || immediate !== 0) {
    code.i32(immediate)
    code.emit(operator)
  }
  code.emit(op.i64_extend_s)
}

/**
 * WebAssembly's divisions trap where RISC-V's have a result: by zero, and the smallest value by -1.
 * A division by -1 is a negation.
 */
function emitDivision(frame: RegionFrame, { rs1, rs2 }: Instruction, kind: Division): void {
  const { code } = frame
  pushOperand(frame, rs2, kind)
  code.set(wide)
  code.get(wide)
  code.emit(op.i64_eqz)
  code.if()
  if (kind.isRemainder) pushOperand(frame, rs1, kind)
  else code.i64(-1)
  code.set(wide)
  code.else()
  if (kind.isSigned) emitSignedQuotient(frame, rs1, kind)
  else emitQuotient(frame, rs1, kind)
  code.end()
  code.get(wide)
  if (kind.isWord) code.emit(op.i64_extend32_s)
}

/** A word operand is extended to what its division wants: both then divide as doublewords. */
function pushOperand(frame: RegionFrame, register: number, { isWord, isSigned }: Division): void {
  frame.x(register)
  if (!isWord) return
  if (isSigned) frame.code.emit(op.i64_extend32_s)
  else frame.code.emit(op.i32_wrap, op.i64_extend_u)
}

function emitSignedQuotient(frame: RegionFrame, rs1: number, kind: Division): void {
  const { code } = frame
  code.get(wide)
  code.i64(-1)
  code.emit(op.i64_eq)
  code.if()
  code.i64(0)
  if (!kind.isRemainder) {
    pushOperand(frame, rs1, kind)
    code.emit(op.i64_sub)
  }
  code.set(wide)
  code.else()
  emitQuotient(frame, rs1, kind)
  code.end()
}

function emitQuotient(frame: RegionFrame, rs1: number, kind: Division): void {
  const { code } = frame
  const { isRemainder, isSigned } = kind
  pushOperand(frame, rs1, kind)
  code.get(wide)
  if (isRemainder) code.emit(isSigned ? op.i64_rem_s : op.i64_rem_u)
  else code.emit(isSigned ? op.i64_div_s : op.i64_div_u)
  code.set(wide)
}
