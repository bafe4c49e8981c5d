// The instructions that streams are made of, as words with empty fields and the shape of what goes
// into the fields; and the way back, from a word to its name, for the line that a failure prints.
// Not here: compressed instructions (compressed.ts) and control flow (stream.ts).
// Source: unprivileged specification, "RV32/64G Instruction Set Listings".

import { amountForms, pairForms, singleForms } from '../cpu/bit-forms.ts'

/**
 * Operands by letter: d, s, t integer registers, D, S, T, U floating-point ones; i 12 bits, u 20
 * bits, 6 and 5 shift amounts, m a rounding mode; L, P an address for loads and stores.
 */
export type Shape =
  | ('dst' | 'dsi' | 'ds6' | 'ds5' | 'du' | 'ds')
  | ('dL' | 'DL' | 'tP' | 'TP')
  | ('DST' | 'DSTm' | 'DSTUm' | 'DSm' | 'dST' | 'dS' | 'dSm' | 'Ds' | 'Dsm')
export interface Form {
  readonly name: string
  readonly word: number
  readonly shape: Shape
}

const listed = (shape: Shape, forms: Readonly<Record<string, number>>): Form[] =>
  Object.entries(forms).map(([name, word]) => ({ name, word, shape }))

// tidy: data table
// biome-ignore format: a table
export const integerForms: readonly Form[] = [
  ...listed('dst', {
    add: 0x33, sub: 0x40000033, sll: 0x1033, slt: 0x2033, sltu: 0x3033, xor: 0x4033, srl: 0x5033,
    sra: 0x40005033, or: 0x6033, and: 0x7033, addw: 0x3b, subw: 0x4000003b, sllw: 0x103b,
    srlw: 0x503b, sraw: 0x4000503b, mul: 0x2000033, mulh: 0x2001033, mulhsu: 0x2002033,
    mulhu: 0x2003033, div: 0x2004033, divu: 0x2005033, rem: 0x2006033, remu: 0x2007033,
    mulw: 0x200003b, divw: 0x200403b, divuw: 0x200503b, remw: 0x200603b, remuw: 0x200703b,
    ...pairForms,
  }),
  ...listed('dsi', {
    addi: 0x13, slti: 0x2013, sltiu: 0x3013, xori: 0x4013, ori: 0x6013, andi: 0x7013, addiw: 0x1b,
  }),
  ...listed('ds6', { slli: 0x1013, srli: 0x5013, srai: 0x40005013 }),
  ...listed('ds5', { slliw: 0x101b, srliw: 0x501b, sraiw: 0x4000501b, roriw: amountForms.roriw }),
  ...listed('ds6', {
    slliuw: amountForms.slliuw, rori: amountForms.rori, bclri: amountForms.bclri,
    bexti: amountForms.bexti, binvi: amountForms.binvi, bseti: amountForms.bseti,
  }),
  ...listed('ds', singleForms),
  ...listed('du', { lui: 0x37, auipc: 0x17 }),
]

// tidy: data table
// biome-ignore format: a table
export const memoryForms: readonly Form[] = [
  ...listed('dL', {
    lb: 0x03, lh: 0x1003, lw: 0x2003, ld: 0x3003, lbu: 0x4003, lhu: 0x5003, lwu: 0x6003,
  }),
  ...listed('tP', { sb: 0x23, sh: 0x1023, sw: 0x2023, sd: 0x3023 }),
  ...listed('DL', { flw: 0x2007, fld: 0x3007 }),
  ...listed('TP', { fsw: 0x2027, fsd: 0x3027 }),
]

