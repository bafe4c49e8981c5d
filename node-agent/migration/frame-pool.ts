// Buffers of full page frames, used again once their bytes have left. A fresh megabyte costs more
// than filling it: the operating system hands it over page by page, zeroed, and the collector has
// to be told of it. One pool a migration, so that nothing of another VM is ever in a buffer.
// Not here: the layout of a frame (proto/page-frame.ts). Bytes.

import { roomForPages } from '#proto/page-frame.ts'
import { pageBytes, pagesPerFullFrame } from '#proto/units.ts'
import { inFlightBytesMax } from './protocol.ts'

const fullFrameBytes = roomForPages(pagesPerFullFrame).buffer.byteLength
/** No more can be under way at once. */
const keptMax = Math.ceil(inFlightBytesMax / fullFrameBytes) + 1

export class FramePool {
  readonly #free: ArrayBuffer[] = []

  /** As proto's roomForPages, but perhaps not for the first time. */
  room(pages: number): Uint8Array<ArrayBuffer> {
    const used = pages === pagesPerFullFrame ? this.#free.pop() : undefined
    if (used === undefined) return roomForPages(pages)
    return new Uint8Array(used, used.byteLength - pages * pageBytes)
  }

  /** Nobody reads the frame any more. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength === fullFrameBytes && this.#free.length < keptMax) this.#free.push(buffer)
  }
}
