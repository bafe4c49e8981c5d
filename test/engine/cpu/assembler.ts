// A small RISC-V assembler, so that tests can say in instructions what they mean: RV64IMAC's
// uncompressed forms, Zicsr, the privileged instructions, labels, li and la. Compressed code is
// given as `half` words, data as `dword`. Not here: relocations, sections, a text syntax. Registers
// go by their ABI names.
// Source of the encodings: unprivileged specification, "RV32/64G Instruction Set Listings".

// tidy: data table
// biome-ignore format: a table
const registerNames = [
  'zero', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1', 'a0', 'a1', 'a2', 'a3', 'a4', 'a5',
  'a6', 'a7', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11', 't3', 't4', 't5', 't6',
] as const
export type Register = (typeof registerNames)[number]

/** The x number of a register. */
export const x = (register: Register): number => registerNames.indexOf(register)

/** funct7 and funct3 by name. */
// tidy: data table
// biome-ignore format: a table
const registerForms = {
  add: [0x33, 0x00, 0], sub: [0x33, 0x20, 0], sll: [0x33, 0x00, 1], slt: [0x33, 0x00, 2],
  sltu: [0x33, 0x00, 3], xor: [0x33, 0x00, 4], srl: [0x33, 0x00, 5], sra: [0x33, 0x20, 5],
  or: [0x33, 0x00, 6], and: [0x33, 0x00, 7],
  addw: [0x3b, 0x00, 0], subw: [0x3b, 0x20, 0], sllw: [0x3b, 0x00, 1], srlw: [0x3b, 0x00, 5],
  sraw: [0x3b, 0x20, 5],
  mul: [0x33, 1, 0], mulh: [0x33, 1, 1], mulhsu: [0x33, 1, 2], mulhu: [0x33, 1, 3],
  div: [0x33, 1, 4], divu: [0x33, 1, 5], rem: [0x33, 1, 6], remu: [0x33, 1, 7],
  mulw: [0x3b, 1, 0], divw: [0x3b, 1, 4], divuw: [0x3b, 1, 5], remw: [0x3b, 1, 6],
  remuw: [0x3b, 1, 7],
} as const

// tidy: data table
// biome-ignore format: a table
const immediateForms = {
  addi: [0x13, 0], slti: [0x13, 2], sltiu: [0x13, 3], xori: [0x13, 4], ori: [0x13, 6],
  andi: [0x13, 7], addiw: [0x1b, 0], jalr: [0x67, 0],
} as const

// tidy: data table
// biome-ignore format: a table
const shiftForms = {
  slli: [0x13, 1, 0], srli: [0x13, 5, 0], srai: [0x13, 5, 0x400],
  slliw: [0x1b, 1, 0], srliw: [0x1b, 5, 0], sraiw: [0x1b, 5, 0x400],
} as const

const loadForms = { lb: 0, lh: 1, lw: 2, ld: 3, lbu: 4, lhu: 5, lwu: 6 } as const
const storeForms = { sb: 0, sh: 1, sw: 2, sd: 3 } as const
const branchForms = { beq: 0, bne: 1, blt: 4, bge: 5, bltu: 6, bgeu: 7 } as const
const csrForms = { csrrw: 1, csrrs: 2, csrrc: 3 } as const
const csrImmediateForms = { csrrwi: 5, csrrsi: 6, csrrci: 7 } as const

// tidy: data table
// biome-ignore format: a table
const atomicForms = {
  amoadd: 0, amoswap: 1, sc: 3, amoxor: 4, amoor: 8, amoand: 12, amomin: 16, amomax: 20,
  amominu: 24, amomaxu: 28,
} as const

// tidy: data table
// biome-ignore format: a table
const wholeForms = {
  ecall: 0x00000073, ebreak: 0x00100073, sret: 0x10200073, mret: 0x30200073, wfi: 0x10500073,
  fence: 0x0ff0000f, fencei: 0x0000100f, nop: 0x00000013,
} as const

