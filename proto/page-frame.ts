// A page frame: many pages of one VM in one message, without msgpack (which would halve the speed).
// Not here: which page is sent when (node-agent/migration/), the hash that proves a migration
// (GuestMemory). Layout, little-endian, offsets in bytes behind the kind byte:
//
//    0 u32 magic "GWPF"      4 u8 version, u8 encoding, u8 length of the VM id, u8 zero
//    8 u64 epoch            16 u32 round             20 u32 frame number in the round
//   24 u32 page count       28 u32 payload bytes     32 u32 checksum of all but the payload
//   36 u32 sum over the pages' content               40 VM id, ASCII, padded with zeros to 64
//  104 u32 page indices [count], then the payload
//
// Encodings: `zero` has no payload, `raw` has 4,096 bytes a page, `zstd` is that compressed (RFC
// 8878), `delta` is the page XOR what the destination has there, compressed. `held` is a SHA-256 a
// page: the destination has it from another VM, or says that it lacks it. The frame on the wire
// begins with the kind byte and three bytes of padding, so that indices and pages stay aligned.
// The checksum covers header and indices. The content is not read a third time for it: both ends
// hash every page anyway (GuestMemory), so the frame carries a sum over those hashes, and who
// stores the pages compares it with its own.

import { type Fault, fault } from './faults.ts'
import { asEpoch, asVmId, type Epoch, type VmId } from './ids.ts'
import { frameBytesMax, pageBytes, pagesPerFrameMax } from './units.ts'
import { frameKind } from './wire.ts'

export const pageEncodings = ['zero', 'raw', 'zstd', 'delta', 'held'] as const
export type PageEncoding = (typeof pageEncodings)[number]

export interface PageFrame {
  readonly vmId: VmId
  readonly epoch: Epoch
  readonly round: number
  /** 0, 1, 2 … within the round; a gap is a fault of the sender. */
  readonly frameNumber: number
  readonly encoding: PageEncoding
  readonly pages: Uint32Array
  /**
   * GuestMemory.contentSum of these pages, as they were sent; 0 for zero pages. Compared after they
   * are stored.
   */
  readonly contentSum: number
  /** pages.length × 4,096 bytes for `raw`, fewer for `zstd` and `delta`, none for `zero`. */
  readonly bytes: Uint8Array
}

/** Of a page that the destination is thought to hold. */
export const heldBytes = 32

const magic = 0x46505747
const version = 1
const headerBytes = 104
const padBytes = 4
const checksumOffset = 32
const contentSumOffset = 36
/** Zero pages cost 4 bytes each, so more of them fit. */
export const zeroPagesPerFrameMax = Math.floor((frameBytesMax - headerBytes - padBytes) / 4)

/**
 * Room for so many raw pages, with room for all that comes before them in a frame. A frame of
 * exactly these pages is then encoded in place, without copying them: pages are most of what a node
 * does.
 */
export function roomForPages(count: number): Uint8Array<ArrayBuffer> {
  const before = padBytes + headerBytes + count * 4
  return new Uint8Array(new ArrayBuffer(before + count * pageBytes), before)
}

/**
 * The bytes to send, kind byte included. Takes over `frame.bytes` when they lie in roomForPages().
 */
export function encodePageFrame(frame: PageFrame): Uint8Array<ArrayBuffer> {
  const before = padBytes + headerBytes + frame.pages.length * 4
  const length = before + frame.bytes.length
  const { buffer, byteOffset } = frame.bytes
  const inPlace =
    byteOffset === before && buffer.byteLength === length && buffer instanceof ArrayBuffer
  const out = inPlace ? new Uint8Array(buffer) : new Uint8Array(length)
  const view = new DataView(out.buffer, padBytes)
  out[0] = frameKind
  writeHeader(view, frame)
  for (let i = 0; i < frame.vmId.length; i++) view.setUint8(40 + i, frame.vmId.charCodeAt(i))
  new Uint32Array(out.buffer, padBytes + headerBytes, frame.pages.length).set(frame.pages)
  if (!inPlace) out.set(frame.bytes, before)
  view.setUint32(checksumOffset, checksum(out.subarray(padBytes, before)), true)
  return out
}

