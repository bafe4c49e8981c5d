// The content of a disk for a template's file: which blocks of which ranges are not zero, and their
// digests; and the way back, into a layer of its own. Not here: the manifest
// (proto/templates/manifest.ts), layers (engine/devices/). Blocks of 4,096 bytes.

import { DiskLayer } from '#engine/devices/disk-layer.ts'
import { SealedDisk } from '#engine/devices/sealed-disk.ts'
import type { Disk } from '#env/env.ts'
import { joined } from '#proto/bytes.ts'
import {
  blockBytes,
  type Digest,
  type DiskTable,
  heldBytes,
  perChunk,
  wordsOf,
} from '#proto/templates/manifest.ts'
import type { DiskRef } from '#proto/vm-spec.ts'
import { breathe } from '../migration/breath.ts'

/** So much is written before it is made durable: a longer flush would keep the agent busy. */
const unflushedBlocksMax = 1024
/** Ranges without anything cost next to nothing. */
const emptyRangesPerBreath = 256

/** Undefined: the VM has no disk. */
export const openDisk = (layers: Disk, disk: DiskRef): SealedDisk | undefined =>
  disk.sizeBytes === 0 ? undefined : SealedDisk.open(layers, disk.sizeBytes, disk.layers)

/** Reads the disk once from its beginning to its end. */
export async function tableOf(disk: SealedDisk, digest: Digest): Promise<DiskTable> {
  const ranges: number[] = []
  const held: Uint8Array[] = []
  const digests: Uint8Array[] = []
  let empty = 0
  for (let range = 0; range < disk.sizeBytes / (perChunk * blockBytes); range++) {
    const { bits, content } = readRange(disk, range)
    if (content.length === 0 && ++empty % emptyRangesPerBreath !== 0) continue
    await breathe()
    if (content.length === 0) continue
    ranges.push(range)
    held.push(bits)
    digests.push(digest(content))
  }
  const { sizeBytes } = disk
  const tables = { held: joined(held), digests: joined(digests) }
  return { sizeBytes, ranges: wordsOf(Uint32Array.from(ranges)), ...tables }
}

/** Blocks with anything but zeros in them, one behind the other. */
function readRange(disk: SealedDisk, range: number) {
  const bits = new Uint8Array(heldBytes)
  const blocks: Uint8Array[] = []
  for (let bit = 0; bit < perChunk; bit++) {
    const block = new Uint8Array(blockBytes)
    if (!disk.readBlock(range * perChunk + bit, block) || isZero(block)) continue
    bits[bit >> 3] = (bits[bit >> 3] ?? 0) | (1 << (bit & 7))
    blocks.push(block)
  }
  return { bits, content: joined(blocks) }
}

const isZero = (block: Uint8Array): boolean => {
  const words = new BigUint64Array(block.buffer)
  return words.every((word) => word === 0n)
}

export function readBlocks(disk: SealedDisk, blocks: readonly number[]): Uint8Array {
  const content = new Uint8Array(blocks.length * blockBytes)
  for (const [at, block] of blocks.entries())
    disk.readBlock(block, content.subarray(at * blockBytes, (at + 1) * blockBytes))
  return content
}

/** A new layer with what a file's disk has. Nobody may open it before finish(). */
export class LayerWriter {
  readonly #layers: Disk
  readonly #name: string
  readonly #layer: DiskLayer
  #unflushed = 0
  #isOpen = true

  constructor(layers: Disk, name: string, sizeBytes: number) {
    this.#layers = layers
    this.#name = name
    this.#layer = DiskLayer.openTop(layers, name, sizeBytes, 0)
  }

  write(blocks: readonly number[], content: Uint8Array): void {
    for (const [at, block] of blocks.entries())
      this.#layer.write(
        block * blockBytes,
        content.subarray(at * blockBytes, (at + 1) * blockBytes),
      )
    this.#unflushed += blocks.length
    if (this.#unflushed < unflushedBlocksMax) return
    this.#layer.flush()
    this.#unflushed = 0
  }

  finish(): void {
    this.#layer.flush()
    this.#close()
  }

  abandon(): void {
    this.#close()
    this.#layers.remove(this.#name)
  }

  #close(): void {
    if (this.#isOpen) this.#layer.close()
    this.#isOpen = false
  }
}
