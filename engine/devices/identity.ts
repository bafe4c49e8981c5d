// Identity ("godwit,identity"): tells the guest which VM it is, and interrupts it when it has
// become another one (a clone).
// Source: our own; the idea is that of Microsoft's VM Generation ID.
//
//   0x00  magic 0x47445749 ("GDWI")          0x10  instance id, 16 bytes, as the UUID's text
//   0x04  version 1                          0x20  MAC, 6 bytes
//   0x08  generation, from 1                 0x40  random seed, 32 bytes
//   0x0c  write: acknowledges the interrupt; read: 1 while it is raised
//
// Read in 1, 2 or 4 bytes, little-endian; all but 0x0c is read-only (a store there gets an access
// fault).

import { invariant } from '#proto/invariant.ts'
import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Identity, Section } from '../vm-config.ts'
import { identityRegion } from './memory-map.ts'
import type { InterruptLine, MmioDevice } from './mmio.ts'

const magic = 0x4744_5749
const registersVersion = 1
const offsets = {
  magic: 0x0,
  version: 0x4,
  generation: 0x8,
  interrupt: 0xc,
  instanceId: 0x10,
  mac: 0x20,
  seed: 0x40,
}
const registerBytes = 0x60
const version = 1

export class IdentityDevice implements MmioDevice, Snapshotted {
  readonly region = identityRegion
  readonly sectionKind = 'identity'
  readonly #registers = new DataView(new ArrayBuffer(registerBytes))
  readonly #interrupt: InterruptLine

  constructor(identity: Identity, interrupt: InterruptLine) {
    this.#interrupt = interrupt
    this.#registers.setUint32(offsets.magic, magic, true)
    this.#registers.setUint32(offsets.version, registersVersion, true)
    this.#registers.setUint32(offsets.generation, 1, true)
    this.#put(identity)
  }

  /**
   * Another identity, one generation on, and an interrupt that lasts until the guest acknowledges
   * it.
   */
  rebrand(identity: Identity): void {
    this.#put(identity)
    const generation = this.#registers.getUint32(offsets.generation, true)
    this.#registers.setUint32(offsets.generation, generation + 1, true)
    this.#raise(true)
  }

  /** As the UUID's text has them: 16 bytes. */
  get instanceId(): Uint8Array {
    return new Uint8Array(this.#registers.buffer, offsets.instanceId, 16)
  }

  read(offset: number, size: number): number | undefined {
    if (offset + size > registerBytes) return undefined
    if (size === 1) return this.#registers.getUint8(offset)
    if (size === 2) return this.#registers.getUint16(offset, true)
    return this.#registers.getUint32(offset, true)
  }

  write(offset: number, size: number): boolean {
    if (offset !== offsets.interrupt || size !== 4) return false
    this.#raise(false)
    return true
  }

  capture(): Section {
    const registers = new Uint8Array(this.#registers.buffer)
    return new SectionWriter(this.sectionKind, version).raw(registers).section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    const registers = reader.raw(registerBytes)
    reader.end()
    new Uint8Array(this.#registers.buffer).set(registers)
    this.#interrupt(this.#registers.getUint32(offsets.interrupt, true) === 1)
  }

  #raise(level: boolean): void {
    this.#registers.setUint32(offsets.interrupt, level ? 1 : 0, true)
    this.#interrupt(level)
  }

  #put(identity: Identity): void {
    const registers = new Uint8Array(this.#registers.buffer)
    registers.set(hexBytes(identity.instanceId, 16), offsets.instanceId)
    registers.set(hexBytes(identity.mac, 6), offsets.mac)
    registers.set(hexBytes(identity.randomSeed, 32), offsets.seed)
  }
}

/** The bytes of hex text, in its order; `-` and `:` between them are for people. */
export function hexBytes(text: string, length: number): Uint8Array {
  const digits = text.replaceAll(/[-:]/g, '')
  invariant(
    /^[0-9a-f]*$/i.test(digits) && digits.length === 2 * length,
    `Not ${length} hex bytes: ${text}`,
  )
  return Uint8Array.from({ length }, (_, at) =>
    Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  )
}
