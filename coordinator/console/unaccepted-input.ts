// Input for a VM that the VM has not said it has taken: kept, and sent again to whoever runs it,
// until it has. Offsets count bytes since the VM's boot, so that none is lost or taken twice.
// Not here: who types (console-stream.ts, ../screen/screen-stream.ts), who the owner is. Pure but
// for the ports it is given. Bytes, ms.

import { joined } from '#proto/bytes.ts'

/** A guest that does not read stops its writers here. */
export const inputBytesMax = 256 * 1024
/** One message of input; small enough that a full UART queue wastes little, and whole events. */
const chunkBytes = 16 * 1024
/**
 * Without an acknowledgement for so long, what is unaccepted is sent again. Longer than a busy
 * agent's answer.
 */
const resendMs = 250

export interface InputPorts {
  nowMs(): number
  /** To the present owner, if there is one. */
  send(offset: number, bytes: Uint8Array<ArrayBuffer>): void
}

export class UnacceptedInput {
  readonly #ports: InputPorts
  /** Offset of the first unaccepted byte; undefined until an owner has said how far it is. */
  #base: number | undefined
  #bytes = new Uint8Array(0)
  #isOpen = false
  #newsAtMs = 0

  constructor(ports: InputPorts) {
    this.#ports = ports
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0
  }

  /** The owner has said how far it is: offsets are known. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Another owner, which has not said anything yet. */
  reopen(): void {
    this.#isOpen = false
  }

  /** Another run of the VM: what was not accepted was meant for the one before. */
  clear(): void {
    this.#bytes = new Uint8Array(0)
    this.#base = undefined
  }

  /** False when the VM has not read so much for so long that no more can be kept. */
  add(bytes: Uint8Array): boolean {
    if (this.#bytes.length + bytes.length > inputBytesMax) return false
    const from = this.#bytes.length
    if (from === 0) this.#newsAtMs = this.#ports.nowMs()
    this.#bytes = joined([this.#bytes, bytes])
    if (this.#isOpen) this.#sendFrom(from)
    return true
  }

  accepted(offset: number): void {
    const isAnswer = !this.#isOpen
    const base = this.#base ?? offset
    if (offset !== base) this.#newsAtMs = this.#ports.nowMs()
    // Further than we sent: by a coordinator before us. Less than it had accepted once: an older
    // copy goes on.
    const taken = Math.max(0, offset - base)
    this.#bytes = this.#bytes.slice(Math.min(taken, this.#bytes.length))
    this.#base = isAnswer ? offset : Math.max(base, offset)
    this.#isOpen = true
    if (isAnswer) this.#resend()
  }

  tick(): void {
    const isLate = this.#ports.nowMs() - this.#newsAtMs > resendMs
    if (this.#isOpen && this.#bytes.length > 0 && isLate) this.#resend()
  }

  #resend(): void {
    this.#newsAtMs = this.#ports.nowMs()
    this.#sendFrom(0)
  }

  #sendFrom(from: number): void {
    if (this.#base === undefined) return
    for (let at = from; at < this.#bytes.length; at += chunkBytes)
      this.#ports.send(this.#base + at, this.#bytes.slice(at, at + chunkBytes))
  }
}