/** Of the single format; `doubleBit` makes the same of doubles. */
// tidy: data table
// biome-ignore format: a table
const eitherFormat: readonly Form[] = [
  ...listed('DSTm', { fadd: 0x53, fsub: 0x8000053, fmul: 0x10000053, fdiv: 0x18000053 }),
  ...listed('DST', {
    fsgnj: 0x20000053, fsgnjn: 0x20001053, fsgnjx: 0x20002053, fmin: 0x28000053, fmax: 0x28001053,
  }),
  ...listed('DSm', { fsqrt: 0x58000053 }),
  ...listed('dST', { fle: 0xa0000053, flt: 0xa0001053, feq: 0xa0002053 }),
  ...listed('dSm', {
    fcvtw: 0xc0000053, fcvtwu: 0xc0100053, fcvtl: 0xc0200053, fcvtlu: 0xc0300053,
  }),
  ...listed('Dsm', {
    fcvtfromw: 0xd0000053, fcvtfromwu: 0xd0100053, fcvtfroml: 0xd0200053, fcvtfromlu: 0xd0300053,
  }),
  ...listed('dS', { fmvx: 0xe0000053, fclass: 0xe0001053 }),
  ...listed('Ds', { fmvfromx: 0xf0000053 }),
  ...listed('DSTUm', { fmadd: 0x43, fmsub: 0x47, fnmsub: 0x4b, fnmadd: 0x4f }),
]
const doubleBit = 1 << 25
export const floatForms: readonly Form[] = [
  ...eitherFormat.map((form) => ({ ...form, name: `${form.name}.s` })),
  ...eitherFormat.map((form) => ({
    ...form,
    name: `${form.name}.d`,
    word: (form.word | doubleBit) >>> 0,
  })),
  ...listed('DSm', { 'fcvt.s.d': 0x40100053, 'fcvt.d.s': 0x42000053 }),
]

/** On words; widthBit makes the same of doublewords. The address is rs1 alone. */
// tidy: data table
// biome-ignore format: a table
const eitherWidth: readonly Form[] = listed('dst', {
  amoadd: 0x202f, amoswap: 0x800202f, amoxor: 0x2000202f, amoor: 0x4000202f, amoand: 0x6000202f,
  amomin: 0x8000202f, amomax: 0xa000202f, amominu: 0xc000202f, amomaxu: 0xe000202f,
})
const widthBit = 1 << 12
export const atomicForms: readonly Form[] = [
  ...eitherWidth.map((form) => ({ ...form, name: `${form.name}.w` })),
  ...eitherWidth.map((form) => ({ ...form, name: `${form.name}.d`, word: form.word | widthBit })),
]
export const loadReserved = 0x1000202f
export const storeConditional = 0x1800202f

/** Which bits of a word its operands take. */
// tidy: data table
const operandBits: Readonly<Record<string, number>> = {
  d: 0xf80,
  D: 0xf80,
  s: 0xf8000,
  S: 0xf8000,
  t: 0x1f00000,
  T: 0x1f00000,
  U: 0xf8000000,
  i: 0xfff00000,
  u: 0xfffff000,
  '6': 0x3f00000,
  '5': 0x1f00000,
  m: 0x7000,
  L: 0xfff00000 | 0xf8000,
  P: 0xfe000f80 | 0xf8000,
}

export const operandMask = (shape: Shape): number =>
  [...shape].reduce((bits, letter) => bits | (operandBits[letter] ?? 0), 0) >>> 0

const named: readonly Form[] = [
  ...[...integerForms, ...memoryForms, ...floatForms, ...atomicForms],
  ...listed('dst', { 'sc.w': storeConditional, 'sc.d': storeConditional | widthBit }),
  ...listed('ds', { 'lr.w': loadReserved, 'lr.d': loadReserved | widthBit }),
  ...listed('dsi', { csrrw: 0x1073, csrrs: 0x2073, csrrc: 0x3073, jalr: 0x67 }),
  ...listed('dsi', { csrrwi: 0x5073, csrrsi: 0x6073, csrrci: 0x7073 }),
  ...listed('tP', { beq: 0x63, bne: 0x1063, blt: 0x4063, bge: 0x5063, bltu: 0x6063, bgeu: 0x7063 }),
  ...listed('du', { jal: 0x6f }),
]

/** A word in few letters: its name, rd, rs1 and rs2 fields, and the word itself. */
export function tell(word: number): string {
  const hex = word.toString(16).padStart((word & 3) === 3 ? 8 : 4, '0')
  if ((word & 3) !== 3) return `${hex} (compressed)`
  const fits = ({ word: form, shape }: Form) => (word & ~operandMask(shape)) >>> 0 === form >>> 0
  const name = named.find(fits)?.name ?? '?'
  return `${hex} ${name} d${(word >> 7) & 31} s${(word >> 15) & 31} t${(word >> 20) & 31}`
}
