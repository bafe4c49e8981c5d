// One guest's console at its node: the last output by offset, and input that must be neither lost
// nor doubled when the VM moves. What is done at its screen is held here with what is typed.
// Offsets count bytes since the VM was booted and go on through migrations. While a VM stands still
// for its switchover, input waits here: after the capture the machine's own queue no longer
// travels. When the VM goes on here it is fed in; when it leaves it is dropped, and whoever sent it
// sends it again, because it was never accepted. Not here: the guest's UART (engine/devices/), the
// sessions (coordinator/). Bytes.

import type { StateSection } from '#proto/messages.ts'

/** Enough for a screenful of history; it travels with the VM. */
export const ringBytesMax = 64 * 1024
/** Input held during a switchover: as much as the UART's own queue takes. */
const heldBytesMax = 64 * 1024
export const consoleSectionKind = 'console-ring'

/** What input is for besides the console. */
export type InputTo = 'screen' | undefined

export interface Chunk {
  readonly offset: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** How far a guest had come with its console at some instant. */
export interface ConsoleMark {
  readonly outputEnd: number
  readonly accepted: number
  readonly screenAccepted: number
}

interface HeldInput extends Chunk {
  readonly to: InputTo
}

export class GuestConsole {
  /** The next output byte that the listener has not been sent; undefined when nobody listens. */
  sendFrom: number | undefined
  /** All input below it was taken, as far as the node knows. */
  accepted = 0
  /** The same of what is done at its screen. */
  screenAccepted = 0
  /** The last bytes of output lie before `#ringEnd`; there is room for more behind it. */
  #ring = new Uint8Array(0)
  #ringEnd = 0
  #kept = 0
  #endOffset = 0
  #frozen = false
  /** What came later waits for a checkpoint to be kept; undefined: nothing waits. */
  #gate: ConsoleMark | undefined
  #held: HeldInput[] = []

  /**
   * Keeps what the guest wrote. A gap (output that was never seen here) drops what was before it.
   */
  push(offset: number, bytes: Uint8Array): void {
    if (offset !== this.#endOffset) this.#kept = 0
    this.#append(bytes.length > ringBytesMax ? bytes.subarray(-ringBytesMax) : bytes)
    this.#kept = Math.min(this.#kept + bytes.length, ringBytesMax)
    this.#endOffset = offset + bytes.length
  }

  /** Twice the ring is kept, so that short output does not move all of it each time. */
  #append(bytes: Uint8Array): void {
    if (this.#ringEnd + bytes.length > this.#ring.length) {
      const kept = this.#tail(this.#kept)
      const ring = this.#ring.length > 0 ? this.#ring : new Uint8Array(2 * ringBytesMax)
      ring.set(kept)
      this.#ring = ring
      this.#ringEnd = kept.length
    }
    this.#ring.set(bytes, this.#ringEnd)
    this.#ringEnd += bytes.length
  }

  /** The last bytes, as a copy. */
  #tail(length: number): Uint8Array<ArrayBuffer> {
    return this.#ring.slice(this.#ringEnd - length, this.#ringEnd)
  }

  /**
   * What the listener has to be sent now; a gap in the offsets shows it what the ring had to
   * forget.
   */
  next(): Chunk | undefined {
    const end = Math.min(this.#endOffset, this.#gate?.outputEnd ?? Number.POSITIVE_INFINITY)
    if (this.sendFrom === undefined || this.sendFrom >= end) return undefined
    const { offset, bytes } = this.since(this.sendFrom)
    this.sendFrom = end
    return { offset, bytes: bytes.subarray(0, Math.max(0, end - offset)) }
  }

  /** Up to here, as of now. */
  mark(): ConsoleMark {
    const { accepted, screenAccepted } = this
    return { outputEnd: this.#endOffset, accepted, screenAccepted }
  }

  /** From now on output, and that input was taken, are told only as far as release() says. */
  hold(): void {
    this.#gate ??= this.mark()
  }

  /** All up to this mark may be told. */
  release(mark: ConsoleMark): void {
    if (this.#gate) this.#gate = mark
  }

  /** Nothing waits any more. */
  open(): void {
    this.#gate = undefined
  }

  /** All input below it was taken for good. */
  get acceptedForGood(): number {
    return Math.min(this.accepted, this.#gate?.accepted ?? Number.POSITIVE_INFINITY)
  }

  get screenAcceptedForGood(): number {
    return Math.min(this.screenAccepted, this.#gate?.screenAccepted ?? Number.POSITIVE_INFINITY)
  }

  /** The output from `offset` on, or from the oldest that is kept. */
  since(offset: number): Chunk {
    const first = this.#endOffset - this.#kept
    const from = Math.min(Math.max(offset, first), this.#endOffset)
    return { offset: from, bytes: this.#tail(this.#endOffset - from) }
  }

  /** Input for the machine now, or undefined: it is held, or there is no room to hold it. */
  admit(offset: number, bytes: Uint8Array<ArrayBuffer>, to?: InputTo): Chunk | undefined {
    if (!this.#frozen) return { offset, bytes }
    const held = this.#held.reduce((sum, chunk) => sum + chunk.bytes.length, 0)
    if (held + bytes.length <= heldBytesMax) this.#held.push({ offset, bytes, to })
    return undefined
  }

  /** The VM is about to be captured. */
  freeze(): void {
    this.#frozen = true
  }

  /** The VM goes on here: what was held is for it. */
  thaw(): HeldInput[] {
    this.#frozen = false
    return this.#held.splice(0)
  }

  /** u64 offset of the first byte, u64 accepted input offset, then the ring. Little-endian. */
  capture(): StateSection {
    const bytes = new Uint8Array(16 + this.#kept)
    const view = new DataView(bytes.buffer)
    view.setBigUint64(0, BigInt(this.#endOffset - this.#kept), true)
    view.setBigUint64(8, BigInt(this.accepted), true)
    bytes.set(this.#tail(this.#kept), 16)
    return { kind: consoleSectionKind, version: 1, bytes }
  }

  /** Throws when the section is of a version that is not known here, or senseless. */
  restore(section: StateSection): void {
    if (section.version !== 1 || section.bytes.length < 16)
      throw new Error(`section ${section.kind} version ${section.version} is unknown here`)
    const view = new DataView(section.bytes.buffer, section.bytes.byteOffset)
    const [first, accepted] = [0, 8].map((at) => Number(view.getBigUint64(at, true)))
    const endOffset = (first ?? 0) + section.bytes.length - 16
    if (section.bytes.length - 16 > ringBytesMax)
      throw new Error(`section ${section.kind} holds more output than a console keeps`)
    if (!Number.isSafeInteger(endOffset) || !Number.isSafeInteger(accepted))
      throw new Error(`section ${section.kind} holds an offset that no console can reach`)
    this.#kept = 0
    this.#endOffset = first ?? 0
    this.push(this.#endOffset, section.bytes.subarray(16))
    this.accepted = accepted ?? 0
  }
}
