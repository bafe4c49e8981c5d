// The block device behind a virtio transport: read, write, flush and get-id, on a BlockBackend.
// Not here: rings and registers (virtio-queue.ts, virtio-mmio.ts), where the bytes are kept
// (layered-disk.ts).
// Source: Virtual I/O Device (VIRTIO) 1.2, section 5.2 "Block Device". Sectors are 512 bytes.
//
// Requests are executed one after the other, at once. A write is durable only after a flush has
// been answered. When the backend fails, the request is not answered and the VM is stopped: a guest
// that saw an error might carry on with what it believes to be written.

import type { BlockBackend } from './block-backend.ts'
import type { VirtioDevice } from './virtio-device.ts'
import {
  type DescriptorChain,
  type GuestDma,
  readSegments,
  type Segment,
  segmentsBytes,
  writeSegments,
} from './virtio-queue.ts'

const sectorBytes = 512
const headerBytes = 16
const queueSize = 128
/** A chain also holds the header and the status. */
const segmentsMax = queueSize - 2
const segmentBytesMax = 64 * 1024
/** What the two limits above allow; it bounds how long one request keeps the pCPU. */
const requestBytesMax = segmentsMax * segmentBytesMax
/** The device id text is 20 bytes, padded with zeros (5.2.6). */
const deviceIdBytes = 20

const featureSizeMax = 1n << 1n
const featureSegMax = 1n << 2n
const featureFlush = 1n << 9n
const requests = { in: 0, out: 1, flush: 4, getId: 8 } as const
const statusOk = 0
const statusIoError = 1
const statusUnsupported = 2

interface Request {
  readonly type: number
  readonly offset: number
  /** Data after the header, without the status byte. */
  readonly readable: readonly Segment[]
  readonly readableBytes: number
  readonly writable: readonly Segment[]
  readonly writableBytes: number
}

/** What executing a request came to: its status, and the bytes of data written to the guest. */
type Answer = { readonly status: number; readonly writtenBytes: number } | 'broken'

const refused = (status: number): Answer => ({ status, writtenBytes: 0 })
const served = (writtenBytes: number): Answer => ({ status: statusOk, writtenBytes })

export class VirtioBlock implements VirtioDevice {
  readonly deviceId = 2
  readonly features = featureSizeMax | featureSegMax | featureFlush
  readonly queueSizes = [queueSize]
  readonly config = new Uint8Array(24)
  readonly #sizeBytes: number
  readonly #name: string
  readonly #failed: (cause: unknown) => void
  readonly #staging = new Uint8Array(segmentBytesMax)
  #backend: BlockBackend | undefined
  #unflushed = false

  /**
   * `name` is what get-id answers; `failed` is told why the backend cannot go on, and must stop the
   * VM.
   */
  constructor(sizeBytes: number, name: string, failed: (cause: unknown) => void) {
    this.#sizeBytes = sizeBytes - (sizeBytes % sectorBytes)
    this.#name = name
    this.#failed = failed
    const config = new DataView(this.config.buffer)
    config.setBigUint64(0, BigInt(this.#sizeBytes / sectorBytes), true)
    config.setUint32(8, segmentBytesMax, true)
    config.setUint32(12, segmentsMax, true)
  }

  get connected(): boolean {
    return this.#backend !== undefined
  }

  /** The VM may use its disk from now on. */
  connect(backend: BlockBackend): void {
    this.#backend = backend
    this.#unflushed = false
  }

  /**
   * Closes the backend, if there is one. What was not flushed may be lost: that is what a power cut
   * is.
   */
  disconnect(): void {
    this.#backend?.close()
    this.#backend = undefined
  }

  /**
   * Makes durable what the guest has written but not flushed: whoever opens the disk next must see
   * it.
   */
  settle(): void {
    if (this.#unflushed) this.#backend?.flush()
    this.#unflushed = false
  }

  serve(_queue: number, chain: DescriptorChain, dma: GuestDma): number | 'broken' | 'stalled' {
    const request = readRequest(chain, dma)
    if (request === undefined) return 'broken'
    let answer: Answer
    try {
      answer = this.#execute(request, dma)
    } catch (cause) {
      this.#failed(cause)
      return 'stalled'
    }
    if (answer === 'broken') return 'broken'
    const status = Uint8Array.of(answer.status)
    if (!writeSegments(dma, chain.writable, request.writableBytes, status)) return 'broken'
    return answer.writtenBytes + 1
  }

  #execute(request: Request, dma: GuestDma): Answer {
    switch (request.type) {
      case requests.in:
        return this.#read(request, dma)
      case requests.out:
        return this.#write(request, dma)
      case requests.flush:
        this.#connectedBackend().flush()
        this.#unflushed = false
        return served(0)
      case requests.getId:
        return this.#getId(request, dma)
      default:
        return refused(statusUnsupported)
    }
  }

  #read(request: Request, dma: GuestDma): Answer {
    if (!this.#allows(request.offset, request.writableBytes)) return refused(statusIoError)
    const backend = this.#connectedBackend()
    for (const [at, piece] of this.#pieces(request.writableBytes)) {
      backend.read(request.offset + at, piece)
      if (!writeSegments(dma, request.writable, at, piece)) return 'broken'
    }
    return served(request.writableBytes)
  }

  #write(request: Request, dma: GuestDma): Answer {
    if (!this.#allows(request.offset, request.readableBytes)) return refused(statusIoError)
    const backend = this.#connectedBackend()
    for (const [at, piece] of this.#pieces(request.readableBytes)) {
      if (!readSegments(dma, request.readable, headerBytes + at, piece)) return 'broken'
      this.#unflushed = true
      backend.write(request.offset + at, piece)
    }
    return served(0)
  }

  #getId(request: Request, dma: GuestDma): Answer {
    const text = new Uint8Array(Math.min(deviceIdBytes, request.writableBytes))
    for (let at = 0; at < text.length && at < this.#name.length; at++)
      text[at] = this.#name.charCodeAt(at)
    return writeSegments(dma, request.writable, 0, text) ? served(text.length) : 'broken'
  }

  /**
   * On the disk, and no more in all than the device has told the driver. How large its pieces are a
   * driver need not have asked.
   */
  #allows(offset: number, bytes: number): boolean {
    return (
      bytes % sectorBytes === 0 && bytes <= requestBytesMax && offset + bytes <= this.#sizeBytes
    )
  }

  /** The staging buffer, cut to the pieces of a run of bytes, with where each begins. */
  *#pieces(bytes: number): Generator<[number, Uint8Array]> {
    for (let at = 0; at < bytes; at += this.#staging.length) {
      yield [at, this.#staging.subarray(0, Math.min(this.#staging.length, bytes - at))]
    }
  }

  #connectedBackend(): BlockBackend {
    if (this.#backend === undefined) throw new Error('The VM ran before its disk was opened.')
    return this.#backend
  }
}

/**
 * The header is the first 16 readable bytes, the status the last writable one, however they are cut
 * (2.7.4).
 */
function readRequest(chain: DescriptorChain, dma: GuestDma): Request | undefined {
  const header = new Uint8Array(headerBytes)
  const writableBytes = segmentsBytes(chain.writable) - 1
  if (writableBytes < 0 || !readSegments(dma, chain.readable, 0, header)) return undefined
  const view = new DataView(header.buffer)
  return {
    type: view.getUint32(0, true),
    // Beyond 2^53 it is no longer exact, and far out of range either way.
    offset: Number(view.getBigUint64(8, true)) * sectorBytes,
    readable: chain.readable,
    readableBytes: segmentsBytes(chain.readable) - headerBytes,
    writable: chain.writable,
    writableBytes,
  }
}
