// A snapshot as one file: a container of named, versioned sections, sealed by a digest over all.
// Not here: what the sections say (page-list.ts, the VM's own parts, the agent's record), the bytes
// of pages (page-pack.ts), how a file is written (node-agent/snapshots/). Numbers little-endian.
//
//   0     "GDWSNAPS", u32 version, u32 number of sections
//   then  each: u16 length of its kind, the kind (ASCII), u32 version, u32 length, its bytes
//   last  SHA-256 of all before it: 32 bytes
//
// A file may be damaged, cut or of another release: reading one gives a SnapshotError as a value,
// whatever its bytes are.

import type { Section } from '../vm-config.ts'
import { type Digest, digestBytes, equalBytes } from './digest.ts'
import { SnapshotError } from './section-bytes.ts'

/** "GDWSNAPS", as it lies in the file. */
const magic = 0x5350_414e_5357_4447n
const version = 1
const headerBytes = 16
const sectionHeaderBytes = 10
const sectionsMax = 256

export function encodeSnapshot(sections: readonly Section[], digest: Digest): Uint8Array {
  const ascii = new TextEncoder()
  const lengths = sections.map(({ kind, bytes }) => sectionHeaderBytes + kind.length + bytes.length)
  const body = lengths.reduce((sum, length) => sum + length, headerBytes)
  const file = new Uint8Array(body + digestBytes)
  const view = new DataView(file.buffer)
  view.setBigUint64(0, magic, true)
  view.setUint32(8, version, true)
  view.setUint32(12, sections.length, true)
  let at = headerBytes
  for (const [index, { kind, version, bytes }] of sections.entries()) {
    view.setUint16(at, kind.length, true)
    file.set(ascii.encode(kind), at + 2)
    view.setUint32(at + 2 + kind.length, version, true)
    view.setUint32(at + 6 + kind.length, bytes.length, true)
    file.set(bytes, at + sectionHeaderBytes + kind.length)
    at += lengths[index] ?? 0
  }
  file.set(digest(file.subarray(0, body)), body)
  return file
}

export function decodeSnapshot(file: Uint8Array, digest: Digest): Section[] | SnapshotError {
  if (file.length < headerBytes + digestBytes) return damaged('is cut')
  const view = new DataView(file.buffer, file.byteOffset, file.length - digestBytes)
  if (view.getBigUint64(0, true) !== magic) return new SnapshotError('This file is no snapshot.')
  const found = view.getUint32(8, true)
  if (found !== version) return unknown(found)
  const body = file.subarray(0, view.byteLength)
  if (!equalBytes(digest(body), file.subarray(body.length)))
    return damaged('does not match its seal')
  return readSections(view, body)
}

function readSections(view: DataView, body: Uint8Array): Section[] | SnapshotError {
  const count = view.getUint32(12, true)
  const sections: Section[] = []
  let at = headerBytes
  for (let index = 0; index < count && index < sectionsMax; index++) {
    if (at + sectionHeaderBytes > body.length) return damaged('ends inside a section')
    const kindLength = view.getUint16(at, true)
    const start = at + sectionHeaderBytes + kindLength
    if (start > body.length) return damaged('ends inside a section')
    const kind = new TextDecoder().decode(body.subarray(at + 2, at + 2 + kindLength))
    const bytesLength = view.getUint32(start - 4, true)
    at = start + bytesLength
    if (at > body.length) return damaged('ends inside a section')
    const version = view.getUint32(start - 8, true)
    sections.push({ kind, version, bytes: body.slice(start, at) })
  }
  return at === body.length ? sections : damaged('has bytes that belong to no section')
}

const damaged = (what: string): SnapshotError =>
  new SnapshotError(`The snapshot ${what}: it was damaged; take it again or use another one.`)

const unknown = (found: number): SnapshotError =>
  new SnapshotError(
    `The snapshot has format ${found}, this node knows ${version}: use the release that wrote it.`,
  )
