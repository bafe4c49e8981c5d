// One layer of a layered disk: a file that holds some of the disk's 4 KiB blocks and knows which.
// Not here: how layers lie over each other and what a write copies up (layered-disk.ts).
// Offsets and lengths in bytes; numbers in the file are little-endian.
//
//   0        header sector: magic, version u32, block bytes u32, disk size u64, epoch u64, zeros
//   4096     bitmap: bit b of byte b >> 3 is set when the layer holds block b; padded to 4096
//   then     the blocks, each at its own place (the file is sparse)
//
// Order of flush(): blocks, made durable; then the bitmap's changed sectors, made durable. Power
// that fails in between leaves blocks that no bit points to: they are lost, and nobody was told
// that they were kept.
//
// The epoch in the header is the fence. It is written and flushed before the bitmap is read, and
// looked at again behind the last write of a flush: either the older writer sees the newer epoch
// and fails its flush, or its bitmap was there for the newer one to read. What no plain file can
// give is a write and a look in one: an older writer may still get one write in between. Leases
// keep it from running at all; the fence is the second line.

import { invariant } from '#proto/invariant.ts'

/** What is needed of env's DiskFile; synchronous. */
export interface StoreFile {
  read(offset: number, into: Uint8Array): void
  write(offset: number, from: Uint8Array): void
  flush(): void
  close(): void
}

/** What is needed of env's Disk. `create` opens what is there and makes what is not. */
export interface DiskStore {
  open(name: string, mode: 'read' | 'create'): StoreFile
  exists(name: string): boolean
}

/** Somebody has opened the layer under a newer epoch: this VM no longer owns its disk. */
export class DiskFencedError extends Error {
  override readonly name = 'DiskFencedError'
  readonly epoch: number
  readonly newerEpoch: number

  constructor(layer: string, epoch: number, newerEpoch: number) {
    super(
      `disk layer ${layer} belongs to epoch ${newerEpoch}, this is epoch ${epoch}: ` +
        'the VM was started elsewhere since; stop this copy',
    )
    this.epoch = epoch
    this.newerEpoch = newerEpoch
  }
}

/** The file is not a layer of this disk. */
export class DiskLayerError extends Error {
  override readonly name = 'DiskLayerError'
}

export const blockBytes = 4096
const sectorBytes = 512
const version = 1
/** "GDWLAYER" */
const magic = 0x5245_5941_4c57_4447n
const fields = { magic: 0, version: 8, blockBytes: 12, sizeBytes: 16, epoch: 24 } as const
const bitmapOffset = 4096

export class DiskLayer {
  readonly name: string
  readonly #file: StoreFile
  readonly #epoch: number
  readonly #bitmap: Uint8Array
  readonly #dataOffset: number
  readonly #changedBitmapSectors = new Set<number>()
  #unflushed = false

