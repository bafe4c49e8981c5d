// Floating-point instructions as WebAssembly's own, where that gives the same result and raises no
// flag that is not up already: rounding to nearest even, `inexact` raised before, the result finite
// and not so small that it might underflow. Whatever is not so sure goes to the core
// (core-calls.ts), which is exact in every case. Source: RISC-V Unprivileged Specification,
// chapters "F" and "D"; the core's float-native.ts.

import { emitCoreCall } from './core-calls.ts'
import type { Instruction } from './decoded-entry.ts'
import { isFusedHere, vector } from './fused-probe.ts'
import { double, fast, type RegionFrame, single } from './region-frame.ts'
import { importedIndex } from './region-module.ts'
import { Label } from './wasm-code.ts'
import { type Opcode, op } from './wasm-opcodes.ts'

/** One of the two formats: its operations, and its numbers that matter. */
interface Format {
  readonly isSingle: boolean
  readonly local: number
  readonly load: Opcode
  readonly store: Opcode
  readonly constant: (frame: RegionFrame, value: number) => void
  readonly add: Opcode
  readonly subtract: Opcode
  readonly multiply: Opcode
  readonly divide: Opcode
  readonly root: Opcode
  readonly absolute: Opcode
  readonly negate: Opcode
  readonly equal: Opcode
  readonly less: Opcode
  readonly lessOrEqual: Opcode
  readonly greater: Opcode
  /** Twice the smallest number that is not subnormal. */
  readonly least: number
  readonly fuse: number
  readonly fromInteger: readonly [Opcode, Opcode, Opcode, Opcode]
}

// tidy: data table
const formats: readonly [Format, Format] = [
  {
    isSingle: true,
    local: single,
    load: op.f32_load,
    store: op.f32_store,
    constant: (frame, value) => frame.code.f32(value),
    add: op.f32_add,
    subtract: op.f32_sub,
    multiply: op.f32_mul,
    divide: op.f32_div,
    root: op.f32_sqrt,
    absolute: op.f32_abs,
    negate: op.f32_neg,
    equal: op.f32_eq,
    less: op.f32_lt,
    lessOrEqual: op.f32_le,
    greater: op.f32_gt,
    least: 2 ** -125,
    fuse: importedIndex.fuseSingles,
    fromInteger: [op.f32_from_i32_s, op.f32_from_i32_u, op.f32_from_i64_s, op.f32_from_i64_u],
  },
  {
    isSingle: false,
    local: double,
    load: op.f64_load,
    store: op.f64_store,
    constant: (frame, value) => frame.code.f64(value),
    add: op.f64_add,
    subtract: op.f64_sub,
    multiply: op.f64_mul,
    divide: op.f64_div,
    root: op.f64_sqrt,
    absolute: op.f64_abs,
    negate: op.f64_neg,
    equal: op.f64_eq,
    less: op.f64_lt,
    lessOrEqual: op.f64_le,
    greater: op.f64_gt,
    least: 2 ** -1021,
    fuse: importedIndex.fuseDoubles,
    fromInteger: [op.f64_from_i32_s, op.f64_from_i32_u, op.f64_from_i64_s, op.f64_from_i64_u],
  },
]

const operation = 0x53
const roundNearest = 0
const roundToZero = 1
const roundDynamic = 7
/** The top 5 bits of an operation. */
const kinds = {
  add: 0,
  subtract: 1,
  multiply: 2,
  divide: 3,
  sign: 4,
  convertFormat: 8,
  root: 11,
  compare: 20,
  toInteger: 24,
  fromInteger: 26,
  toX: 28,
  fromX: 30,
} as const

/** The fields of an instruction, and what emitting it needs. */
interface Float {
  readonly frame: RegionFrame
  readonly format: Format
  readonly kind: number
  readonly rd: number
  readonly rs1: number
  readonly rs2: number
  readonly rounding: number
  readonly raw: number
  /** Where to go when it is not sure that WebAssembly does the same. */
  readonly slow: Label
}

/** Emits the quick way; false: there is none, and nothing has been emitted. */
type Emit = (float: Float) => boolean

/** Always emits something; `notDone` as in core-calls.ts. False: it is no such instruction. */
export function emitFloat(frame: RegionFrame, instruction: Instruction, notDone: number): boolean {
  if (instruction.op !== 'float') return false
  const emit = emitterOf(instruction.immediate)
  if (emit === undefined) return emitCoreCall(frame, instruction, notDone)
  const { code } = frame
  const done = new Label()
  const slow = new Label()
  code.block(done)
  code.block(slow)
  if (emit(floatOf(frame, instruction.immediate, slow))) code.br(done)
  code.end()
  emitCoreCall(frame, instruction, notDone)
  code.end()
  return true
}

