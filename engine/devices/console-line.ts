// The serial line of a VM as the world outside sees it: two streams of bytes, each counted from the
// VM's boot. The UART, the virtio console and the SBI console are ways for the guest to reach the
// same line.
//
// What a client types goes to the device by which the guest wrote last, at first to the UART: there
// its shell has prompted. The SBI console has no interrupt: it takes what is there when asked.
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
const version = 2

/** Devices of the line, in the order of their numbers in a snapshot. */
const consoleDevices = ['uart', 'virtio'] as const
export type ConsoleDevice = (typeof consoleDevices)[number]

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

  /** The device that input goes to. */
  #reader: ConsoleDevice = 'uart'
  readonly #onInput = new Map<ConsoleDevice, () => void>()
  #held = false

  /** The device is called when there is input for it to read. */
  listen(device: ConsoleDevice, onInput: () => void): void {
    this.#onInput.set(device, onInput)
  }

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
    if (taken > 0) this.#tellReader()
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

  /** Bytes of input that the SBI console would find. */
  get waiting(): number {
    return this.#input.length
  }

  /** Bytes of input that this device would find. */
  waitingFor(device: ConsoleDevice): number {
    return device === this.#reader ? this.#input.length : 0
  }

  /** The VM stands still: input is taken, but no device is told of it before goOn(). */
  hold(): void {
    this.#held = true
  }

  goOn(): void {
    this.#held = false
    if (this.#input.length > 0) this.#tellReader()
  }

  /** For the guest: the next byte of input, or undefined. Without a device: for the SBI console. */
  read(device: ConsoleDevice = this.#reader): number | undefined {
    return device === this.#reader ? this.#input.shift() : undefined
  }

  /** For the guest: a byte of output. Input goes to the device that it came by from then on. */
  write(byte: number, device: ConsoleDevice = this.#reader): void {
    this.#output.push(byte)
    if (device === this.#reader) return
    this.#reader = device
    if (this.#input.length > 0) this.#tellReader()
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
      .u8(consoleDevices.indexOf(this.#reader))
      .list(this.#input.toBytes())
      .section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    this.#acceptedOffset = reader.count()
    this.#outputOffset = reader.count()
    const number = reader.u8()
    const device = consoleDevices[number]
    if (device === undefined) throw reader.refusal(`has a console device ${number}`)
    const input = reader.list(inputQueueBytes)
    reader.end()
    this.#reader = device
    this.#output = []
    this.#cutShort = false
    this.#input.clear()
    this.#input.push(input)
  }

  #tellReader(): void {
    if (!this.#held) this.#onInput.get(this.#reader)?.()
  }
}
