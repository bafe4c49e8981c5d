// A VM's disk as layers over each other: each block is read from the topmost layer that holds it,
// or is zeros; writes go to the top layer alone. The layers below are sealed, so that clones share
// them: a disk is sealed by opening it again with one more name behind its layers, and there is
// nothing else to do.
// Not here: a layer's file, the order of its flush, and the fence (disk-layer.ts).
// Offsets and lengths in bytes. Memory: one bit a block a layer.

import { invariant } from '#proto/invariant.ts'
import type { BlockBackend } from './block-backend.ts'
import { blockBytes, DiskLayer, DiskLayerError, type DiskStore } from './disk-layer.ts'

export { DiskFencedError, DiskLayerError, type DiskStore } from './disk-layer.ts'

export interface LayeredDiskOptions {
  readonly sizeBytes: number
  /** File names in the store, the oldest first; at least one. The last is made when missing. */
  readonly layers: readonly string[]
  /** Recorded in the top layer: from then on no older epoch can open or write it. */
  readonly epoch: number
}

/**
 * Throws DiskFencedError when a newer epoch has the top layer, DiskLayerError when a layer is
 * missing or not one of this disk.
 */
export function openLayeredDisk(store: DiskStore, options: LayeredDiskOptions): BlockBackend {
  const { sizeBytes, layers, epoch } = options
  const topName = layers.at(-1)
  if (topName === undefined) throw new DiskLayerError('a disk needs at least one layer: name it')
  if (layers.indexOf(topName) !== layers.length - 1)
    throw new DiskLayerError(`disk layer ${topName} cannot be top and sealed: name a new top layer`)
  const sealed: DiskLayer[] = []
  try {
    for (const name of layers.slice(0, -1)) {
      sealed.push(DiskLayer.openSealed(store, name, sizeBytes))
    }
    const top = DiskLayer.openTop(store, topName, sizeBytes, epoch)
    return new LayeredDisk(store, sizeBytes, top, sealed)
  } catch (error) {
    for (const layer of sealed) layer.close()
    throw error
  }
}

class LayeredDisk implements BlockBackend {
  readonly sizeBytes: number
  readonly #store: DiskStore
  readonly #top: DiskLayer
  /** From the top down, the top layer included. */
  #layers: readonly DiskLayer[]

  constructor(store: DiskStore, sizeBytes: number, top: DiskLayer, sealed: readonly DiskLayer[]) {
    this.sizeBytes = sizeBytes
    this.#store = store
    this.#top = top
    this.#layers = [top, ...sealed.toReversed()]
  }

  read(offset: number, into: Uint8Array): void {
    this.#mustBeInside(offset, into.length)
    let at = 0
    while (at < into.length) {
      const run = this.#runAt(offset + at, into.length - at)
      const part = into.subarray(at, at + run.lengthBytes)
      if (run.layer) run.layer.read(offset + at, part)
      else part.fill(0)
      at += run.lengthBytes
    }
  }

  write(offset: number, from: Uint8Array): void {
    this.#mustBeInside(offset, from.length)
    if (from.length === 0) return
    const end = offset + from.length
    // Only the first and the last block can be written in part; the rest of those comes from below.
    if (offset % blockBytes !== 0) this.#copyUp(offset)
    if (end % blockBytes !== 0 && end !== this.sizeBytes) this.#copyUp(end)
    this.#top.write(offset, from)
  }

  flush(): void {
    this.#top.flush()
  }

  close(): void {
    for (const layer of this.#layers) layer.close()
  }

  /** The top stays open as it is, with what was not flushed: only what is below it is another. */
  swapSealed(names: readonly string[]): void {
    const before = this.#layers.slice(1)
    const opened: DiskLayer[] = []
    const sealed: DiskLayer[] = []
    try {
      for (const name of names) {
        const known = before.find((layer) => layer.name === name)
        const layer = known ?? DiskLayer.openSealed(this.#store, name, this.sizeBytes)
        if (!known) opened.push(layer)
        sealed.unshift(layer)
      }
    } catch (error) {
      for (const layer of opened) layer.close()
      throw error
    }
    this.#layers = [this.#top, ...sealed]
    for (const layer of before) if (!sealed.includes(layer)) layer.close()
  }

  /** The layer that holds the byte at `offset`, and for how many bytes from there. */
  #runAt(offset: number, lengthBytesMax: number) {
    const layer = this.#holderOf(Math.floor(offset / blockBytes))
    let end = (Math.floor(offset / blockBytes) + 1) * blockBytes
    while (end < offset + lengthBytesMax && this.#holderOf(end / blockBytes) === layer) {
      end += blockBytes
    }
    return { layer, lengthBytes: Math.min(end - offset, lengthBytesMax) }
  }

  #holderOf(block: number): DiskLayer | undefined {
    return this.#layers.find((layer) => layer.holds(block))
  }

  /** Makes the top layer hold the whole block around `offset`. */
  #copyUp(offset: number): void {
    const block = Math.floor(offset / blockBytes)
    if (this.#top.holds(block)) return
    const start = block * blockBytes
    const bytes = new Uint8Array(Math.min(blockBytes, this.sizeBytes - start))
    this.read(start, bytes)
    this.#top.write(start, bytes)
  }

  #mustBeInside(offset: number, lengthBytes: number): void {
    invariant(
      offset >= 0 && offset + lengthBytes <= this.sizeBytes,
      `${lengthBytes} bytes at ${offset} are not on a disk of ${this.sizeBytes} bytes`,
    )
  }
}
