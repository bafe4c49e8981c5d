// How a device writes its state into a Section and reads it back: fields one after the other,
// little-endian, no padding. A section is closed: what is left over after reading, or missing, is
// an error that names the section.
// Not here: which sections a VM has (vm-sections.ts), RAM (it travels as pages).
//
// Sections come over the network, so a bad one is a SnapshotError for the operator, never a broken
// invariant.

import type { Section } from '../vm-config.ts'

/** State that cannot be restored; the message names the section and the mend. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError'
}

/**
 * The longest list a section may hold: a hostile length must not allocate the memory of the node.
 */
const fieldBytesMax = 1 << 20

export class SectionWriter {
  readonly #kind: string
  readonly #version: number
  #bytes = new Uint8Array(64)
  #used = 0

  constructor(kind: string, version: number) {
    this.#kind = kind
    this.#version = version
  }

  u8(value: number): this {
    this.#room(1).setUint8(0, value)
    return this
  }

  u16(value: number): this {
    this.#room(2).setUint16(0, value, true)
    return this
  }

  u32(value: number): this {
    this.#room(4).setUint32(0, value, true)
    return this
  }

  u64(value: bigint): this {
    this.#room(8).setBigUint64(0, value, true)
    return this
  }

  /** A whole number from 0 to 2^53 - 1: an offset, a count, ticks. */
  count(value: number): this {
    return this.u64(BigInt(value))
  }

  flag(value: boolean): this {
    return this.u8(value ? 1 : 0)
  }

  /** A list of bytes of any length, behind its length. */
  list(value: Uint8Array): this {
    return this.u32(value.length).raw(value)
  }

  /** Bytes whose number both sides know. */
  raw(value: Uint8Array): this {
    const view = this.#room(value.length)
    new Uint8Array(view.buffer, view.byteOffset).set(value)
    return this
  }

  /** The finished section; its bytes are a private copy. */
  section(): Section {
    return { kind: this.#kind, version: this.#version, bytes: this.#bytes.slice(0, this.#used) }
  }

  #room(length: number): DataView {
    const at = this.#used
    this.#used += length
    if (this.#used > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#used, 2 * this.#bytes.length))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    return new DataView(this.#bytes.buffer, at, length)
  }
}

export class SectionReader {
  readonly #section: Section
  readonly #view: DataView
  #at = 0

  /** Throws SnapshotError unless the section is of that kind and version. */
  constructor(section: Section, kind: string, version: number) {
    if (section.kind !== kind || section.version !== version) {
      throw new SnapshotError(
        `This node reads section "${kind}" in version ${version}, not "${section.kind}" in ` +
          `version ${section.version}: run the same Godwit version on both nodes.`,
      )
    }
    this.#section = section
    this.#view = new DataView(section.bytes.buffer, section.bytes.byteOffset, section.bytes.length)
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true)
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true)
  }

  count(): number {
    const value = this.u64()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.refusal(`has a count of ${value}`)
    return Number(value)
  }

  flag(): boolean {
    const value = this.u8()
    if (value > 1) throw this.refusal(`has a flag of ${value}`)
    return value === 1
  }

  list(bytesMax = fieldBytesMax): Uint8Array {
    const length = this.u32()
    if (length > bytesMax)
      throw this.refusal(`has a list of ${length} bytes, more than ${bytesMax}`)
    return this.raw(length)
  }

  raw(length: number): Uint8Array {
    const at = this.#take(length)
    return this.#section.bytes.slice(at, at + length)
  }

  /** To be called when all fields are read: bytes that nobody asked for are an error. */
  end(): void {
    const left = this.#view.byteLength - this.#at
    if (left > 0) throw this.refusal(`has ${left} bytes that nobody reads`)
  }

  /** A SnapshotError that begins with this section's name. */
  refusal(what: string): SnapshotError {
    const { kind, version } = this.#section
    return new SnapshotError(
      `Section "${kind}" version ${version} ${what}: ` +
        'it was damaged, or written by another Godwit version.',
    )
  }

  #take(length: number): number {
    const at = this.#at
    if (at + length > this.#view.byteLength) throw this.refusal('ends too early')
    this.#at = at + length
    return at
  }
}
