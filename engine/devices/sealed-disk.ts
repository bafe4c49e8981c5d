// A disk as its sealed layers have it, to be read only: what a template's file is made of, and what
// is merged into one layer. Not here: a disk that a guest writes to (layered-disk.ts). Offsets and
// lengths in bytes.

import { blockBytes, DiskLayer, type DiskStore } from './disk-layer.ts'

export class SealedDisk {
  readonly sizeBytes: number
  /** The topmost first. */
  readonly #layers: readonly DiskLayer[]

  private constructor(sizeBytes: number, layers: readonly DiskLayer[]) {
    this.sizeBytes = sizeBytes
    this.#layers = layers
  }

  /** Throws DiskLayerErrors. `layers`: the oldest first. */
  static open(store: DiskStore, sizeBytes: number, layers: readonly string[]): SealedDisk {
    const open: DiskLayer[] = []
    try {
      for (const name of layers) open.unshift(DiskLayer.openSealed(store, name, sizeBytes))
      return new SealedDisk(sizeBytes, open)
    } catch (error) {
      for (const layer of open) layer.close()
      throw error
    }
  }

  /** The block into `into`; false: no layer holds it, and it is zeros. */
  readBlock(block: number, into: Uint8Array): boolean {
    const layer = this.#layers.find((one) => one.holds(block))
    layer?.read(block * blockBytes, into)
    return layer !== undefined
  }

  /** How many blocks from this one on are held, one behind the other; at most so many. */
  heldFrom(block: number, blocksMax: number): number {
    let held = 0
    while (held < blocksMax && this.#layers.some((one) => one.holds(block + held))) held++
    return held
  }

  close(): void {
    for (const layer of this.#layers) layer.close()
  }
}
