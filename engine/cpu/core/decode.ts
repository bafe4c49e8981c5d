// From an instruction to its entry (entry.ts): RV64IMAFD and B, Zicsr, Zifencei, privileged;
// unprivileged specification, "RV32/64G Instruction Set Listings". Compressed instructions are
// expanded first (compressed.ts); bit manipulation is told apart in decode-bits.ts; system, atomic
// and floating-point instructions are taken apart when they are executed.

import { Op, makeEntry, makeFloatEntry } from './entry'
import { expand } from './compressed'
import { immediateBits, immediateWordBits, registerBits, registerWordBits } from './decode-bits'
import { field1, field2, funct3, funct7, rd } from './instruction-fields'

/** Major opcodes: the low 7 bits. */
const enum Major {
  load = 0x03,
  floatLoad = 0x07,
  fence = 0x0f,
  immediate = 0x13,
  auipc = 0x17,
  immediateWord = 0x1b,
  store = 0x23,
  floatStore = 0x27,
  amo = 0x2f,
  register = 0x33,
  lui = 0x37,
  registerWord = 0x3b,
  multiplyAdd = 0x43,
  multiplySubtract = 0x47,
  negatedSubtract = 0x4b,
  negatedAdd = 0x4f,
  float = 0x53,
  branch = 0x63,
  jalr = 0x67,
  jal = 0x6f,
  system = 0x73,
}

/** Entry bytes for each byte of code. */
const slotScale: u32 = 4

export function decodeCompressed(half: u32): u64 {
  const full = expand(half)
  if (full == 0) return makeEntry(Op.illegal, 0, 0, 0, half, 1)
  return decode(full, 1)
}

export function decode(raw: u32, halfwords: u32): u64 {
  switch (raw & 0x7f) {
    case Major.load: return decodeLoad(raw, halfwords)
    case Major.store: return decodeStore(raw, halfwords)
    case Major.immediate: return decodeImmediate(raw, halfwords)
    case Major.immediateWord: return decodeImmediateWord(raw, halfwords)
    case Major.register: return decodeRegister(raw, halfwords)
    case Major.registerWord: return decodeRegisterWord(raw, halfwords)
    case Major.branch: return decodeBranch(raw, halfwords)
    case Major.jal: return makeEntry(Op.jal, rd(raw), 0, 0, immediateJ(raw) * slotScale, halfwords)
    case Major.jalr: return funct3(raw) ? illegal(raw) : typeI(raw, Op.jalr, halfwords)
    case Major.lui: return makeEntry(Op.lui, rd(raw), 0, 0, raw & 0xfffff000, halfwords)
    case Major.auipc: return makeEntry(Op.auipc, rd(raw), 0, 0, raw & 0xfffff000, halfwords)
    case Major.fence: return decodeFence(raw, halfwords)
    case Major.amo: return makeEntry(Op.amo, rd(raw), field1(raw), field2(raw), raw, halfwords)
    case Major.system: return makeEntry(Op.system, rd(raw), field1(raw), 0, raw, halfwords)
    case Major.floatLoad: return decodeFloatLoad(raw, halfwords)
    case Major.floatStore: return decodeFloatStore(raw, halfwords)
    case Major.multiplyAdd:
    case Major.multiplySubtract:
    case Major.negatedSubtract:
    case Major.negatedAdd:
    case Major.float: return makeEntry(Op.float, 0, 0, 0, raw, halfwords)
    default: return illegal(raw)
  }
}

/** A compressed instruction that is illegal never gets here, so this one has 4 bytes. */
function illegal(raw: u32): u64 {
  return makeEntry(Op.illegal, 0, 0, 0, raw, 2)
}

function typeI(raw: u32, op: u32, halfwords: u32): u64 {
  return makeEntry(op, rd(raw), field1(raw), 0, <u32>(<i32>raw >> 20), halfwords)
}

function typeS(raw: u32, op: u32, halfwords: u32): u64 {
  const imm = <u32>(<i32>(raw & 0xfe000000) >> 20) | rd(raw)
  return makeEntry(op, 0, field1(raw), field2(raw), imm, halfwords)
}

function typeR(raw: u32, op: u32, halfwords: u32): u64 {
  return makeEntry(op, rd(raw), field1(raw), field2(raw), 0, halfwords)
}

/** A shift by a constant: the amount, freed of the bits that chose the kind of shift. */
function typeShift(raw: u32, op: u32, halfwords: u32): u64 {
  return makeEntry(op, rd(raw), field1(raw), 0, raw >> 20 & 63, halfwords)
}

function typeRUnlessIllegal(raw: u32, op: u32, halfwords: u32): u64 {
  return op == Op.illegal ? illegal(raw) : typeR(raw, op, halfwords)
}

function shiftUnlessIllegal(raw: u32, op: u32, halfwords: u32): u64 {
  return op == Op.illegal ? illegal(raw) : typeShift(raw, op, halfwords)
}