  private constructor(name: string, file: StoreFile, sizeBytes: number, epoch: number) {
    const bitmapBytes = Math.ceil(sizeBytes / blockBytes / 8)
    this.name = name
    this.#file = file
    this.#epoch = epoch
    this.#bitmap = new Uint8Array(Math.ceil(bitmapBytes / blockBytes) * blockBytes)
    this.#dataOffset = bitmapOffset + this.#bitmap.length
    file.read(bitmapOffset, this.#bitmap)
  }

  /** A layer that others may be reading too; it is never written. Throws DiskLayerError. */
  static openSealed(store: DiskStore, name: string, sizeBytes: number): DiskLayer {
    if (!store.exists(name))
      throw new DiskLayerError(`disk layer ${name} is missing from the store: restore the file`)
    const file = store.open(name, 'read')
    return closedOnThrow(file, () => {
      readHeader(file, name, sizeBytes)
      return new DiskLayer(name, file, sizeBytes, 0)
    })
  }

  /** The top layer, made when it is not there. Throws DiskFencedError when a newer epoch has it. */
  static openTop(store: DiskStore, name: string, sizeBytes: number, epoch: number): DiskLayer {
    const file = store.open(name, 'create')
    return closedOnThrow(file, () => {
      const heldBy = readHeader(file, name, sizeBytes) ?? 0
      if (heldBy > epoch) throw new DiskFencedError(name, epoch, heldBy)
      file.write(0, headerSector(sizeBytes, epoch))
      file.flush()
      return new DiskLayer(name, file, sizeBytes, epoch)
    })
  }

  holds(block: number): boolean {
    return (((this.#bitmap[block >>> 3] ?? 0) >>> (block & 7)) & 1) === 1
  }

  /** `offset` is the disk's. Only where holds() says so are the bytes the disk's. */
  read(offset: number, into: Uint8Array): void {
    this.#file.read(this.#dataOffset + offset, into)
  }

  /** Writes bytes and notes that the layer holds all blocks they touch. Throws when fenced. */
  write(offset: number, from: Uint8Array): void {
    this.#mustOwn()
    this.#unflushed = true
    this.#file.write(this.#dataOffset + offset, from)
    const last = Math.floor((offset + from.length - 1) / blockBytes)
    for (let block = Math.floor(offset / blockBytes); block <= last; block++) this.#note(block)
  }

  /** Comes back when all is durable, or throws: then writes since the last flush may be lost. */
  flush(): void {
    this.#mustOwn()
    if (!this.#unflushed) return
    this.#file.flush()
    if (this.#changedBitmapSectors.size > 0) this.#flushBitmap()
    this.#mustOwn()
    this.#unflushed = false
  }

  close(): void {
    this.#file.close()
  }

  #note(block: number): void {
    if (this.holds(block)) return
    const byte = block >>> 3
    invariant(byte < this.#bitmap.length, `block ${block} is not of disk layer ${this.name}`)
    this.#bitmap[byte] = (this.#bitmap[byte] ?? 0) | (1 << (block & 7))
    this.#changedBitmapSectors.add(Math.floor(byte / sectorBytes))
  }

  #flushBitmap(): void {
    this.#mustOwn() // flushing the blocks took long enough for another to have come
    for (const sector of this.#changedBitmapSectors) {
      const at = sector * sectorBytes
      this.#file.write(bitmapOffset + at, this.#bitmap.subarray(at, at + sectorBytes))
    }
    this.#file.flush()
    this.#changedBitmapSectors.clear()
  }

  #mustOwn(): void {
    const epoch = new Uint8Array(8)
    this.#file.read(fields.epoch, epoch)
    const heldBy = Number(viewOf(epoch).getBigUint64(0, true))
    if (heldBy > this.#epoch) throw new DiskFencedError(this.name, this.#epoch, heldBy)
  }
}

/** The epoch in the header, or undefined when the file is new. */
function readHeader(file: StoreFile, name: string, sizeBytes: number): number | undefined {
  const sector = new Uint8Array(sectorBytes)
  file.read(0, sector)
  // A file whose header never became durable holds nothing that was ever flushed.
  if (sector.every((byte) => byte === 0)) return undefined
  const view = viewOf(sector)
  if (view.getBigUint64(fields.magic, true) !== magic)
    throw new DiskLayerError(`${name} is not a disk layer: give the VM another layer name`)
  const found = view.getUint32(fields.version, true)
  if (found !== version || view.getUint32(fields.blockBytes, true) !== blockBytes)
    throw new DiskLayerError(`disk layer ${name} has version ${found}, this reads ${version}`)
  const layerBytes = Number(view.getBigUint64(fields.sizeBytes, true))
  if (layerBytes !== sizeBytes)
    throw new DiskLayerError(
      `disk layer ${name} is of a disk of ${layerBytes} bytes, not ${sizeBytes}: ` +
        "correct the VM's disk size",
    )
  return Number(view.getBigUint64(fields.epoch, true))
}

function headerSector(sizeBytes: number, epoch: number): Uint8Array {
  const sector = new Uint8Array(sectorBytes)
  const view = viewOf(sector)
  view.setBigUint64(fields.magic, magic, true)
  view.setUint32(fields.version, version, true)
  view.setUint32(fields.blockBytes, blockBytes, true)
  view.setBigUint64(fields.sizeBytes, BigInt(sizeBytes), true)
  view.setBigUint64(fields.epoch, BigInt(epoch), true)
  return sector
}

function closedOnThrow<T>(file: StoreFile, open: () => T): T {
  try {
    return open()
  } catch (error) {
    file.close()
    throw error
  }
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
