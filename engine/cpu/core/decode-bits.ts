// Which bit-manipulation instruction it is: Zba, Zbb and Zbs, together the B extension
// (unprivileged specification, chapter "B Extension for Bit Manipulation"). Each function has one
// major opcode, and answers an Op; Op.illegal for what none of the three has. Not here: the entry
// that is made of it (decode.ts), and what the instructions do (interpret.ts).

import { Op } from './entry'
import { field2, funct3, funct7 } from './instruction-fields'

/** Two registers: by funct7 and funct3. */
export function registerBits(raw: u32): u32 {
  // tidy: data table
  switch (funct7(raw) << 3 | funct3(raw)) {
    case 0x20 << 3 | 7: return Op.andn
    case 0x20 << 3 | 6: return Op.orn
    case 0x20 << 3 | 4: return Op.xnor
    case 0x05 << 3 | 4: return Op.min
    case 0x05 << 3 | 5: return Op.minu
    case 0x05 << 3 | 6: return Op.max
    case 0x05 << 3 | 7: return Op.maxu
    case 0x30 << 3 | 1: return Op.rol
    case 0x30 << 3 | 5: return Op.ror
    case 0x10 << 3 | 2: return Op.sh1add
    case 0x10 << 3 | 4: return Op.sh2add
    case 0x10 << 3 | 6: return Op.sh3add
    case 0x24 << 3 | 1: return Op.bclr
    case 0x24 << 3 | 5: return Op.bext
    case 0x34 << 3 | 1: return Op.binv
    case 0x14 << 3 | 1: return Op.bset
    default: return Op.illegal
  }
}

/** Two registers, on words or with the first one's low word alone. zext.h has no second one. */
export function registerWordBits(raw: u32): u32 {
  // tidy: data table
  switch (funct7(raw) << 3 | funct3(raw)) {
    case 0x04 << 3 | 0: return Op.adduw
    case 0x10 << 3 | 2: return Op.sh1adduw
    case 0x10 << 3 | 4: return Op.sh2adduw
    case 0x10 << 3 | 6: return Op.sh3adduw
    case 0x30 << 3 | 1: return Op.rolw
    case 0x30 << 3 | 5: return Op.rorw
    case 0x04 << 3 | 4: return field2(raw) == 0 ? <u32>Op.zexth : <u32>Op.illegal
    default: return Op.illegal
  }
}

/** A register and a constant of 6 bits, or the register alone. */
export function immediateBits(raw: u32): u32 {
  const whole = wholeBits(raw)
  if (whole != Op.illegal) return whole
  // tidy: data table
  switch (raw >> 26 << 3 | funct3(raw)) {
    case 0x12 << 3 | 1: return Op.bclri
    case 0x1a << 3 | 1: return Op.binvi
    case 0x0a << 3 | 1: return Op.bseti
    case 0x12 << 3 | 5: return Op.bexti
    case 0x18 << 3 | 5: return Op.rori
    default: return Op.illegal
  }
}

/** The register alone: all twelve bits of the immediate are the instruction's name. */
function wholeBits(raw: u32): u32 {
  // tidy: data table
  switch (raw >> 20 << 3 | funct3(raw)) {
    case 0x600 << 3 | 1: return Op.clz
    case 0x601 << 3 | 1: return Op.ctz
    case 0x602 << 3 | 1: return Op.cpop
    case 0x604 << 3 | 1: return Op.sextb
    case 0x605 << 3 | 1: return Op.sexth
    case 0x287 << 3 | 5: return Op.orcb
    case 0x6b8 << 3 | 5: return Op.rev8
    default: return Op.illegal
  }
}

/** The same on words; slli.uw takes 6 bits of amount, roriw 5. */
export function immediateWordBits(raw: u32): u32 {
  // tidy: data table
  switch (raw >> 20 << 3 | funct3(raw)) {
    case 0x600 << 3 | 1: return Op.clzw
    case 0x601 << 3 | 1: return Op.ctzw
    case 0x602 << 3 | 1: return Op.cpopw
    default: break
  }
  if (funct3(raw) == 1 && raw >> 26 == 2) return Op.slliuw
  return funct3(raw) == 5 && funct7(raw) == 0x30 ? <u32>Op.roriw : <u32>Op.illegal
}
