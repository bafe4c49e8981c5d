// The F and D extensions but for loads and stores, which the interpreter does: which instruction it
// is, its operands and its rounding mode, where the result goes. Taken apart here from the
// instruction's own bits (unprivileged specification, "RV32/64G Instruction Set Listings").

import { Hart, Vm } from './layout'
import { Outcome } from './outcome'
import { Rounding, signBit } from './float-number'
import { floatIsOn, rawFloat, readFloat, writeFloat } from './float-registers'
import { add, divide, multiply, squareRoot, subtract } from './float-arithmetic'
import { addNatively, divideNatively, multiplyNatively, rootNatively } from './float-native'
import { multiplyAdd } from './float-fused'
import { convert, fromInteger, toInteger } from './float-convert'
import { classify, compare, injectSign, maximum, minimum } from './float-compare'
import { illegal } from './system'
import { field1, field2, funct3, rd } from './instruction-fields'

/** Major opcodes, low 7 bits. The four of fused multiply-add follow each other in steps of 4. */
const enum Major { multiplyAdd = 0x43, operation = 0x53 }

/** The top 5 bits of an operation. */
const enum Kind {
  add = 0, subtract = 1, multiply = 2, divide = 3, sign = 4, extreme = 5, convertFormat = 8,
  squareRoot = 11, compare = 20, toInteger = 24, fromInteger = 26, toX = 28, fromX = 30,
}

/** The format field, bits 26 and 25. Half and quad are not there. */
const enum Format { single = 0, double = 1 }

const dynamicRounding: u32 = 7

export function executeFloat(raw: u32): Outcome {
  if (!floatIsOn()) return illegal(raw)
  const format = raw >> 25 & 3
  if (format == Format.double) return execute<f64>(raw)
  return format == Format.single ? execute<f32>(raw) : illegal(raw)
}

function execute<T>(raw: u32): Outcome {
  if ((raw & 0x7f) != Major.operation) return fused<T>(raw)
  switch (raw >> 27) {
    case Kind.add:
    case Kind.subtract:
    case Kind.multiply:
    case Kind.divide:
    case Kind.squareRoot: return arithmetic<T>(raw)
    case Kind.sign:
    case Kind.extreme: return choice<T>(raw)
    case Kind.convertFormat: return convertFormat<T>(raw)
    case Kind.toInteger:
    case Kind.fromInteger: return convertInteger<T>(raw)
    case Kind.compare: return comparison<T>(raw)
    case Kind.toX: return moveToX<T>(raw)
    case Kind.fromX: return moveFromX<T>(raw)
    default: return illegal(raw)
  }
}

/** The instruction's own, or that of frm. More than nearestAway: reserved. */
function roundingOf(raw: u32): u32 {
  const mode = funct3(raw)
  return mode == dynamicRounding ? <u32>(load<u64>(Hart.fcsr) >> 5) & 7 : mode
}

@inline
function isReserved(mode: u32): bool {
  return mode > <u32>Rounding.nearestAway
}

function toF<T>(raw: u32, bits: u64): Outcome {
  writeFloat<T>(rd(raw), bits)
  return Outcome.done
}

function toX(raw: u32, value: u64): Outcome {
  if (rd(raw) != 0) store<u64>(rd(raw) << 3, value)
  return Outcome.done
}

function arithmetic<T>(raw: u32): Outcome {
  const mode = roundingOf(raw)
  const kind = raw >> 27
  if (isReserved(mode) || (kind == Kind.squareRoot && field2(raw) != 0)) return illegal(raw)
  const a = readFloat<T>(field1(raw))
  const b = readFloat<T>(field2(raw))
  const isDone = mode == Rounding.nearestEven && natively<T>(kind, a, b)
  return toF<T>(raw, isDone ? load<u64>(Vm.value) : exactly<T>(kind, a, b, mode))
}

