// Random instructions that do not jump, for programs that run hot (hot-program.ts), and what the
// registers of such programs mean. Data is reached from one register, which the program moves; all
// registers without a meaning are free to be written.
// Not here: loops, calls and what else makes a program (hot-pieces.ts).

import type { Assembler, CsrName, Register } from '../cpu/assembler.ts'
import { x } from '../cpu/assembler.ts'
import { compressed } from '../differential/compressed.ts'
import type { Draw } from '../differential/draw.ts'
import {
  atomicForms,
  type Form,
  floatForms,
  integerForms,
  loadReserved,
  memoryForms,
  storeConditional,
} from '../differential/instruction-set.ts'

/** The machine's mode, which all but excursions run in. */
export type BaseMode = 'S' | 'M'

export interface Maker {
  readonly a: Assembler
  readonly draw: Draw
  readonly mode: BaseMode
  /** A label that nobody has. */
  fresh(): string
}

/** What random instructions write. */
// tidy: data table
// biome-ignore format: a table
export const free: readonly Register[] = [
  'a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 't0', 't1', 't2', 't3', 't4', 't5', 's4', 's5',
  's6', 's7',
]
/** Addresses of data, loop counters, the program's own random number; the rest is the handler's. */
export const near = 's0'
export const cells = 's1'
export const outer = 's2'
export const inner = 's3'
export const odd = 's8'
export const chance = 's9'
export const stack = 'gp'
export const aliases = 'tp'
export const spare = 't6'

/** Where the harness puts things, in bytes from `cells`. */
export const cellAt = { userReturn: 0, entries: 8, table: 64, word: 256 } as const
/** Pages of code that are mapped in a window of their own, in an order that changes. */
export const aliasPages = 4
/** In each of them: where code may be entered. */
export const aliasEntries = [4, 0x800, 4086] as const
export const functions = 8
export const deviceVa = 0x1000_0000n
export const userVa = 0x6000_0000n

const freeNumbers = free.map(x)
const sources = [...freeNumbers, 0, x(near), x(chance), x(inner)]
export const rd = (n: number) => n << 7
export const rs1 = (n: number) => n << 15
const rs2 = (n: number) => n << 20
const base = (draw: Draw) => rs1(x(draw.once(60) ? odd : near))
const storeAt = (from: number, imm: number) => from | ((imm & 31) << 7) | ((imm >> 5) << 25)
const offset = (draw: Draw) => (draw.once(2) ? 8 * (draw.below(32) - 16) : draw.below(1024) - 512)

/** One function a letter of a form's shape: the bits it puts into the word. */
// tidy: data table
const fieldOf: Readonly<Record<string, (draw: Draw) => number>> = {
  d: (draw) => rd(draw.once(30) ? 0 : draw.from(freeNumbers)),
  s: (draw) => rs1(draw.from(sources)),
  t: (draw) => rs2(draw.from(sources)),
  D: (draw) => rd(draw.below(32)),
  S: (draw) => rs1(draw.below(32)),
  T: (draw) => rs2(draw.below(32)),
  U: (draw) => draw.below(32) << 27,
  i: (draw) => draw.below(4096) << 20,
  u: (draw) => draw.word() & 0xfffff000,
  '6': (draw) => rs2(draw.below(64)),
  '5': (draw) => rs2(draw.below(32)),
  m: (draw) => draw.from([0, 0, 1, 2, 3, 4, 7, 7, 7, 5]) << 12,
  L: (draw) => base(draw) | (offset(draw) << 20),
  P: (draw) => storeAt(base(draw), offset(draw)),
}

const filled = (draw: Draw, { word, shape }: Form) =>
  [...shape].reduce((bits, letter) => bits | (fieldOf[letter]?.(draw) ?? 0), word) >>> 0

const counters: readonly CsrName[] = ['cycle', 'time', 'instret']

/** Instructions in a row; none of them jumps. `kinds` as in `soupKinds`. */
export function soup(maker: Maker, length: number, kinds = soupKinds): void {
  for (let n = 0; n < length; n++) maker.draw.from(kinds)(maker)
}

export type Piece = (maker: Maker) => void
export const integer: Piece = ({ a, draw }) => a.word(filled(draw, draw.from(integerForms)))
export const memory: Piece = ({ a, draw }) => a.word(filled(draw, draw.from(memoryForms)))
export const float: Piece = ({ a, draw }) => a.word(filled(draw, draw.from(floatForms)))
const short: Piece = ({ a, draw }) => {
  for (const byte of pairs(compressed(draw, freeNumbers))) a.half(byte)
}
const counter: Piece = ({ a, draw }) => a.csrrs(draw.from(free), draw.from(counters), 'zero')
const atomic: Piece = ({ a, draw }) => {
  const { word } = draw.from(atomicForms)
  a.addi(spare, draw.once(40) ? odd : near, 8 * (draw.below(32) - 16) + (draw.once(40) ? 2 : 0))
  a.andi(spare, spare, draw.once(40) ? -1 : -8)
  a.word((word | rd(draw.from(freeNumbers)) | rs1(x(spare)) | rs2(draw.from(sources))) >>> 0)
}
const reservation: Piece = ({ a, draw }) => {
  const width = draw.below(2) << 12
  a.andi(spare, near, -8)
  a.word(loadReserved | width | rd(draw.from(freeNumbers)) | rs1(x(spare)))
  if (draw.once(3)) integer({ a, draw, mode: 'S', fresh: () => '' })
  const operands = rd(draw.from(freeNumbers)) | rs1(x(spare)) | rs2(draw.from(sources))
  a.word((storeConditional | width | operands) >>> 0)
}
const scratch: Piece = ({ a, draw, mode }) => {
  const csr = draw.from(['fcsr', 'frm', 'fflags', mode === 'S' ? 'sscratch' : 'mscratch'] as const)
  draw.from([a.csrrw, a.csrrs, a.csrrc])(draw.from(free), csr, draw.from(free))
}
export const trapping: Piece = ({ a, draw }) => {
  draw.from([() => a.ebreak(), () => a.word(0), () => a.word(anyWord(draw)), () => a.fence()])()
}

/** Of an opcode that neither jumps nor reaches memory: most are illegal, or should be. */
const anyWord = (draw: Draw) =>
  ((draw.word() & 0xfffff000) | rd(draw.from(freeNumbers)) | draw.from(registerOpcodes)) >>> 0
const registerOpcodes = [0x13, 0x1b, 0x33, 0x3b, 0x53, 0x43, 0x4f, 0x0b, 0x2b, 0x5b, 0x7b, 0x6b]

const pairs = (bytes: readonly number[]) =>
  Array.from(
    { length: bytes.length / 2 },
    (_, n) => (bytes[2 * n] ?? 0) | ((bytes[2 * n + 1] ?? 0) << 8),
  )

export const often = <T>(times: number, piece: T): T[] => Array.from({ length: times }, () => piece)
export const soupKinds: readonly Piece[] = [
  ...often(30, integer),
  ...often(24, memory),
  ...often(14, float),
  ...often(14, short),
  ...often(4, counter),
  ...often(4, atomic),
  ...often(2, reservation),
  scratch,
]
/** Of 4 bytes each, without a base register that only the base mode can use. */
export const userKinds: readonly Piece[] = [
  ...often(8, integer),
  ...often(3, memory),
  float,
  counter,
]
