// A decoded instruction in 8 bytes: what the interpreter reads for each instruction it executes.
//
//   bits 0-7    Op                      bits 16-21  rs1
//   bits 8-13   rd; 32 stands for x0    bits 24-29  rs2
//   bit 14      a region can be entered here; bit 15: it has a block here (decoded-pages.ts)
//   bits 30-31  length in halfwords     bits 32-63  immediate, signed
//
// The immediate of a branch or jal counts entries' bytes (4 for each byte of code), that of an AMO,
// a system, float or illegal instruction is the instruction as it lies in memory.

/** Groups follow funct3, so that decoding adds it to the first of the group. */
export const enum Op {
  undecoded,
  lb, lh, lw, ld, lbu, lhu, lwu,
  sb, sh, sw, sd,
  addi, slli, slti, sltiu, xori, srli, ori, andi, srai,
  addiw, slliw, srliw, sraiw,
  add, sll, slt, sltu, xor, srl, or, and, sub, sra,
  addw, subw, sllw, srlw, sraw,
  mul, mulh, mulhsu, mulhu, div, divu, rem, remu,
  mulw, divw, divuw, remw, remuw,
  lui, auipc, jal, jalr,
  beq, bne, blt, bge, bltu, bgeu,
  fence, fencei, system, amo, illegal,
  flw, fld, fsw, fsd, float,
  // Zba
  adduw, sh1add, sh2add, sh3add, sh1adduw, sh2adduw, sh3adduw, slliuw,
  // Zbb
  andn, orn, xnor, clz, ctz, cpop, clzw, ctzw, cpopw, max, maxu, min, minu, sextb, sexth, zexth,
  rol, ror, rori, rolw, rorw, roriw, orcb, rev8,
  // Zbs
  bclr, bext, binv, bset, bclri, bexti, binvi, bseti,
  enter,
}

/** The place of x0 as a destination: a word that nobody reads. */
const sinkIndex: u32 = 32

export function makeEntry(op: u32, rd: u32, rs1: u32, rs2: u32, imm: u32, halfwords: u32): u64 {
  const to = rd == 0 ? sinkIndex : rd
  return <u64>(op | to << 8 | rs1 << 16 | rs2 << 24 | halfwords << 30) | <u64>imm << 32
}

/** The same, with a floating-point register for rd: f0 is one like the others. */
export function makeFloatEntry(op: u32, fd: u32, rs1: u32, imm: u32, halfwords: u32): u64 {
  return <u64>(op | fd << 8 | rs1 << 16 | halfwords << 30) | <u64>imm << 32
}

@inline
export function opOf(entry: u64): u32 {
  return <u32>entry & 0xff
}

@inline
export function immediateOf(entry: u64): u64 {
  return <u64>(<i64>entry >> 32)
}

/** The next instruction is one entry on; of others it is two. */
@inline
export function isCompressed(word: u32): bool {
  return word >> 30 == 1
}

/** Bytes of the instruction. */
@inline
export function lengthOf(word: u32): u64 {
  return (word >> 29) & 6
}

/** The word that x[rd] is written to; the Hart's registers begin at address 0. */
@inline
export function setRd(word: u32, value: u64): void {
  store<u64>((word >> 5) & 0x1f8, value)
}

@inline
export function rs1(word: u32): u64 {
  return load<u64>((word >> 13) & 0x1f8)
}

@inline
export function rs2(word: u32): u64 {
  return load<u64>((word >> 21) & 0x1f8)
}

/** Of a load or store: which floating-point register. */
@inline
export function floatRd(word: u32): u32 {
  return word >> 8 & 31
}

@inline
export function floatRs2(word: u32): u32 {
  return word >> 24 & 31
}
