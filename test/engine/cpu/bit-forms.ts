// The bit-manipulation instructions of Zba, Zbb and Zbs as words with empty register fields, by
// the shape of their operands. The assembler does not name them: a test says
// `a.word(withFields(…))`.
// Source of the encodings: unprivileged specification, chapter "B Extension for Bit Manipulation".

/** rd, rs1, rs2. */
// tidy: data table
// biome-ignore format: a table
export const pairForms = {
  adduw: 0x0800003b, sh1add: 0x20002033, sh2add: 0x20004033, sh3add: 0x20006033,
  sh1adduw: 0x2000203b, sh2adduw: 0x2000403b, sh3adduw: 0x2000603b,
  andn: 0x40007033, orn: 0x40006033, xnor: 0x40004033,
  max: 0x0a006033, maxu: 0x0a007033, min: 0x0a004033, minu: 0x0a005033,
  rol: 0x60001033, ror: 0x60005033, rolw: 0x6000103b, rorw: 0x6000503b,
  bclr: 0x48001033, bext: 0x48005033, binv: 0x68001033, bset: 0x28001033,
} as const

/** rd, rs1. */
// tidy: data table
// biome-ignore format: a table
export const singleForms = {
  clz: 0x60001013, ctz: 0x60101013, cpop: 0x60201013,
  clzw: 0x6000101b, ctzw: 0x6010101b, cpopw: 0x6020101b,
  sextb: 0x60401013, sexth: 0x60501013, zexth: 0x0800403b, orcb: 0x28705013, rev8: 0x6b805013,
} as const

/** rd, rs1, and an amount of 6 bits; of 5 for roriw. */
// tidy: data table
// biome-ignore format: a table
export const amountForms = {
  slliuw: 0x0800101b, rori: 0x60005013, roriw: 0x6000501b,
  bclri: 0x48001013, bexti: 0x48005013, binvi: 0x68001013, bseti: 0x28001013,
} as const

/** `last` is rs2 or an amount. */
export function withFields(form: number, rd: number, rs1: number, last = 0): number {
  return (form | (rd << 7) | (rs1 << 15) | (last << 20)) >>> 0
}
