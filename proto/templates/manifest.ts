// The manifest of a template's file: what it is, who made it, its state besides memory and disk,
// and the digest of every piece of content, so that its own digest stands for all of it.
// Not here: the file around it (file.ts), where content lies (node-agent/templates/).
// Pages and blocks of 4,096 bytes; lists of numbers are u32, little-endian.
//
// Content comes in chunks: first the different pages, 64 a chunk; then the disk, range by range of
// 64 blocks, of which only blocks with content count. A disk is one here, however many layers it
// had. Chunks are checked page by page, or as a whole range.

import { Packr } from 'msgpackr'
import { z } from 'zod'
import type { Fault } from '../faults.ts'
import { bytes, ms } from '../message-parts.ts'
import { StateSection } from '../migration-messages.ts'
import { mebibyte, pageBytes } from '../units.ts'
import { Name, VmSpec } from '../vm-spec.ts'
import { chunkBytesMax, damaged, hexText } from './file.ts'

export type Digest = (bytes: Uint8Array) => Uint8Array

const digestBytes = 32
const wordBytes = 4
/** As a page: what a layer of a disk knows of. */
export const blockBytes = 4096
export const perChunk = chunkBytesMax / blockBytes
/** A bit a block of the range. */
export const heldBytes = perChunk / 8

/** What people want to know of it. */
export const TemplateLabel = z.strictObject({
  name: Name,
  about: z.string().max(200),
  /** The account whose template it is, where there is one. */
  madeBy: z.string().max(63),
  cluster: z.string().max(80),
  /** Of Godwit. */
  version: z.string().max(40),
})
export type TemplateLabel = z.infer<typeof TemplateLabel>

const PageTable = z.strictObject({
  /** Which pages of RAM are not zero, ascending; and the number of the content of each. */
  indices: bytes,
  contents: bytes,
  /** Of each content. */
  digests: bytes,
})
const DiskTable = z.strictObject({
  sizeBytes: z.int().min(1),
  /** Which ranges have content, ascending; which of their blocks; the digest of those together. */
  ranges: bytes,
  held: bytes,
  digests: bytes,
})
export type DiskTable = z.infer<typeof DiskTable>

export const TemplateManifest = z.strictObject({
  format: z.literal(1),
  ...TemplateLabel.shape,
  takenWallMs: ms,
  spec: VmSpec,
  sections: z.array(StateSection).max(64),
  pages: PageTable,
  disk: DiskTable.optional(),
})
export type TemplateManifest = z.infer<typeof TemplateManifest>

const packr = new Packr({ useRecords: false, int64AsType: 'number' })

export const encodeManifest = (manifest: TemplateManifest): Uint8Array =>
  new Uint8Array(packr.pack(manifest))

/** Whatever the bytes are: a manifest that makes sense, or the fault that says why not. */
export function decodeManifest(packed: Uint8Array): TemplateManifest | Fault {
  let value: unknown
  try {
    value = packr.unpack(packed)
  } catch {
    return damaged('has a manifest that cannot be read')
  }
  const checked = TemplateManifest.safeParse(value)
  if (!checked.success) {
    const issue = checked.error.issues[0]
    const where = issue?.path.map(String).join('.') || 'itself'
    return damaged(`has a manifest of another release, or none (${where}: ${issue?.message})`)
  }
  const wrong = wrongPages(checked.data) ?? wrongDisk(checked.data)
  return wrong === undefined ? checked.data : damaged(`has a manifest that ${wrong}`)
}

function wrongPages({ spec, pages }: TemplateManifest): string | undefined {
  const count = pages.indices.length / wordBytes
  const contents = contentCount(pages)
  if (!Number.isInteger(count) || pages.contents.length !== pages.indices.length)
    return 'names pages in part'
  if (!Number.isInteger(contents) || contents > count) return 'names content that no page has'
  const pageCount = (spec.memoryMib * mebibyte) / pageBytes
  if (!isAscending(pages.indices, pageCount)) return 'names pages that no such VM has'
  for (let at = 0; at < count; at++)
    if (wordAt(pages.contents, at) >= contents) return 'has a page without content'
  return undefined
}

function wrongDisk({ spec, disk }: TemplateManifest): string | undefined {
  const sizeBytes = spec.diskMib * mebibyte
  if ((disk?.sizeBytes ?? 0) !== sizeBytes) return 'has a disk of another size than its VM'
  if (!disk) return undefined
  const count = disk.ranges.length / wordBytes
  const isWhole =
    disk.held.length === count * heldBytes && disk.digests.length === count * digestBytes
  if (!Number.isInteger(count) || !isWhole) return 'names its disk in part'
  if (!isAscending(disk.ranges, sizeBytes / chunkBytesMax)) return 'names blocks that no disk has'
  for (let at = 0; at < count; at++)
    if (heldOf(disk, at).every((byte) => byte === 0)) return 'names a part of its disk in vain'
  return undefined
}

