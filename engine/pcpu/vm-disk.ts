// The disk of one VM on its pCPU, whether it is open or not: writes go straight through, or are
// held. It outlives the opening and closing of what is below it.
// Not here: how writes are held (devices/held-disk.ts), opening a disk (pcpu.ts).
// Sizes in bytes.

import { invariant } from '#proto/invariant.ts'
import type { BlockBackend } from '../devices/block-backend.ts'
import { applyBatch } from '../devices/held-batch.ts'
import { HeldDisk } from '../devices/held-disk.ts'

/** With more than that in a batch the VM waits until it is taken. */
export const heldBytesMax = 32 << 20
/** With more than that the agent is told, so that it need not come to that. */
const alertBytes = heldBytesMax / 4

export class VmDisk implements BlockBackend {
  #below: BlockBackend | undefined
  #held: HeldDisk | undefined
  #isToBeHeld = false
  #hasAlerted = false

  /** What is below, once it is open: the VM writes to the result. */
  opened(below: BlockBackend): BlockBackend {
    invariant(this.#below === undefined, 'The disk of a VM was opened twice')
    this.#below = below
    if (this.#isToBeHeld) this.#held = new HeldDisk(below)
    return this
  }

  /** It is open, and what is written to it is held. */
  get isHolding(): boolean {
    return this.#held !== undefined
  }

  get isOpen(): boolean {
    return this.#below !== undefined
  }

  /** Of a disk that is open: other layers below its top, with the same in them. */
  swapSealed(layers: readonly string[]): void {
    const below = this.#open()
    if (!below.swapSealed) throw new Error('This disk has no layers that could be swapped.')
    below.swapSealed(layers)
  }

  /** Something is held, taken or not. */
  get holdsWrites(): boolean {
    return this.#held?.isEmpty === false
  }

  /** The VM must not write more before what is held was taken. */
  get isFull(): boolean {
    return (this.#held?.heldBytes ?? 0) > heldBytesMax
  }

  /** Once for each batch: how much it is, when that has become much. */
  takeAlert(): number | undefined {
    const bytes = this.#held?.heldBytes ?? 0
    if (this.#hasAlerted || bytes <= alertBytes) return undefined
    this.#hasAlerted = true
    return bytes
  }

  /** What was written before is made durable, since a flush from now on is held too. */
  hold(): void {
    if (this.#below && !this.#held) {
      this.#below.flush()
      this.#held = new HeldDisk(this.#below)
    }
    this.#isToBeHeld = true
  }

  take(): Uint8Array {
    this.#hasAlerted = false
    return this.#held?.take() ?? new Uint8Array(0)
  }

  writeTaken(): void {
    this.#held?.writeTaken()
  }

  /** Writes all that is held. When that fails it is held still. */
  release(): void {
    this.#held?.writeAll()
    this.#held = undefined
    this.#isToBeHeld = false
    this.#hasAlerted = false
  }

  /** Of a disk that is open, and to which the VM has written nothing yet. */
  apply(batch: Uint8Array): void {
    invariant(!this.holdsWrites, 'A batch was applied below what is held')
    applyBatch(this.#open(), batch)
  }

  get sizeBytes(): number {
    return this.#open().sizeBytes
  }

  read(offset: number, into: Uint8Array): void {
    this.#top().read(offset, into)
  }

  write(offset: number, from: Uint8Array): void {
    this.#top().write(offset, from)
  }

  flush(): void {
    this.#top().flush()
  }

  /** What is held is lost. */
  close(): void {
    const below = this.#open()
    this.#below = undefined
    this.#held = undefined
    this.#hasAlerted = false
    below.close()
  }

  #top(): BlockBackend {
    return this.#held ?? this.#open()
  }

  #open(): BlockBackend {
    invariant(this.#below !== undefined, 'A disk was used that is not open')
    return this.#below
  }
}
