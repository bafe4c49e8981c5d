// A pack: many pages in one file, each found by the digest of its bytes. Packs are written once,
// and never changed. Not here: the files (node-agent/snapshots/). Numbers little-endian, sizes in
// bytes.
//
//   0      the pages, 4,096 bytes each
//   then   the index: the digest of each page, in their order
//   last   "GDWPPACK", u32 version, u32 number of pages, digest of the index, zeros: 64 bytes
//
// The end says what there is, so that pages can be written as they come; a pack without a whole
// end holds nothing. Each page is checked by its own digest when it is read.

import { pageBytes } from '#proto/units.ts'
import { type Digest, digestBytes, equalBytes } from './digest.ts'
import { SnapshotError } from './section-bytes.ts'

/** "GDWPPACK", as it lies in the file. */
const magic = 0x4b43_4150_5057_4447n
const version = 1
export const packEndBytes = 64

/** Index and end of a pack with pages of these digests. */
export function packEnd(digests: Uint8Array, digest: Digest): Uint8Array {
  const end = new Uint8Array(digests.length + packEndBytes)
  end.set(digests)
  const view = new DataView(end.buffer, digests.length)
  view.setBigUint64(0, magic, true)
  view.setUint32(8, version, true)
  view.setUint32(12, digests.length / digestBytes, true)
  end.set(digest(digests), digests.length + 16)
  return end
}

/** Where the index of a pack lies, by the last bytes of its file. */
export function readPackEnd(
  end: Uint8Array,
  fileBytes: number,
):
  | { readonly indexOffset: number; readonly count: number; readonly seal: Uint8Array }
  | SnapshotError {
  if (end.length !== packEndBytes) return damaged('is cut')
  const view = new DataView(end.buffer, end.byteOffset, end.length)
  if (view.getBigUint64(0, true) !== magic) return damaged('has no end')
  const found = view.getUint32(8, true)
  if (found !== version)
    return new SnapshotError(
      `A pack of pages has format ${found}, this node knows ${version}: ` +
        'use the release that wrote it.',
    )
  const count = view.getUint32(12, true)
  if (count * (pageBytes + digestBytes) + packEndBytes !== fileBytes)
    return damaged('has another length than it says')
  return { indexOffset: count * pageBytes, count, seal: end.slice(16, 16 + digestBytes) }
}

export function checkPackIndex(
  index: Uint8Array,
  seal: Uint8Array,
  digest: Digest,
): SnapshotError | undefined {
  return equalBytes(digest(index), seal) ? undefined : damaged('has a damaged index')
}

const damaged = (what: string): SnapshotError =>
  new SnapshotError(`A pack of pages ${what}: restore the file, or take the snapshots again.`)