function writeHeader(view: DataView, frame: PageFrame): void {
  view.setUint32(0, magic, true)
  view.setUint8(4, version)
  view.setUint8(5, pageEncodings.indexOf(frame.encoding))
  view.setUint8(6, frame.vmId.length)
  view.setBigUint64(8, BigInt(frame.epoch), true)
  view.setUint32(16, frame.round, true)
  view.setUint32(20, frame.frameNumber, true)
  view.setUint32(24, frame.pages.length, true)
  view.setUint32(28, frame.bytes.length, true)
  view.setUint32(contentSumOffset, frame.contentSum, true)
}

/**
 * The frame in `received` (as WireChannel hands it over: kind byte removed), or the fault in it.
 * The result may share memory with `received`. Page indices are checked against `pageCount`.
 */
export function decodePageFrame(
  received: Uint8Array,
  pageCount: number,
): { readonly frame: PageFrame } | { readonly fault: Fault } {
  if (received.length < padBytes - 1 + headerBytes) return bad('shorter than its header')
  const bytes = aligned(received.subarray(padBytes - 1))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const wrong = headerFault(view)
  if (wrong !== undefined) return bad(wrong)
  const sum = view.getUint32(checksumOffset, true)
  if (checksum(bytes.subarray(0, headerBytes + view.getUint32(24, true) * 4)) !== sum)
    return bad('its checksum is wrong: bytes were damaged on the way')
  const count = view.getUint32(24, true)
  const pages = new Uint32Array(bytes.buffer, bytes.byteOffset + headerBytes, count)
  for (const page of pages) if (page >= pageCount) return bad(`page ${page} is beyond the RAM`)
  const idLength = view.getUint8(6)
  return {
    frame: {
      vmId: asVmId(String.fromCharCode(...bytes.subarray(40, 40 + idLength))),
      epoch: asEpoch(Number(view.getBigUint64(8, true))),
      round: view.getUint32(16, true),
      frameNumber: view.getUint32(20, true),
      encoding: pageEncodings[view.getUint8(5)] as PageEncoding,
      pages,
      contentSum: view.getUint32(contentSumOffset, true),
      bytes: bytes.subarray(headerBytes + count * 4),
    },
  }
}

function headerFault(view: DataView): string | undefined {
  if (view.getUint32(0, true) !== magic) return 'it does not begin with GWPF'
  if (view.getUint8(4) !== version) return `its version is ${view.getUint8(4)}, mine is ${version}`
  const encoding = pageEncodings[view.getUint8(5)]
  if (encoding === undefined) return `its encoding ${view.getUint8(5)} is unknown`
  if (view.getUint8(6) > 63) return 'its VM id is too long'
  const count = view.getUint32(24, true)
  const payload = view.getUint32(28, true)
  if (count > (encoding === 'zero' ? zeroPagesPerFrameMax : pagesPerFrameMax))
    return `it claims ${count} pages`
  const isPacked = encoding === 'zstd' || encoding === 'delta'
  const perPage = encoding === 'zero' ? 0 : encoding === 'held' ? heldBytes : pageBytes
  const full = count * perPage
  if (isPacked ? payload === 0 || payload > full : payload !== full)
    return `its payload of ${payload} bytes does not fit`
  if (view.byteLength !== headerBytes + count * 4 + payload)
    return 'its length does not fit its header'
  return undefined
}

const bad = (why: string) => ({ fault: fault('bad-frame', `page frame refused: ${why}`) })

// Not bytes.slice(): what a socket hands over is a Buffer, and Node's Buffer.slice() copies
// nothing.
const aligned = (bytes: Uint8Array) => (bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes))

/**
 * 32 bits over all words but the checksum's own: four lanes of multiply-and-rotate, so that the
 * processor may work on them at once. It finds damage, it is no defence against intent. All lengths
 * here are multiples of 4.
 */
function checksum(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2)
  let [a, b, c, d] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f]
  const own = checksumOffset >>> 2
  // The header's words up to here are taken one by one, to leave out the checksum.
  const body = own + 4
  for (let i = 0; i < body; i++) if (i !== own) a = turn(a, words[i] as number)
  let i = body
  for (; i + 4 <= words.length; i += 4) {
    a = turn(a, words[i] as number)
    b = turn(b, words[i + 1] as number)
    c = turn(c, words[i + 2] as number)
    d = turn(d, words[i + 3] as number)
  }
  for (; i < words.length; i++) b = turn(b, words[i] as number)
  const mixed = turn(turn(turn(a, b), c), d)
  return (mixed ^ (mixed >>> 15)) >>> 0
}

const turn = (lane: number, word: number): number => {
  const x = Math.imul(lane ^ word, 0x9e3779b1)
  return (x << 13) | (x >>> 19)
}
