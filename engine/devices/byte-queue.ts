// A bounded queue of bytes: a ring of fixed size. What does not fit is not taken, and the caller is
// told.

export class ByteQueue {
  readonly #ring: Uint8Array
  #head = 0
  #length = 0

  constructor(capacityBytes: number) {
    this.#ring = new Uint8Array(capacityBytes)
  }

  get length(): number {
    return this.#length
  }

  get room(): number {
    return this.#ring.length - this.#length
  }

  /** Takes as many bytes as there is room for, and returns how many. */
  push(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.room)
    for (let at = 0; at < taken; at++) {
      this.#ring[(this.#head + this.#length + at) % this.#ring.length] = bytes[at] as number
    }
    this.#length += taken
    return taken
  }

  /** The oldest byte, or undefined when empty. */
  shift(): number | undefined {
    if (this.#length === 0) return undefined
    const byte = this.#ring[this.#head]
    this.#head = (this.#head + 1) % this.#ring.length
    this.#length -= 1
    return byte
  }

  clear(): void {
    this.#length = 0
  }

  /** All of it, oldest first, as a copy. */
  toBytes(): Uint8Array {
    return Uint8Array.from(
      { length: this.#length },
      (_, at) => this.#ring[(this.#head + at) % this.#ring.length] as number,
    )
  }
}
