// Integer instructions between registers: what each is in WebAssembly. A table, and the few that
// are more than an operator. Source: RISC-V Unprivileged Specification, "RV64I Base Integer
// Instruction Set", "M" extension.

import type { Instruction, OpName } from './decoded-entry.ts'
import { type RegionFrame, wide, word32 } from './region-frame.ts'
import { importedIndex } from './region-module.ts'
import type { WasmCode } from './wasm-code.ts'
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

/** Words divide as words: the processor takes half as long for them. tidy: data table */
const divisionWidths = {
  doubleword: {
    ...{ place: wide, eqz: op.i64_eqz, eq: op.i64_eq, sub: op.i64_sub },
    ...{ unsigned: op.i64_div_u, signed: op.i64_div_s },
    ...{ unsignedRest: op.i64_rem_u, signedRest: op.i64_rem_s },
    constant: (code: WasmCode, value: number) => code.i64(value),
  },
  word: {
    ...{ place: word32, eqz: op.i32_eqz, eq: op.i32_eq, sub: op.i32_sub },
    ...{ unsigned: op.i32_div_u, signed: op.i32_div_s },
    ...{ unsignedRest: op.i32_rem_u, signedRest: op.i32_rem_s },
    constant: (code: WasmCode, value: number) => code.i32(value),
  },
} as const

const widthOf = ({ isWord }: Division) => divisionWidths[isWord ? 'word' : 'doubleword']

/**
 * WebAssembly's divisions trap where RISC-V's have a result: by zero, and the smallest value by -1.
 * A division by -1 is a negation.
 */
function emitDivision(frame: RegionFrame, { rs1, rs2 }: Instruction, kind: Division): void {
  const { code } = frame
  const { place, eqz, constant } = widthOf(kind)
  pushOperand(frame, rs2, kind)
  code.tee(place)
  code.emit(eqz)
  code.ifUnlikely()
  if (kind.isRemainder) pushOperand(frame, rs1, kind)
  else constant(code, -1)
  code.set(place)
  code.else()
  if (kind.isSigned) emitSignedQuotient(frame, rs1, kind)
  else emitQuotient(frame, rs1, kind)
  code.end()
  code.get(place)
  if (kind.isWord) code.emit(op.i64_extend_s)
}

function pushOperand(frame: RegionFrame, register: number, { isWord }: Division): void {
  frame.x(register)
  if (isWord) frame.code.emit(op.i32_wrap)
}

function emitSignedQuotient(frame: RegionFrame, rs1: number, kind: Division): void {
  const { code } = frame
  const { place, eq, sub, constant } = widthOf(kind)
  code.get(place)
  constant(code, -1)
  code.emit(eq)
  code.ifUnlikely()
  constant(code, 0)
  if (!kind.isRemainder) {
    pushOperand(frame, rs1, kind)
    code.emit(sub)
  }
  code.set(place)
  code.else()
  emitQuotient(frame, rs1, kind)
  code.end()
}

function emitQuotient(frame: RegionFrame, rs1: number, kind: Division): void {
  const { code } = frame
  const { isRemainder, isSigned } = kind
  const { place, unsigned, signed, unsignedRest, signedRest } = widthOf(kind)
  pushOperand(frame, rs1, kind)
  code.get(place)
  if (isRemainder) code.emit(isSigned ? signedRest : unsignedRest)
  else code.emit(isSigned ? signed : unsigned)
  code.set(place)
}
