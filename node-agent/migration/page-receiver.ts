// Stores the page frames of a link into the RAM of a copy, or says what is wrong with one. Bytes of
// the network: whatever they are, they become a fault, never an exception.
// Not here: how many frames a round has (destination.ts). Pages of 4,096 bytes.

import type { GuestMemory } from '#engine/memory/guest-memory-port.ts'
import { type Digest, equalBytes } from '#engine/snapshots/digest.ts'
import type { Zstd } from '#env/env.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { Epoch, VmId } from '#proto/ids.ts'
import { decodePageFrame, heldBytes, type PageFrame } from '#proto/page-frame.ts'
import { pageBytes } from '#proto/units.ts'

export interface CopyOf {
  readonly vmId: VmId
  readonly epoch: Epoch
  readonly memory: GuestMemory
  readonly zstd: Zstd
  /** Of the same family: pages that are only named may be taken from it. */
  readonly donor?: Donor | undefined
}

export interface Donor {
  /** A page as it is now; false: it is not there, or its VM has gone meanwhile. */
  read(page: number, into: Uint8Array): boolean
  readonly digest: Digest
  /** Pages that were named and are not there. */
  readonly lacking: number[]
}

/** Where in the stream the next frame belongs. */
export interface FramePlace {
  readonly round: number
  readonly frameNumber: number
  /** Those of this round that have come, where they come in any order. */
  readonly seen?: Set<number> | undefined
}

/**
 * Stores one frame (kind byte removed); undefined when it is in the RAM. After a fault the copy is
 * worth nothing.
 */
export function receiveFrame(
  bytes: Uint8Array,
  copy: CopyOf,
  place: FramePlace,
): Fault | undefined {
  const decoded = decodePageFrame(bytes, copy.memory.pageCount)
  if ('fault' in decoded) return decoded.fault
  const { frame } = decoded
  if (frame.vmId !== copy.vmId || frame.epoch !== copy.epoch)
    return fault(
      'bad-frame',
      `a page frame of VM ${frame.vmId} epoch ${frame.epoch} ` +
        `on the link of ${copy.vmId} epoch ${copy.epoch}`,
    )
  if (frame.round !== place.round || !isDue(frame.frameNumber, place))
    return fault(
      'bad-frame',
      `frame ${frame.frameNumber} of round ${frame.round} came; ` +
        `${place.frameNumber} of round ${place.round} was due`,
    )
  if (frame.encoding === 'held') return takeHeld(frame, copy)
  const content = contentOf(frame, copy)
  if (!content) return fault('bad-frame', `a ${frame.encoding} payload does not unpack`)
  if (frame.encoding === 'zero') copy.memory.storeZero(frame.pages)
  else copy.memory.store(frame.pages, content)
  const sum = frame.encoding === 'zero' ? 0 : copy.memory.contentSum(frame.pages)
  if (sum === frame.contentSum) return undefined
  return fault('bad-frame', 'the pages of a frame were damaged on the way; migrate again')
}

/** Each once; over one link in their order. */
function isDue(frameNumber: number, { frameNumber: next, seen }: FramePlace): boolean {
  if (!seen) return frameNumber === next
  if (seen.has(frameNumber)) return false
  seen.add(frameNumber)
  return true
}

/** Takes what the donor has, and notes what it has not: its guest may have written to it. */
function takeHeld({ pages, bytes }: PageFrame, { memory, donor }: CopyOf): Fault | undefined {
  if (!donor) return fault('bad-frame', 'pages are named that nobody here has')
  const found: number[] = []
  const content = new Uint8Array(pages.length * pageBytes)
  for (const [at, page] of pages.entries()) {
    const room = content.subarray(found.length * pageBytes, (found.length + 1) * pageBytes)
    const wanted = bytes.subarray(at * heldBytes, (at + 1) * heldBytes)
    if (isHeld(donor, page, wanted, room)) found.push(page)
    else donor.lacking.push(page)
  }
  memory.store(Uint32Array.from(found), content.subarray(0, found.length * pageBytes))
  return undefined
}

/** Its copy is what is judged and stored: the donor's guest runs meanwhile. */
function isHeld(donor: Donor, page: number, wanted: Uint8Array, room: Uint8Array): boolean {
  return donor.read(page, room) && equalBytes(donor.digest(room), wanted)
}

/** The pages themselves; undefined: what came is not them. */
function contentOf({ encoding, pages, bytes }: PageFrame, { memory, zstd }: CopyOf) {
  if (encoding === 'zero' || encoding === 'raw') return bytes
  const content = zstd.decompress(bytes, pages.length * pageBytes)
  if (content && encoding === 'delta') applyChanges(content, pages, memory)
  return content
}

/** What was here, XOR what has changed: in place. */
function applyChanges(changes: Uint8Array, pages: Uint32Array, memory: GuestMemory): void {
  const here = new Uint32Array(pageBytes / 4)
  for (const [at, page] of pages.entries()) {
    memory.readPage(page, new Uint8Array(here.buffer))
    const words = wordsAt(changes, at)
    for (let word = 0; word < words.length; word++)
      words[word] = (words[word] as number) ^ (here[word] as number)
  }
}

const wordsAt = (bytes: Uint8Array, page: number): Uint32Array =>
  new Uint32Array(bytes.buffer, bytes.byteOffset + page * pageBytes, pageBytes / 4)
