// The C extension: each 16-bit instruction has a 32-bit one of the same meaning, to which it is
// expanded here (unprivileged specification, "RVC Instruction Set Listings"). 0 stands for illegal.
// Reserved encodings are illegal, hints are what they expand to.

/** Bits hi to lo of a half, as a number. */
@inline
function bits(half: u32, hi: u32, lo: u32): u32 {
  return half >> lo & (1 << (hi - lo + 1)) - 1
}

/** Major opcodes that expansions use. */
const enum To {
  load = 0x03, floatLoad = 0x07, floatStore = 0x27,
  immediate = 0x13, immediateWord = 0x1b, store = 0x23, register = 0x33,
  lui = 0x37, registerWord = 0x3b, branch = 0x63, jalr = 0x67, jal = 0x6f,
}
const enum Register { zero = 0, ra = 1, sp = 2 }
const ebreak: u32 = 0x00100073

function typeI(major: u32, funct3: u32, rd: u32, rs1: u32, imm: u32): u32 {
  return major | rd << 7 | funct3 << 12 | rs1 << 15 | imm << 20
}
function typeS(funct3: u32, rs1: u32, rs2: u32, imm: u32): u32 {
  return To.store | (imm & 31) << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | imm >> 5 << 25
}
/** The same with another major opcode. */
function typeFloatS(rs1: u32, rs2: u32, imm: u32): u32 {
  return typeS(3, rs1, rs2, imm) ^ To.store ^ To.floatStore
}
function typeR(major: u32, funct3: u32, funct7: u32, rd: u32, rs2: u32): u32 {
  return major | rd << 7 | funct3 << 12 | rd << 15 | rs2 << 20 | funct7 << 25
}
function typeB(funct3: u32, rs1: u32, imm: u32): u32 {
  return To.branch | (imm >> 11 & 1) << 7 | (imm >> 1 & 15) << 8 | funct3 << 12 | rs1 << 15 |
    (imm >> 5 & 63) << 25 | (imm >> 12 & 1) << 31
}
function typeJ(rd: u32, imm: u32): u32 {
  return To.jal | rd << 7 | (imm >> 12 & 255) << 12 | (imm >> 11 & 1) << 20 |
    (imm >> 1 & 1023) << 21 | (imm >> 20 & 1) << 31
}

/** The 6-bit immediate that most of them have: bit 5 in bit 12, the rest in bits 6 to 2. */
function immediate6(half: u32): u32 {
  return (bits(half, 12, 12) ? 0xffffffe0 : 0) | bits(half, 6, 2)
}
/** A shift amount: the same bits, unsigned. */
function shift6(half: u32): u32 {
  return bits(half, 12, 12) << 5 | bits(half, 6, 2)
}
/** The registers x8 to x15, in bits 9 to 7 and 4 to 2. */
function upper(half: u32): u32 {
  return bits(half, 9, 7) + 8
}
function lower(half: u32): u32 {
  return bits(half, 4, 2) + 8
}
function rdOf(half: u32): u32 {
  return bits(half, 11, 7)
}

export function expand(half: u32): u32 {
  if ((half & 3) == 0) return expandQuadrant0(half)
  return (half & 3) == 1 ? expandQuadrant1(half) : expandQuadrant2(half)
}

function expandQuadrant0(half: u32): u32 {
  const word = bits(half, 12, 10) << 3 | bits(half, 6, 6) << 2 | bits(half, 5, 5) << 6
  const double = bits(half, 12, 10) << 3 | bits(half, 6, 5) << 6
  switch (half >> 13) {
    case 0: return addi4spn(half)
    case 1: return typeI(To.floatLoad, 3, lower(half), upper(half), double)
    case 2: return typeI(To.load, 2, lower(half), upper(half), word)
    case 3: return typeI(To.load, 3, lower(half), upper(half), double)
    case 5: return typeFloatS(upper(half), lower(half), double)
    case 6: return typeS(2, upper(half), lower(half), word)
    case 7: return typeS(3, upper(half), lower(half), double)
    default: return 0
  }
}

function addi4spn(half: u32): u32 {
  const imm = bits(half, 12, 11) << 4 | bits(half, 10, 7) << 6 | bits(half, 6, 6) << 2 |
    bits(half, 5, 5) << 3
  return imm == 0 ? 0 : typeI(To.immediate, 0, lower(half), Register.sp, imm)
}

function expandQuadrant1(half: u32): u32 {
  const rd = rdOf(half)
  switch (half >> 13) {
    case 0: return typeI(To.immediate, 0, rd, rd, immediate6(half))
    case 1: return rd == 0 ? 0 : typeI(To.immediateWord, 0, rd, rd, immediate6(half))
    case 2: return typeI(To.immediate, 0, rd, Register.zero, immediate6(half))
    case 3: return rd == Register.sp ? addi16sp(half) : loadUpper(half)
    case 4: return expandArithmetic(half)
    case 5: return typeJ(Register.zero, jumpOffset(half))
    case 6: return typeB(0, upper(half), branchOffset(half))
    default: return typeB(1, upper(half), branchOffset(half))
  }
}