function natively<T>(kind: u32, a: u64, b: u64): bool {
  switch (kind) {
    case Kind.add: return addNatively<T>(a, b)
    case Kind.subtract: return addNatively<T>(a, b ^ signBit<T>())
    case Kind.multiply: return multiplyNatively<T>(a, b)
    case Kind.divide: return divideNatively<T>(a, b)
    default: return rootNatively<T>(a)
  }
}

function exactly<T>(kind: u32, a: u64, b: u64, mode: u32): u64 {
  switch (kind) {
    case Kind.add: return add<T>(a, b, mode)
    case Kind.subtract: return subtract<T>(a, b, mode)
    case Kind.multiply: return multiply<T>(a, b, mode)
    case Kind.divide: return divide<T>(a, b, mode)
    default: return squareRoot<T>(a, mode)
  }
}

/** fmadd, fmsub, fnmsub, fnmadd: two negate the product, two the addend. */
function fused<T>(raw: u32): Outcome {
  const mode = roundingOf(raw)
  if (isReserved(mode)) return illegal(raw)
  const variant = ((raw & 0x7f) - Major.multiplyAdd) >> 2
  const product: u64 = variant >= 2 ? signBit<T>() : 0
  const addend: u64 = variant == 1 || variant == 3 ? signBit<T>() : 0
  const a = readFloat<T>(field1(raw)) ^ product
  const c = readFloat<T>(raw >> 27) ^ addend
  return toF<T>(raw, multiplyAdd<T>(a, readFloat<T>(field2(raw)), c, mode))
}

function choice<T>(raw: u32): Outcome {
  const a = readFloat<T>(field1(raw))
  const b = readFloat<T>(field2(raw))
  if (raw >> 27 == Kind.sign) {
    return funct3(raw) > 2 ? illegal(raw) : toF<T>(raw, injectSign<T>(funct3(raw), a, b))
  }
  if (funct3(raw) > 1) return illegal(raw)
  return toF<T>(raw, funct3(raw) == 0 ? minimum<T>(a, b) : maximum<T>(a, b))
}

function comparison<T>(raw: u32): Outcome {
  if (funct3(raw) > 2) return illegal(raw)
  const a = readFloat<T>(field1(raw))
  return toX(raw, compare<T>(funct3(raw), a, readFloat<T>(field2(raw))))
}

/** rs2 names the format it comes from. */
function convertFormat<T>(raw: u32): Outcome {
  const mode = roundingOf(raw)
  const from: u32 = sizeof<T>() == 8 ? Format.single : Format.double
  if (isReserved(mode) || field2(raw) != from) return illegal(raw)
  if (sizeof<T>() == 8) return toF<T>(raw, convert<f32, f64>(readFloat<f32>(field1(raw)), mode))
  return toF<T>(raw, convert<f64, f32>(readFloat<f64>(field1(raw)), mode))
}

function convertInteger<T>(raw: u32): Outcome {
  const mode = roundingOf(raw)
  const kind = field2(raw)
  if (isReserved(mode) || kind > 3) return illegal(raw)
  if (raw >> 27 == Kind.fromInteger) {
    return toF<T>(raw, fromInteger<T>(load<u64>(field1(raw) << 3), kind, mode))
  }
  return toX(raw, toInteger<T>(readFloat<T>(field1(raw)), kind, mode))
}

/** fmv.x.w, fmv.x.d: the bits as they are, a word sign-extended; fclass. */
function moveToX<T>(raw: u32): Outcome {
  if (field2(raw) != 0 || funct3(raw) > 1) return illegal(raw)
  if (funct3(raw) == 1) return toX(raw, classify<T>(readFloat<T>(field1(raw))))
  const bits = rawFloat(field1(raw))
  return toX(raw, sizeof<T>() == 8 ? bits : <u64><i32>bits)
}

function moveFromX<T>(raw: u32): Outcome {
  if (field2(raw) != 0 || funct3(raw) != 0) return illegal(raw)
  const bits = load<u64>(field1(raw) << 3)
  return toF<T>(raw, sizeof<T>() == 8 ? bits : bits & 0xffffffff)
}
