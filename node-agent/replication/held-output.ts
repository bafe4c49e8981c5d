// What a guest has said and nobody may see yet: Ethernet frames and pictures of its screen, in
// order, and marks of its console. One mark a checkpoint; when that is kept, everything before it
// goes out. Pure. Not here: the console's ring, which holds the bytes themselves (../console.ts),
// disk writes (the pCPU).

import type { ConsoleMark } from '../console.ts'

export interface FrameBatch {
  readonly frames: readonly Uint8Array[]
  /** What the guest's device had to drop. */
  readonly lost: number
}

/** A picture of its screen, ready to be sent. */
export interface HeldPicture {
  readonly send: () => void
}

export interface OutputMark {
  readonly console: ConsoleMark
  /** How many batches of frames had come. */
  readonly batches: number
}

/** More is lost, as on any network whose queue is full. */
const framesMax = 4096

export class HeldOutput {
  readonly #batches: (FrameBatch | HeldPicture)[] = []
  #frames = 0
  /** Batches that have gone out. */
  #gone = 0

  hold(batch: FrameBatch): void {
    const isFull = this.#frames + batch.frames.length > framesMax
    const held = isFull ? { frames: [], lost: batch.lost + batch.frames.length } : batch
    this.#batches.push(held)
    this.#frames += held.frames.length
  }

  /** There is one at a time for each who looks. */
  holdPicture(picture: HeldPicture): void {
    this.#batches.push(picture)
  }

  /** Everything so far. */
  mark(console: ConsoleMark): OutputMark {
    return { console, batches: this.#gone + this.#batches.length }
  }

  /** What may go out now, in order. */
  release({ batches }: Pick<OutputMark, 'batches'>): (FrameBatch | HeldPicture)[] {
    const out = this.#batches.splice(0, Math.max(0, batches - this.#gone))
    this.#gone += out.length
    for (const one of out) if ('frames' in one) this.#frames -= one.frames.length
    return out
  }
}