function addi16sp(half: u32): u32 {
  const imm = (bits(half, 12, 12) ? 0xfffffe00 : 0) | bits(half, 6, 6) << 4 |
    bits(half, 5, 5) << 6 | bits(half, 4, 3) << 7 | bits(half, 2, 2) << 5
  return imm == 0 ? 0 : typeI(To.immediate, 0, Register.sp, Register.sp, imm)
}

function loadUpper(half: u32): u32 {
  const imm = immediate6(half)
  return imm == 0 ? 0 : To.lui | rdOf(half) << 7 | imm << 12
}

function expandArithmetic(half: u32): u32 {
  const rd = upper(half)
  switch (bits(half, 11, 10)) {
    case 0: return typeI(To.immediate, 5, rd, rd, shift6(half))
    case 1: return typeI(To.immediate, 5, rd, rd, shift6(half) | 0x400)
    case 2: return typeI(To.immediate, 7, rd, rd, immediate6(half))
    default: return expandRegisters(half, rd, lower(half))
  }
}

/** Bit 12 and bits 6 to 5 choose: sub, xor, or, and, subw, addw. */
function expandRegisters(half: u32, rd: u32, rs2: u32): u32 {
  switch (bits(half, 12, 12) << 2 | bits(half, 6, 5)) {
    case 0: return typeR(To.register, 0, 0x20, rd, rs2)
    case 1: return typeR(To.register, 4, 0, rd, rs2)
    case 2: return typeR(To.register, 6, 0, rd, rs2)
    case 3: return typeR(To.register, 7, 0, rd, rs2)
    case 4: return typeR(To.registerWord, 0, 0x20, rd, rs2)
    case 5: return typeR(To.registerWord, 0, 0, rd, rs2)
    default: return 0
  }
}

function jumpOffset(half: u32): u32 {
  return (bits(half, 12, 12) ? 0xfffff800 : 0) | bits(half, 11, 11) << 4 | bits(half, 10, 9) << 8 |
    bits(half, 8, 8) << 10 | bits(half, 7, 7) << 6 | bits(half, 6, 6) << 7 | bits(half, 5, 3) << 1 |
    bits(half, 2, 2) << 5
}

function branchOffset(half: u32): u32 {
  return (bits(half, 12, 12) ? 0xffffff00 : 0) | bits(half, 11, 10) << 3 | bits(half, 6, 5) << 6 |
    bits(half, 4, 3) << 1 | bits(half, 2, 2) << 5
}

function expandQuadrant2(half: u32): u32 {
  const rd = rdOf(half)
  switch (half >> 13) {
    case 0: return typeI(To.immediate, 1, rd, rd, shift6(half))
    case 1: return typeI(To.floatLoad, 3, rd, Register.sp, stackLoadDouble(half))
    case 2: return rd == 0 ? 0 : typeI(To.load, 2, rd, Register.sp, stackLoadWord(half))
    case 3: return rd == 0 ? 0 : typeI(To.load, 3, rd, Register.sp, stackLoadDouble(half))
    case 4: return expandJumpsAndMoves(half, rd, bits(half, 6, 2))
    case 5: return typeFloatS(Register.sp, bits(half, 6, 2), stackStoreDouble(half))
    case 6: return typeS(2, Register.sp, bits(half, 6, 2), stackStoreWord(half))
    case 7: return typeS(3, Register.sp, bits(half, 6, 2), stackStoreDouble(half))
    default: return 0
  }
}

function stackLoadWord(half: u32): u32 {
  return bits(half, 12, 12) << 5 | bits(half, 6, 4) << 2 | bits(half, 3, 2) << 6
}
function stackLoadDouble(half: u32): u32 {
  return bits(half, 12, 12) << 5 | bits(half, 6, 5) << 3 | bits(half, 4, 2) << 6
}

function stackStoreWord(half: u32): u32 {
  return bits(half, 12, 9) << 2 | bits(half, 8, 7) << 6
}
function stackStoreDouble(half: u32): u32 {
  return bits(half, 12, 10) << 3 | bits(half, 9, 7) << 6
}

/** c.jr, c.mv, c.ebreak, c.jalr, c.add. */
function expandJumpsAndMoves(half: u32, rd: u32, rs2: u32): u32 {
  if (bits(half, 12, 12) == 0) {
    if (rs2 != 0) return To.register | rd << 7 | rs2 << 20
    return rd == 0 ? 0 : typeI(To.jalr, 0, Register.zero, rd, 0)
  }
  if (rs2 != 0) return typeR(To.register, 0, 0, rd, rs2)
  return rd == 0 ? ebreak : typeI(To.jalr, 0, Register.ra, rd, 0)
}