function floatOf(frame: RegionFrame, raw: number, slow: Label): Float {
  return {
    ...{ frame, slow, raw, kind: raw >>> 27 },
    format: formats[(raw >>> 25) & 1] ?? formats[0],
    rd: (raw >>> 7) & 31,
    rs1: (raw >>> 15) & 31,
    rs2: (raw >>> 20) & 31,
    rounding: (raw >>> 12) & 7,
  }
}

/** undefined: halves and quads, and what the core alone does. */
function emitterOf(raw: number): Emit | undefined {
  if (((raw >>> 25) & 3) > 1) return undefined
  if ((raw & 0x7f) !== operation) return emitFused
  return emitters[raw >>> 27]
}

/** tidy: data table */
const emitters: Partial<Record<number, Emit>> = {
  [kinds.add]: (float) => emitArithmetic(float, float.format.add, false),
  [kinds.subtract]: (float) => emitArithmetic(float, float.format.subtract, false),
  [kinds.multiply]: (float) => emitArithmetic(float, float.format.multiply, true),
  [kinds.divide]: (float) => emitArithmetic(float, float.format.divide, true),
  [kinds.root]: emitRoot,
  [kinds.sign]: emitSign,
  [kinds.compare]: emitComparison,
  [kinds.toInteger]: emitToInteger,
  [kinds.fromInteger]: emitFromInteger,
  [kinds.convertFormat]: emitConvertFormat,
  [kinds.toX]: emitToX,
  [kinds.fromX]: emitFromX,
}

const roundsNearest = ({ rounding }: Float): boolean =>
  rounding === roundNearest || rounding === roundDynamic

/** Goes the slow way unless frm says "nearest even" and `inexact` is raised. */
function wantFast({ frame: { code }, slow }: Float): void {
  code.get(fast)
  code.emit(op.i32_eqz)
  code.brIfUnlikely(slow)
}

/** Goes the slow way when a register does not hold a single. */
function wantSingle({ frame, slow }: Float, register: number): void {
  const { code } = frame
  code.i32(0)
  code.memory(op.i32_load, frame.floatPlace(register) + 4)
  code.i32(-1)
  code.emit(op.i32_ne)
  code.brIfUnlikely(slow)
}

function wantOperands(float: Float, ...registers: readonly number[]): void {
  if (!float.format.isSingle) return
  for (const register of new Set(registers)) wantSingle(float, register)
}

function push({ frame, format }: Float, register: number): void {
  frame.code.i32(0)
  frame.code.memory(format.load, frame.floatPlace(register))
}

/** Stores the number in the format's local to f[rd]. */
function setResult({ frame, rd }: Float, format: Format): void {
  const { code } = frame
  code.i32(0)
  code.get(format.local)
  code.memory(format.store, frame.floatPlace(rd))
  if (!format.isSingle) return
  code.i32(0)
  code.i32(-1)
  code.memory(op.i32_store, frame.floatPlace(rd) + 4)
}

/** Pops the result; the slow way unless it is finite, and if need be not too small. */
function keepResult(float: Float, mayUnderflow: boolean): void {
  const { frame, format, slow } = float
  const { code } = frame
  code.tee(format.local)
  code.emit(format.absolute)
  format.constant(frame, Infinity)
  code.emit(format.less)
  if (mayUnderflow) {
    code.get(format.local)
    code.emit(format.absolute)
    format.constant(frame, format.least)
    code.emit(format.greater, op.i32_and)
  }
  code.emit(op.i32_eqz)
  code.brIfUnlikely(slow)
  setResult(float, format)
}

/** Small sums are exact: they cannot underflow. */
function emitArithmetic(float: Float, operator: Opcode, mayUnderflow: boolean): boolean {
  if (!roundsNearest(float)) return false
  wantFast(float)
  wantOperands(float, float.rs1, float.rs2)
  push(float, float.rs1)
  push(float, float.rs2)
  float.frame.code.emit(operator)
  keepResult(float, mayUnderflow)
  return true
}

function emitRoot(float: Float): boolean {
  if (!roundsNearest(float) || float.rs2 !== 0) return false
  wantFast(float)
  wantOperands(float, float.rs1)
  push(float, float.rs1)
  float.frame.code.emit(float.format.root)
  keepResult(float, false)
  return true
}

/** fmadd, fmsub, fnmsub, fnmadd: two negate the product, two the addend. */
function emitFused(float: Float): boolean {
  if (!roundsNearest(float)) return false
  const { frame, format, raw } = float
  const variant = ((raw & 0x7f) >>> 2) & 3
  const rs3 = raw >>> 27
  wantFast(float)
  wantOperands(float, float.rs1, float.rs2, rs3)
  const form = format.isSingle ? 'single' : 'double'
  const place = (opcodes: readonly number[]) => {
    if (isFusedHere()) frame.code.emit(vector.prefix, ...opcodes)
  }
  push(float, float.rs1)
  if (variant >= 2) frame.code.emit(format.negate)
  place(vector.splat[form])
  push(float, float.rs2)
  place(vector.splat[form])
  push(float, rs3)
  if (variant === 1 || variant === 3) frame.code.emit(format.negate)
  place(vector.splat[form])
  place(vector.madd[form])
  place([...vector.extract[form], 0])
  if (!isFusedHere()) frame.code.call(format.fuse)
  keepResult(float, true)
  return true
}

