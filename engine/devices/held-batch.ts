// A batch of held writes as bytes: what a guest wrote to its disk between two checkpoints, in its
// order, for another node that will write the same.
// Not here: holding them (held-disk.ts), sending them.
// Little-endian, version 1: magic u64, version u32, records u32; then for each record kind u32 (1 a
// write, 2 a flush), length in bytes u32, offset in bytes u64, and a write's bytes. A batch in
// which nothing was written is no bytes at all.

import type { BlockBackend } from './block-backend.ts'

export interface HeldWrite {
  readonly offset: number
  readonly bytes: Uint8Array
}
/** In the guest's order. */
export type HeldRecord = HeldWrite | 'flush'

const version = 1
/** "GDWBATCH" */
const magic = 0x4843_5441_4257_4447n
const headerBytes = 16
const recordBytes = 16
const kinds = { write: 1, flush: 2 } as const

export function encodeBatch(records: readonly HeldRecord[]): Uint8Array {
  if (records.length === 0) return new Uint8Array(0)
  const dataBytes = records.reduce((sum, record) => sum + lengthOf(record), 0)
  const batch = new Uint8Array(headerBytes + records.length * recordBytes + dataBytes)
  const view = viewOf(batch)
  view.setBigUint64(0, magic, true)
  view.setUint32(8, version, true)
  view.setUint32(12, records.length, true)
  let at = headerBytes
  for (const record of records) {
    const isFlush = record === 'flush'
    view.setUint32(at, isFlush ? kinds.flush : kinds.write, true)
    view.setUint32(at + 4, lengthOf(record), true)
    view.setBigUint64(at + 8, BigInt(isFlush ? 0 : record.offset), true)
    at += recordBytes
    if (isFlush) continue
    batch.set(record.bytes, at)
    at += record.bytes.length
  }
  return batch
}

/**
 * Writes a batch in its order, with its flushes and one at the end. A batch that does not fit the
 * disk is refused before anything is written, by an Error for a person. To apply one again that was
 * written in part does no harm.
 */
export function applyBatch(disk: BlockBackend, batch: Uint8Array): void {
  writeRecords(disk, decodeBatch(batch, disk.sizeBytes))
}

/** Ends with a flush, if there was anything to write. */
export function writeRecords(disk: BlockBackend, records: Iterable<HeldRecord>): void {
  let isUnflushed = false
  for (const record of records) {
    if (record === 'flush') disk.flush()
    else disk.write(record.offset, record.bytes)
    isUnflushed = record !== 'flush'
  }
  if (isUnflushed) disk.flush()
}

function decodeBatch(batch: Uint8Array, sizeBytes: number): HeldRecord[] {
  if (batch.length === 0) return []
  if (batch.length < headerBytes) throw refused('it is cut short')
  const view = viewOf(batch)
  if (view.getBigUint64(0, true) !== magic) throw refused('these bytes are no batch')
  const found = view.getUint32(8, true)
  if (found !== version) throw refused(`it has version ${found}, this reads ${version}`)
  const records: HeldRecord[] = []
  let at = headerBytes
  for (let left = view.getUint32(12, true); left > 0; left--) {
    const record = decodeRecord(batch, at, sizeBytes)
    records.push(record)
    at += recordBytes + lengthOf(record)
  }
  if (at !== batch.length) throw refused(`${batch.length - at} bytes follow its last record`)
  return records
}

function decodeRecord(batch: Uint8Array, at: number, sizeBytes: number): HeldRecord {
  if (at + recordBytes > batch.length) throw refused('it is cut short')
  const view = viewOf(batch)
  const kind = view.getUint32(at, true)
  const lengthBytes = view.getUint32(at + 4, true)
  // Beyond 2^53 it is no longer exact, and far out of range either way.
  const offset = Number(view.getBigUint64(at + 8, true))
  if (kind === kinds.flush && lengthBytes === 0) return 'flush'
  if (kind !== kinds.write) throw refused(`it has a record of unknown kind ${kind}`)
  const dataAt = at + recordBytes
  if (dataAt + lengthBytes > batch.length) throw refused('it is cut short')
  if (offset + lengthBytes > sizeBytes)
    throw refused(`${lengthBytes} bytes at ${offset} are not on this disk of ${sizeBytes} bytes`)
  return { offset, bytes: batch.subarray(dataAt, dataAt + lengthBytes) }
}

const refused = (why: string) =>
  new Error(
    `The batch of held writes is refused, and nothing of it was written: ${why}. ` +
      'Send it again, from an agent of the same version and for the same disk.',
  )

const lengthOf = (record: HeldRecord) => (record === 'flush' ? 0 : record.bytes.length)
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