/** Numbers of the CSRs that tests name. */
// tidy: data table
// biome-ignore format: a table
export const csrNumbers = {
  fflags: 0x001, frm: 0x002, fcsr: 0x003,
  sstatus: 0x100, sie: 0x104, stvec: 0x105, scounteren: 0x106, senvcfg: 0x10a, sscratch: 0x140,
  sepc: 0x141, scause: 0x142, stval: 0x143, sip: 0x144, stimecmp: 0x14d, satp: 0x180,
  mstatus: 0x300, misa: 0x301, medeleg: 0x302, mideleg: 0x303, mie: 0x304, mtvec: 0x305,
  mcounteren: 0x306, menvcfg: 0x30a, mscratch: 0x340, mepc: 0x341, mcause: 0x342, mtval: 0x343,
  mip: 0x344, pmpcfg0: 0x3a0, pmpcfg2: 0x3a2, pmpaddr0: 0x3b0, pmpaddr1: 0x3b1, pmpaddr2: 0x3b2,
  pmpaddr15: 0x3bf, pmpaddr16: 0x3c0, tselect: 0x7a0, tdata1: 0x7a1, mcycle: 0xb00, minstret: 0xb02, cycle: 0xc00,
  time: 0xc01, instret: 0xc02, hpmcounter3: 0xc03, mhartid: 0xf14,
} as const
export type CsrName = keyof typeof csrNumbers

type Emit<Names extends string, Args extends unknown[]> = {
  readonly [Name in Names]: (...args: Args) => void
}
/** A label, or an address. */
type Place = string | bigint

export interface Assembler
  extends Emit<keyof typeof registerForms, [rd: Register, rs1: Register, rs2: Register]>,
    Emit<keyof typeof immediateForms, [rd: Register, rs1: Register, imm: number]>,
    Emit<keyof typeof shiftForms, [rd: Register, rs1: Register, amount: number]>,
    Emit<keyof typeof loadForms, [rd: Register, offset: number, base: Register]>,
    Emit<keyof typeof storeForms, [rs2: Register, offset: number, base: Register]>,
    Emit<keyof typeof branchForms, [rs1: Register, rs2: Register, to: Place]>,
    Emit<keyof typeof csrForms, [rd: Register, csr: CsrName, rs1: Register]>,
    Emit<keyof typeof csrImmediateForms, [rd: Register, csr: CsrName, imm: number]>,
    Emit<AtomicName, [rd: Register, rs2: Register, address: Register]>,
    Emit<'lrw' | 'lrd', [rd: Register, address: Register]>,
    Emit<keyof typeof wholeForms, []> {
  lui(rd: Register, imm: number): void
  auipc(rd: Register, imm: number): void
  jal(rd: Register, to: Place): void
  /** Any 64-bit value, in 1 to 8 instructions. */
  li(rd: Register, value: bigint | number): void
  /** An address within 2 GiB of here, in two instructions. */
  la(rd: Register, to: Place): void
  sfence(address: Register): void
  label(name: string): void
  /** Fills with zero bytes up to a multiple of `bytes`. */
  align(bytes: number): void
  /** Instructions of 2 bytes that do nothing, up to `offset` behind a multiple of `bytes`. */
  nopsTo(bytes: number, offset: number): void
  word(value: number): void
  half(value: number): void
  dword(value: bigint): void
}
type AtomicName = `${keyof typeof atomicForms}${'w' | 'd'}`

export interface Program {
  readonly bytes: Uint8Array
  /** Where a label is. */
  addressOf(label: string): bigint
}

const mask = (bits: number) => (1 << bits) - 1

/** Assembles for the address `origin`. */
export function assemble(origin: bigint, write: (a: Assembler) => void): Program {
  const code = new Code(origin)
  write(assemblerOn(code))
  return code.finish()
}

/** Bytes so far, labels, and what waits for labels that come later. */
class Code {
  readonly #origin: bigint
  readonly #bytes: number[] = []
  readonly #labels = new Map<string, bigint>()
  readonly #fixups: (() => void)[] = []