/** Copies and changes of sign, of doubles: they are moves of bits. */
function emitSign({ frame, format, rd, rs1, rs2, rounding: variant }: Float): boolean {
  const { code } = frame
  if (format.isSingle || variant > 2) return false
  frame.float(rs1)
  if (rs1 !== rs2 || variant !== 0) {
    if (variant < 2) emitMask(frame, op.i64_and, ~signOfDouble)
    frame.float(rs2)
    if (variant === 1) emitMask(frame, op.i64_xor, -1n)
    emitMask(frame, op.i64_and, signOfDouble)
    code.emit(variant === 2 ? op.i64_xor : op.i64_or)
  }
  frame.setFloat(rd, false)
  return true
}

const signOfDouble = -(2n ** 63n)

function emitMask({ code }: RegionFrame, operator: Opcode, mask: bigint): void {
  code.i64(mask)
  code.emit(operator)
}

/** No flag is raised where neither is a NaN. */
function emitComparison(float: Float): boolean {
  const { frame, format, rd, rs1, rs2, rounding: variant, slow } = float
  const operator = [format.lessOrEqual, format.less, format.equal][variant]
  if (operator === undefined) return false
  const { code } = frame
  wantOperands(float, rs1, rs2)
  for (const register of [rs1, rs2]) {
    push(float, register)
    push(float, register)
    code.emit(format.equal)
  }
  code.emit(op.i32_and, op.i32_eqz)
  code.brIfUnlikely(slow)
  push(float, rs1)
  push(float, rs2)
  code.emit(operator, op.i64_extend_u)
  frame.setX(rd)
  return true
}

/** Towards zero, as C casts, well inside the range; what is cut off raises `inexact`. */
function emitToInteger(float: Float): boolean {
  const { frame, format, rd, rs1, rs2: kind, rounding, slow } = float
  if (rounding !== roundToZero || format.isSingle || kind === 1 || kind === 3) return false
  const { code } = frame
  wantFast(float)
  push(float, rs1)
  code.tee(double)
  code.emit(op.f64_abs)
  code.f64(kind === 0 ? 2 ** 31 : 2 ** 62)
  code.emit(op.f64_lt, op.i32_eqz)
  code.brIfUnlikely(slow)
  code.get(double)
  code.emit(op.i64_from_f64_s)
  frame.setX(rd)
  return true
}

/** Of a word to a double nothing is lost. */
function emitFromInteger(float: Float): boolean {
  const { frame, format, rs1, rs2: kind } = float
  const operator = format.fromInteger[kind]
  if (operator === undefined || !roundsNearest(float)) return false
  const { code } = frame
  if (kind > 1 || format.isSingle || float.rounding === roundDynamic) wantFast(float)
  frame.x(rs1)
  if (kind < 2) code.emit(op.i32_wrap)
  code.emit(operator)
  code.set(format.local)
  setResult(float, format)
  return true
}

/** A single becomes a double exactly; a double a single with rounding. */
function emitConvertFormat(float: Float): boolean {
  const { frame, format, rs1, rs2, slow } = float
  const { code } = frame
  if (rs2 !== (format.isSingle ? 1 : 0) || !roundsNearest(float)) return false
  wantFast(float)
  if (format.isSingle) {
    frame.code.i32(0)
    code.memory(op.f64_load, frame.floatPlace(rs1))
    code.emit(op.f32_demote)
    keepResult(float, true)
    return true
  }
  wantSingle(float, rs1)
  code.i32(0)
  code.memory(op.f32_load, frame.floatPlace(rs1))
  code.emit(op.f64_promote)
  code.tee(double)
  code.get(double)
  code.emit(op.f64_eq, op.i32_eqz)
  code.brIfUnlikely(slow)
  setResult(float, format)
  return true
}

/** fmv.x.w and fmv.x.d: the bits as they are, a word sign-extended. */
function emitToX({ frame, format, rd, rs1, rs2, rounding }: Float): boolean {
  if (rs2 !== 0 || rounding !== 0) return false
  frame.float(rs1)
  if (format.isSingle) frame.code.emit(op.i64_extend32_s)
  frame.setX(rd)
  return true
}

function emitFromX({ frame, format, rd, rs1, rs2, rounding }: Float): boolean {
  if (rs2 !== 0 || rounding !== 0) return false
  frame.x(rs1)
  if (format.isSingle) frame.code.emit(op.i32_wrap, op.i64_extend_u)
  frame.setFloat(rd, format.isSingle)
  return true
}