function decodeLoad(raw: u32, halfwords: u32): u64 {
  return funct3(raw) == 7 ? illegal(raw) : typeI(raw, Op.lb + funct3(raw), halfwords)
}

function decodeStore(raw: u32, halfwords: u32): u64 {
  return funct3(raw) > 3 ? illegal(raw) : typeS(raw, Op.sb + funct3(raw), halfwords)
}

/** Widths 2 and 3: single and double. */
function decodeFloatLoad(raw: u32, halfwords: u32): u64 {
  const width = funct3(raw)
  if (width != 2 && width != 3) return illegal(raw)
  const imm = <u32>(<i32>raw >> 20)
  return makeFloatEntry(Op.flw + width - 2, rd(raw), field1(raw), imm, halfwords)
}

function decodeFloatStore(raw: u32, halfwords: u32): u64 {
  const width = funct3(raw)
  return width == 2 || width == 3 ? typeS(raw, Op.fsw + width - 2, halfwords) : illegal(raw)
}

function decodeImmediate(raw: u32, halfwords: u32): u64 {
  const kind = funct3(raw)
  if (kind != 1 && kind != 5) return typeI(raw, Op.addi + kind, halfwords)
  const funct6 = raw >> 26
  if (funct6 == 0) return typeShift(raw, Op.addi + kind, halfwords)
  if (kind == 5 && funct6 == 0x10) return typeShift(raw, Op.srai, halfwords)
  return shiftUnlessIllegal(raw, immediateBits(raw), halfwords)
}

function decodeImmediateWord(raw: u32, halfwords: u32): u64 {
  const kind = funct3(raw)
  if (kind == 0) return typeI(raw, Op.addiw, halfwords)
  if (kind == 1 && funct7(raw) == 0) return typeShift(raw, Op.slliw, halfwords)
  if (kind == 5 && funct7(raw) == 0) return typeShift(raw, Op.srliw, halfwords)
  if (kind == 5 && funct7(raw) == 0x20) return typeShift(raw, Op.sraiw, halfwords)
  return shiftUnlessIllegal(raw, immediateWordBits(raw), halfwords)
}

function decodeRegister(raw: u32, halfwords: u32): u64 {
  const kind = funct3(raw)
  if (funct7(raw) == 0) return typeR(raw, Op.add + kind, halfwords)
  if (funct7(raw) == 1) return typeR(raw, Op.mul + kind, halfwords)
  if (funct7(raw) == 0x20 && kind == 0) return typeR(raw, Op.sub, halfwords)
  if (funct7(raw) == 0x20 && kind == 5) return typeR(raw, Op.sra, halfwords)
  return typeRUnlessIllegal(raw, registerBits(raw), halfwords)
}

function decodeRegisterWord(raw: u32, halfwords: u32): u64 {
  switch (funct7(raw) << 3 | funct3(raw)) {
    case 0x000: return typeR(raw, Op.addw, halfwords)
    case 0x001: return typeR(raw, Op.sllw, halfwords)
    case 0x005: return typeR(raw, Op.srlw, halfwords)
    case 0x100: return typeR(raw, Op.subw, halfwords)
    case 0x105: return typeR(raw, Op.sraw, halfwords)
    case 0x008: return typeR(raw, Op.mulw, halfwords)
    case 0x00c: return typeR(raw, Op.divw, halfwords)
    case 0x00d: return typeR(raw, Op.divuw, halfwords)
    case 0x00e: return typeR(raw, Op.remw, halfwords)
    case 0x00f: return typeR(raw, Op.remuw, halfwords)
    default: return typeRUnlessIllegal(raw, registerWordBits(raw), halfwords)
  }
}

function decodeBranch(raw: u32, halfwords: u32): u64 {
  const kind = funct3(raw)
  if (kind == 2 || kind == 3) return illegal(raw)
  const op = kind < 2 ? Op.beq + kind : Op.blt + kind - 4
  return makeEntry(op, 0, field1(raw), field2(raw), immediateB(raw) * slotScale, halfwords)
}

function decodeFence(raw: u32, halfwords: u32): u64 {
  if (funct3(raw) > 1) return illegal(raw)
  return makeEntry(funct3(raw) == 1 ? Op.fencei : Op.fence, 0, 0, 0, 0, halfwords)
}

function immediateB(raw: u32): u32 {
  const sign = <u32>(<i32>(raw & 0x80000000) >> 19)
  return sign | (raw & 0x80) << 4 | (raw >> 20 & 0x7e0) | (raw >> 7 & 0x1e)
}

function immediateJ(raw: u32): u32 {
  const sign = <u32>(<i32>(raw & 0x80000000) >> 11)
  return sign | (raw & 0xff000) | (raw >> 9 & 0x800) | (raw >> 20 & 0x7fe)
}

/** The entry of a 4-byte instruction, for whoever keeps it elsewhere. */
export function decodeWord(raw: u32): u64 {
  return decode(raw, 2)
}
