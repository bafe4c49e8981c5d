// The body of one WebAssembly function as it is being written: bytes, and the labels that are open.
// Not here: what is written (region-code.ts), the module around it (region-module.ts).
// Source: WebAssembly Core Specification 2.0, section 5 "Binary Format".

import { invariant } from '#proto/invariant.ts'

export const valueType = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c } as const
export type ValueType = (typeof valueType)[keyof typeof valueType]

const control = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  call: 0x10,
  returnCallIndirect: 0x13,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
} as const
/** A block without parameters and results. */
const emptyType = 0x40

/** A place that branches lead to; made by whoever opens the block. */
export class Label {
  /** How many were open when this one was opened; -1: it is not open. */
  depth = -1
}

export class WasmCode {
  #bytes = new Uint8Array(4096)
  #length = 0
  #open = 0
  readonly #labels: (Label | undefined)[] = []
  /** Where a `br_if` or `if` begins that is hardly ever taken. */
  readonly unlikely: number[] = []

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  emit(...opcodes: readonly number[]): void {
    for (const opcode of opcodes) this.#byte(opcode)
  }

  i32(value: number): void {
    this.#byte(control.i32Const)
    this.#signed(value | 0)
  }

  i64(value: number | bigint): void {
    this.#byte(control.i64Const)
    if (typeof value === 'number' && value === (value | 0)) this.#signed(value)
    else this.#signedBig(BigInt(value))
  }

  f32(value: number): void {
    this.#byte(control.f32Const)
    this.#raw(new Float32Array([value]))
  }

  f64(value: number): void {
    this.#byte(control.f64Const)
    this.#raw(new Float64Array([value]))
  }

  get(local: number): void {
    this.#byte(control.localGet)
    this.#unsigned(local)
  }

  set(local: number): void {
    this.#byte(control.localSet)
    this.#unsigned(local)
  }

  tee(local: number): void {
    this.#byte(control.localTee)
    this.#unsigned(local)
  }

  /** A load or store: the address and, of a store, the value are on the stack. */
  memory(opcode: number, offset: number): void {
    this.#byte(opcode)
    this.#byte(0)
    this.#unsigned(offset)
  }

  call(index: number): void {
    this.#byte(control.call)
    this.#unsigned(index)
  }

  /** Goes on in another function of table 0, whose results are then this one's. */
  tailCall(type: number): void {
    this.#byte(control.returnCallIndirect)
    this.#unsigned(type)
    this.#byte(0)
  }

  block(label: Label): void {
    this.#begin(control.block, label)
  }

  loop(label: Label): void {
    this.#begin(control.loop, label)
  }

  if(): void {
    this.#begin(control.if, undefined)
  }

  /** `if`, and the answer is hardly ever yes. */
  ifUnlikely(): void {
    this.unlikely.push(this.#length)
    this.if()
  }

  else(): void {
    this.#byte(control.else)
  }

  end(): void {
    const label = this.#labels.pop()
    if (label) label.depth = -1
    this.#open--
    this.#byte(control.end)
  }

  br(label: Label): void {
    this.#byte(control.br)
    this.#unsigned(this.#distance(label))
  }

  brIf(label: Label): void {
    this.#byte(control.brIf)
    this.#unsigned(this.#distance(label))
  }

  brIfUnlikely(label: Label): void {
    this.unlikely.push(this.#length)
    this.brIf(label)
  }

  brTable(labels: readonly Label[], otherwise: Label): void {
    this.#byte(control.brTable)
    this.#unsigned(labels.length)
    for (const label of labels) this.#unsigned(this.#distance(label))
    this.#unsigned(this.#distance(otherwise))
  }

  #begin(opcode: number, label: Label | undefined): void {
    if (label) label.depth = this.#open
    this.#labels.push(label)
    this.#open++
    this.#byte(opcode)
    this.#byte(emptyType)
  }

  #distance(label: Label): number {
    invariant(label.depth >= 0, 'A branch leads to a label that is not open')
    return this.#open - 1 - label.depth
  }

  #byte(value: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2)
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes[this.#length++] = value
  }

  /** Little-endian, as every machine that runs this is. */
  #raw(number: Float32Array | Float64Array): void {
    for (const byte of new Uint8Array(number.buffer)) this.#byte(byte)
  }

  #unsigned(value: number): void {
    let rest = value >>> 0
    for (; rest > 0x7f; rest >>>= 7) this.#byte((rest & 0x7f) | 0x80)
    this.#byte(rest)
  }

  #signed(value: number): void {
    let rest = value
    for (; rest < -64 || rest > 63; rest >>= 7) this.#byte((rest & 0x7f) | 0x80)
    this.#byte(rest & 0x7f)
  }

  #signedBig(value: bigint): void {
    let rest = value
    for (; rest < -64n || rest > 63n; rest >>= 7n) this.#byte(Number(rest & 0x7fn) | 0x80)
    this.#byte(Number(rest & 0x7fn))
  }
}
