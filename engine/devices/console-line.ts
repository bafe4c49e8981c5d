// The serial line of a VM as the world outside sees it: two streams of bytes, each counted from the
// VM's boot. The UART and the SBI console are two ways for the guest to reach the same line.
//
// The counts make a console session survive a migration exactly once. A client numbers what it
// types; the line takes only what continues at the accepted offset and skips what it has already,
// so a client that is unsure sends again. The queue of taken but unread bytes and both offsets
// travel with the VM. Offsets and lengths in bytes.

import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Section } from '../vm-config.ts'
import { ByteQueue } from './byte-queue.ts'

/**
 * What a client may have in flight to a guest that does not read; more is refused until the guest
 * does.
 */
export const inputQueueBytes = 64 * 1024
const version = 1

export interface ConsoleOutput {
  readonly offset: number
  readonly bytes: Uint8Array
}

export class ConsoleLine implements Snapshotted {
  readonly sectionKind = 'console'
  readonly #input = new ByteQueue(inputQueueBytes)
  #acceptedOffset = 0
  #cutShort = false
  #outputOffset = 0
  #output: number[] = []

  /** Calls back when there is input to read; set by the device that raises an interrupt for it. */
  onInput: () => void = () => {}

  /**
   * Takes input that was typed at `offset`, and returns the offset below which all input has been
   * taken.
   */
  accept(offset: number, bytes: Uint8Array): number {
    const known = this.#acceptedOffset - offset
    if (known < 0 || known >= bytes.length) return this.#acceptedOffset
    const fresh = bytes.subarray(known)
    const taken = this.#input.push(fresh)
    this.#acceptedOffset += taken
    this.#cutShort = taken < fresh.length
    if (taken > 0) this.onInput()
    return this.#acceptedOffset
  }

  /**
   * After input was cut short: the accepted offset, once half of the queue is free again. Undefined
   * otherwise, and after it has been said.
   */
  takeRoom(): number | undefined {
    if (!this.#cutShort || this.#input.length > inputQueueBytes / 2) return undefined
    this.#cutShort = false
    return this.#acceptedOffset
  }

  get waiting(): number {
    return this.#input.length
  }

  /** For the guest: the next byte of input, or undefined. */
  read(): number | undefined {
    return this.#input.shift()
  }

  /** For the guest: a byte of output. */
  write(byte: number): void {
    this.#output.push(byte)
  }

  /** What takeOutput() would take. */
  get untakenBytes(): number {
    return this.#output.length
  }

  /** What the guest wrote since this was last called. */
  takeOutput(): ConsoleOutput | undefined {
    if (this.#output.length === 0) return undefined
    const output = { offset: this.#outputOffset, bytes: Uint8Array.from(this.#output) }
    this.#outputOffset += this.#output.length
    this.#output = []
    return output
  }

  /** Output that was not taken stays with the source, which still has it to tell. */
  capture(): Section {
    return new SectionWriter(this.sectionKind, version)
      .count(this.#acceptedOffset)
      .count(this.#outputOffset + this.#output.length)
      .list(this.#input.toBytes())
      .section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    this.#acceptedOffset = reader.count()
    this.#outputOffset = reader.count()
    const input = reader.list(inputQueueBytes)
    reader.end()
    this.#output = []
    this.#cutShort = false
    this.#input.clear()
    this.#input.push(input)
  }
}
