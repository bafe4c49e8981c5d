// One end of a stream of parts, with the window between both: what is sent waits until the other
// end has taken enough, what comes is kept until it is read, and only so much may come. Not here:
// what the bytes are (exporting.ts, importing.ts), the link. Bytes.

import { type Fault, FaultError, fault } from '#proto/faults.ts'
import { windowBytes } from '#proto/templates/messages.ts'

/** As large as a part may be to keep heartbeats from waiting behind it. */
const sentBytesMax = 128 * 1024
/** Said to the other end after so much. */
const tellEveryBytes = 128 * 1024

export class PartSender {
  readonly #send: (bytes: Uint8Array<ArrayBuffer>) => void
  #sent = 0
  #taken = 0
  #stopped: Fault | undefined
  #wake: () => void = () => undefined

  constructor(send: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#send = send
  }

  /** The other end has taken so much since the beginning. */
  taken(bytes: number): void {
    // More than was sent is nothing that an honest end says.
    this.#taken = Math.max(this.#taken, Math.min(bytes, this.#sent))
    this.#wake()
  }

  stop(why: Fault): void {
    this.#stopped ??= why
    this.#wake()
  }

  /** Resolves when all of it is on its way. Throws what it was stopped with. */
  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += sentBytesMax) {
      const part = new Uint8Array(bytes.subarray(at, at + sentBytesMax))
      while (this.#stopped === undefined && this.#sent + part.length - this.#taken > windowBytes)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      if (this.#stopped) throw new FaultError(this.#stopped)
      this.#sent += part.length
      this.#send(part)
    }
  }
}

export class PartReader {
  readonly #tell: (taken: number) => void
  readonly #parts: Uint8Array[] = []
  #waiting = 0
  #taken = 0
  #told = 0
  #stopped: Fault | undefined
  #wake: () => void = () => undefined

  constructor(tell: (taken: number) => void) {
    this.#tell = tell
  }

  /** What came. */
  push(bytes: Uint8Array): void {
    this.#waiting += bytes.length
    if (this.#waiting > windowBytes) this.stop(tooMuch)
    else this.#parts.push(bytes)
    this.#wake()
  }

  stop(why: Fault): void {
    this.#stopped ??= why
    this.#wake()
  }

  /** Bytes that came and nobody has read. */
  get unread(): number {
    return this.#waiting
  }

  /** Exactly so many; waits for them. Throws what it was stopped with. */
  async read(length: number): Promise<Uint8Array> {
    const into = new Uint8Array(length)
    let at = 0
    while (at < length) {
      if (this.#stopped) throw new FaultError(this.#stopped)
      const part = this.#parts.shift()
      if (part === undefined) await this.#more()
      else at += this.#take(part, into.subarray(at))
    }
    return into
  }

  /** Resolves never; throws as soon as it is stopped. */
  async stopped(): Promise<never> {
    while (this.#stopped === undefined) await this.#more()
    throw new FaultError(this.#stopped)
  }

  #more(): Promise<void> {
    this.#say()
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #take(part: Uint8Array, into: Uint8Array): number {
    const count = Math.min(part.length, into.length)
    into.set(part.subarray(0, count))
    if (count < part.length) this.#parts.unshift(part.subarray(count))
    this.#waiting -= count
    this.#taken += count
    if (this.#taken - this.#told >= tellEveryBytes) this.#say()
    return count
  }

  #say(): void {
    if (this.#told === this.#taken) return
    this.#told = this.#taken
    this.#tell(this.#taken)
  }
}

const tooMuch = fault(
  'message-too-large',
  'more of a template came than was asked for: send as much as is said to be taken',
)
