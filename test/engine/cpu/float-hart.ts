// A hart that does one floating-point instruction at a time, for tests: operands and fcsr in,
// result and flags out. The operands are f1, f2, f3 and x10, the results f0 and x11.
// Source of the encodings: unprivileged specification, "RV32/64G Instruction Set Listings".

import type { Assembler } from './assembler.ts'
import { TestHart } from './test-hart.ts'

export const singleFormat = 0
export const doubleFormat = 1
/** rm = "whatever frm says". */
export const dynamic = 7

// tidy: data table
// biome-ignore format: a table
const kinds = {
  add: 0, sub: 1, mul: 2, div: 3, sgnj: 4, minmax: 5, convertFormat: 8, sqrt: 11, compare: 20,
  toInteger: 24, fromInteger: 26, toX: 28, fromX: 30,
} as const
export type Kind = keyof typeof kinds

export interface FloatForm {
  readonly kind: Kind
  readonly format: number
  /** The rounding field, or what chooses among instructions of a kind. */
  readonly funct3?: number
  /** The rs2 field; f2 when not given. */
  readonly rs2?: number
}

/** Its destination is f0, or x11. */
export function floatWord({ kind, format, funct3 = dynamic, rs2 = 2 }: FloatForm): number {
  const toX = kind === 'compare' || kind === 'toInteger' || kind === 'toX'
  const fromX = kind === 'fromInteger' || kind === 'fromX'
  return (
    0x53 |
    ((toX ? 11 : 0) << 7) |
    (funct3 << 12) |
    ((fromX ? 10 : 1) << 15) |
    (rs2 << 20) |
    (format << 25) |
    (kinds[kind] << 27)
  )
}

/** fmadd, fmsub, fnmsub, fnmadd: f0 = ±(f1 x f2) ± f3. */
export function fusedWord(variant: number, format: number, rounding: number): number {
  const registers = (1 << 15) | (2 << 20) | (3 << 27)
  return (0x43 + 4 * variant) | (rounding << 12) | (format << 25) | registers
}

const moveToDouble = (f: number, x: number) => (0x53 | (f << 7) | (x << 15) | (0x79 << 25)) >>> 0
const moveFromDouble = (x: number, f: number) => (0x53 | (x << 7) | (f << 15) | (0x71 << 25)) >>> 0
/** Turns the instructions off, which firmware leaves on: mstatus.FS = off. */
export const floatOff = (a: Assembler) => {
  a.li('t0', 0x6000)
  a.csrrc('zero', 'sstatus', 't0')
}
/** Turns them on: mstatus.FS = initial. */
export const floatOn = (a: Assembler) => {
  floatOff(a)
  a.li('t0', 0x2000)
  a.csrrs('zero', 'sstatus', 't0')
}

export interface FloatOperands {
  /** f1, f2 and f3, all 64 bits of them. */
  readonly f?: readonly bigint[]
  readonly x?: bigint
  readonly fcsr?: number
}
export interface FloatResult {
  readonly f: bigint
  readonly x: bigint
  readonly fcsr: number
  readonly sstatus: bigint
}

export class FloatHart {
  readonly #hart: TestHart
  readonly #place: number

  constructor() {
    this.#hart = new TestHart((a) => {
      floatOn(a)
      a.word(moveToDouble(1, 12))
      a.word(moveToDouble(2, 13))
      a.word(moveToDouble(3, 14))
      a.csrrw('zero', 'fcsr', 'a5')
      a.label('instruction')
      a.nop()
      a.word(moveFromDouble(16, 0))
      a.csrrs('a7', 'fcsr', 'zero')
      a.csrrs('a3', 'sstatus', 'zero')
      a.ecall()
    })
    this.#place = Number(this.#hart.program.addressOf('instruction'))
  }

  /** Does the instruction; an illegal one is an error, as it ends in no ecall. */
  does(word: number, { f = [], x = 0n, fcsr = 0 }: FloatOperands): FloatResult {
    const { core } = this.#hart
    const bytes = new Uint8Array(new Uint32Array([word]).buffer)
    core.dmaWrite(this.#place, bytes)
    core.reset({ pc: 0x8000_0000n, a0: x, a1: 0n, mode: 'S' })
    this.#hart
      .set('a2', f[0] ?? 0n)
      .set('a3', f[1] ?? 0n)
      .set('a4', f[2] ?? 0n)
    this.#hart.set('a5', BigInt(fcsr)).toEcall()
    const [result, status] = [this.#hart.get('a6'), this.#hart.get('a3')]
    return {
      f: result,
      x: this.#hart.get('a1'),
      fcsr: Number(this.#hart.get('a7')),
      sstatus: status,
    }
  }
}

/** A single as it lies in a register. */
export const boxed = (bits: bigint): bigint => bits | 0xffff_ffff_0000_0000n