  constructor(origin: bigint) {
    this.#origin = origin
  }

  get here(): bigint {
    return this.#origin + BigInt(this.#bytes.length)
  }

  label(name: string): void {
    this.#labels.set(name, this.here)
  }

  emit(value: bigint, size: number): void {
    for (let i = 0; i < size; i++) this.#bytes.push(Number((value >> BigInt(8 * i)) & 0xffn))
  }

  word(value: number): void {
    this.emit(BigInt(value >>> 0), 4)
  }

  /**
   * A word that is known once all labels are: `encode` gets the distance from here to the place.
   */
  relative(to: Place, from: bigint, encode: (distance: number) => number): void {
    const at = this.#bytes.length
    this.word(0)
    this.#fixups.push(() => {
      const word = encode(Number(this.addressOf(to) - from)) >>> 0
      for (let i = 0; i < 4; i++) this.#bytes[at + i] = (word >>> (8 * i)) & 0xff
    })
  }

  addressOf(to: Place): bigint {
    if (typeof to === 'bigint') return to
    const address = this.#labels.get(to)
    if (address === undefined) throw new Error(`There is no label ${to}`)
    return address
  }

  finish(): Program {
    for (const fix of this.#fixups) fix()
    return { bytes: Uint8Array.from(this.#bytes), addressOf: (label) => this.addressOf(label) }
  }
}

function assemblerOn(code: Code): Assembler {
  return { ...tableForms(code), ...singleForms(code), ...directives(code) } as Assembler
}

/** One function for each name of the tables above. */
function tableForms(code: Code) {
  const each = <T>(forms: Record<string, T>, make: (form: T) => (...args: never[]) => void) =>
    Object.fromEntries(Object.entries(forms).map(([name, form]) => [name, make(form)]))
  return {
    ...each(
      registerForms,
      ([major, funct7, funct3]) =>
        (d: Register, s: Register, t: Register) =>
          code.word(
            major | (x(d) << 7) | (funct3 << 12) | (x(s) << 15) | (x(t) << 20) | (funct7 << 25),
          ),
    ),
    ...each(
      immediateForms,
      ([major, funct3]) =>
        (d: Register, s: Register, imm: number) =>
          code.word(typeI(major, funct3, d, s, imm)),
    ),
    ...each(
      shiftForms,
      ([major, funct3, kind]) =>
        (d: Register, s: Register, amount: number) =>
          code.word(typeI(major, funct3, d, s, amount | kind)),
    ),
    ...each(
      loadForms,
      (funct3) => (d: Register, offset: number, base: Register) =>
        code.word(typeI(0x03, funct3, d, base, offset)),
    ),
    ...each(
      storeForms,
      (funct3) => (t: Register, offset: number, base: Register) =>
        code.word(typeS(funct3, t, base, offset)),
    ),
    ...each(
      branchForms,
      (funct3) => (s: Register, t: Register, to: Place) =>
        code.relative(to, code.here, (distance) => typeB(funct3, s, t, distance)),
    ),
    ...each(
      csrForms,
      (funct3) => (d: Register, csr: CsrName, s: Register) =>
        code.word(typeI(0x73, funct3, d, s, csrNumbers[csr])),
    ),
    ...each(
      csrImmediateForms,
      (funct3) => (d: Register, csr: CsrName, imm: number) =>
        code.word(0x73 | (x(d) << 7) | (funct3 << 12) | (imm << 15) | (csrNumbers[csr] << 20)),
    ),
    ...each(wholeForms, (word) => () => code.word(word)),
    ...atomics(code),
  }
}

function atomics(code: Code) {
  const forms: Record<string, unknown> = {}
  for (const [suffix, width] of [['w', 2] as const, ['d', 3] as const]) {
    const emit = (kind: number, d: Register, t: Register, address: Register) =>
      code.word(
        0x2f | (x(d) << 7) | (width << 12) | (x(address) << 15) | (x(t) << 20) | (kind << 27),
      )
    for (const [name, kind] of Object.entries(atomicForms)) {
      forms[name + suffix] = (d: Register, t: Register, s: Register) => emit(kind, d, t, s)
    }
    forms[`lr${suffix}`] = (d: Register, s: Register) => emit(2, d, 'zero', s)
  }
  return forms
}

function singleForms(code: Code) {
  return {
    lui: (d: Register, imm: number) => code.word(0x37 | (x(d) << 7) | (imm << 12)),
    auipc: (d: Register, imm: number) => code.word(0x17 | (x(d) << 7) | (imm << 12)),
    jal: (d: Register, to: Place) => code.relative(to, code.here, (off) => typeJ(d, off)),
    sfence: (address: Register) => code.word(0x12000073 | (x(address) << 15)),
    li: (d: Register, value: bigint | number) => loadImmediate(code, d, BigInt(value)),
    la: (d: Register, to: Place) => {
      const from = code.here
      const upper = (off: number) => (off + 0x800) & ~0xfff
      code.relative(to, from, (off) => 0x17 | (x(d) << 7) | upper(off))
      code.relative(to, from, (off) => typeI(0x13, 0, d, d, off - upper(off)))
    },
  }
}

function directives(code: Code) {
  return {
    label: (name: string) => code.label(name),
    align: (bytes: number) => {
      while (code.here % BigInt(bytes) !== 0n) code.emit(0n, 1)
    },
    nopsTo: (bytes: number, offset: number) => {
      while (code.here % BigInt(bytes) !== BigInt(offset)) code.emit(1n, 2)
    },
    word: (value: number) => code.word(value),
    half: (value: number) => code.emit(BigInt(value), 2),
    dword: (value: bigint) => code.emit(value, 8),
  }
}

/** The top 32 bits first, then 12 bits at a time. */
function loadImmediate(code: Code, rd: Register, value: bigint): void {
  const signed = BigInt.asIntN(64, value)
  const low = BigInt.asIntN(12, signed)
  const rest = signed - low
  if (rest === 0n) {
    code.word(typeI(0x13, 0, rd, 'zero', Number(low)))
    return
  }
  if (BigInt.asIntN(32, signed) === signed) {
    code.word(0x37 | (x(rd) << 7) | Number(BigInt.asIntN(32, rest)))
    if (low !== 0n) code.word(typeI(0x1b, 0, rd, rd, Number(low)))
    return
  }
  loadImmediate(code, rd, rest >> 12n)
  code.word(typeI(0x13, 1, rd, rd, 12))
  if (low !== 0n) code.word(typeI(0x13, 0, rd, rd, Number(low)))
}

function typeI(major: number, funct3: number, rd: Register, rs1: Register, imm: number): number {
  return major | (x(rd) << 7) | (funct3 << 12) | (x(rs1) << 15) | (imm << 20)
}

function typeS(funct3: number, rs2: Register, rs1: Register, imm: number): number {
  const [low, high] = [imm & 31, imm >> 5]
  return 0x23 | (low << 7) | (funct3 << 12) | (x(rs1) << 15) | (x(rs2) << 20) | (high << 25)
}

function typeB(funct3: number, rs1: Register, rs2: Register, off: number): number {
  const low = (((off >> 11) & 1) << 7) | (((off >> 1) & mask(4)) << 8)
  const high = (((off >> 5) & mask(6)) << 25) | (((off >> 12) & 1) << 31)
  return 0x63 | low | (funct3 << 12) | (x(rs1) << 15) | (x(rs2) << 20) | high
}

function typeJ(rd: Register, off: number): number {
  const low = (((off >> 12) & mask(8)) << 12) | (((off >> 11) & 1) << 20)
  const high = (((off >> 1) & mask(10)) << 21) | (((off >> 20) & 1) << 31)
  return 0x6f | (x(rd) << 7) | low | high
}