function isAscending(words: Uint8Array, below: number): boolean {
  let before = -1
  for (let at = 0; at < words.length / wordBytes; at++) {
    const word = wordAt(words, at)
    if (word <= before || word >= below) return false
    before = word
  }
  return true
}

export const wordAt = (words: Uint8Array, at: number): number =>
  ((words[4 * at] ?? 0) |
    ((words[4 * at + 1] ?? 0) << 8) |
    ((words[4 * at + 2] ?? 0) << 16) |
    ((words[4 * at + 3] ?? 0) << 24)) >>>
  0

/** Numbers as a list of the manifest has them. */
export function wordsOf(numbers: Uint32Array): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(wordBytes * numbers.length))
  for (const [at, word] of numbers.entries()) view.setUint32(wordBytes * at, word, true)
  return new Uint8Array(view.buffer)
}

export const contentCount = ({ digests }: TemplateManifest['pages']): number =>
  digests.length / digestBytes
export const contentDigest = ({ digests }: TemplateManifest['pages'], at: number): Uint8Array =>
  digests.subarray(at * digestBytes, (at + 1) * digestBytes)
const rangeCount = (disk: DiskTable | undefined): number => (disk?.ranges.length ?? 0) / wordBytes
const heldOf = ({ held }: DiskTable, at: number): Uint8Array =>
  held.subarray(at * heldBytes, (at + 1) * heldBytes)

/** Some of the different pages; or the blocks with content in a range of the disk. */
export type Chunk =
  | { readonly of: 'pages'; readonly from: number; readonly count: number }
  | {
      readonly of: 'disk'
      readonly digest: Uint8Array
      /** Which blocks of the disk, ascending. */
      readonly blocks: readonly number[]
    }

export const chunkCount = ({ pages, disk }: TemplateManifest): number =>
  Math.ceil(contentCount(pages) / perChunk) + rangeCount(disk)

export function chunkAt({ pages, disk }: TemplateManifest, chunk: number): Chunk {
  const contents = contentCount(pages)
  const from = chunk * perChunk
  if (from < contents) return { of: 'pages', from, count: Math.min(perChunk, contents - from) }
  const at = chunk - Math.ceil(contents / perChunk)
  const digests = disk?.digests ?? new Uint8Array(0)
  const digest = digests.subarray(at * digestBytes, (at + 1) * digestBytes)
  if (!disk) return { of: 'disk', digest, blocks: [] }
  const [first, held] = [wordAt(disk.ranges, at) * perChunk, heldOf(disk, at)]
  const isHeld = (bit: number) => (((held[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1
  const bits = Array.from({ length: perChunk }, (_, bit) => bit).filter(isHeld)
  return { of: 'disk', digest, blocks: bits.map((bit) => first + bit) }
}

/** Of its content, unpacked. */
export const chunkBytes = (chunk: Chunk): number =>
  (chunk.of === 'pages' ? chunk.count : chunk.blocks.length) * pageBytes

/** All content, unpacked. */
export function contentBytes(manifest: TemplateManifest): number {
  let sum = 0
  for (let at = 0; at < chunkCount(manifest); at++) sum += chunkBytes(chunkAt(manifest, at))
  return sum
}

/** Is this the content that the manifest names? */
export function isChunk(
  manifest: TemplateManifest,
  chunk: Chunk,
  content: Uint8Array,
  digest: Digest,
): boolean {
  if (content.length !== chunkBytes(chunk)) return false
  if (chunk.of === 'disk') return isSame(digest(content), chunk.digest)
  for (let at = 0; at < chunk.count; at++) {
    const page = content.subarray(at * pageBytes, (at + 1) * pageBytes)
    if (!isSame(digest(page), contentDigest(manifest.pages, chunk.from + at))) return false
  }
  return true
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at])

/** Names what is on a disk: two templates with the same need it once. Undefined: it has none. */
export function diskDigest({ disk }: TemplateManifest, digest: Digest): string | undefined {
  if (!disk) return undefined
  const { sizeBytes, ...tables } = disk
  const all = packr.pack([sizeBytes, ...Object.values(tables).map((table) => digest(table))])
  return hexText(digest(new Uint8Array(all)))
}
