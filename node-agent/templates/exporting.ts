// Reads a template out of the store as a file: first its manifest, then chunk by chunk, so that no
// more than a chunk of it is in memory at once. The same template gives the same manifest, and so
// the same id. Not here: the file's format (proto/templates/), how parts travel (part-stream.ts).

import type { SealedDisk } from '#engine/devices/sealed-disk.ts'
import { digestAt, type PageList } from '#engine/snapshots/page-list.ts'
import type { Disk, Zstd } from '#env/env.ts'
import { FaultError } from '#proto/faults.ts'
import { encodeChunk } from '#proto/templates/file.ts'
import {
  type Chunk,
  chunkAt,
  chunkCount,
  contentBytes,
  contentDigest,
  encodeManifest,
  type TemplateManifest,
  wordsOf,
} from '#proto/templates/manifest.ts'
import type { ExportTemplate, FileSize } from '#proto/templates/messages.ts'
import { pageBytes } from '#proto/units.ts'
import { breathe } from '../migration/breath.ts'
import { ContentIndex } from '../snapshots/content-index.ts'
import type { Snapshot, SnapshotStore } from '../snapshots/snapshot-store.ts'
import { openDisk, readBlocks, tableOf } from './disk-content.ts'
import type { PartSender } from './part-stream.ts'

export interface TemplatePorts {
  readonly store: SnapshotStore
  readonly layers: Disk
  readonly zstd: Zstd
}

/** Fast, and half of what the slowest would save. */
const level = 3

/** Throws FaultErrors; then the file is not whole, and the other end has to be told. */
export async function exportTemplate(
  order: ExportTemplate,
  ports: TemplatePorts,
  out: PartSender,
  begins: (size: FileSize) => void,
): Promise<void> {
  const { store } = ports
  const mark = await store.use()
  let disk: SealedDisk | undefined
  try {
    const { snapshot, list } = found(order, store)
    disk = openDisk(ports.layers, snapshot.record.disk)
    const manifest = await manifestOf(order, snapshot, list, disk, store)
    const packed = encodeManifest(manifest)
    const chunks = chunkCount(manifest)
    begins({ manifestBytes: packed.length, chunks, contentBytes: contentBytes(manifest) })
    await out.send(packed)
    for (let at = 0; at < chunks; at++) {
      const content = read(manifest, chunkAt(manifest, at), store, disk)
      await out.send(encodeChunk(content, await ports.zstd.compress(content, level)))
    }
  } finally {
    disk?.close()
    mark()
  }
}

function found({ kept }: ExportTemplate, store: SnapshotStore) {
  const snapshot = store.read(kept.vmId, kept.name)
  if ('fault' in snapshot) throw new FaultError(snapshot.fault)
  const list = store.resolve(snapshot)
  if ('fault' in list) throw new FaultError(list.fault)
  store.pages.refresh()
  const lost = store.missing(list)
  if (lost) throw new FaultError(lost)
  return { snapshot, list }
}

async function manifestOf(
  { label }: ExportTemplate,
  { record, sections }: Snapshot,
  list: PageList,
  disk: SealedDisk | undefined,
  { ports }: SnapshotStore,
): Promise<TemplateManifest> {
  const pages = await pagesOf(list)
  const table = disk && (await tableOf(disk, ports.digest))
  return {
    format: 1,
    ...label,
    takenWallMs: record.takenWallMs,
    spec: record.spec,
    sections: [...sections],
    pages,
    ...(table && { disk: table }),
  }
}

const pagesPerBreath = 16_384

/** Each content once, in the order in which pages have it first. */
async function pagesOf(list: PageList) {
  const index = new ContentIndex()
  const contents = new Uint32Array(list.pages.length)
  const digests = new Uint8Array(list.digests.length)
  let used = 0
  for (let at = 0; at < list.pages.length; at++) {
    const digest = digestAt(list, at)
    const known = index.find(digest)
    if (!known) {
      index.add(digest, { pack: 0, slot: index.size })
      digests.set(digest, used)
      used += digest.length
    }
    contents[at] = known?.slot ?? index.size - 1
    if (at % pagesPerBreath === 0) await breathe()
  }
  const indices = wordsOf(list.pages)
  return { indices, contents: wordsOf(contents), digests: digests.slice(0, used) }
}

function read(
  { pages }: TemplateManifest,
  chunk: Chunk,
  store: SnapshotStore,
  disk: SealedDisk | undefined,
): Uint8Array {
  if (chunk.of === 'disk') return disk ? readBlocks(disk, chunk.blocks) : new Uint8Array(0)
  const content = new Uint8Array(chunk.count * pageBytes)
  for (let at = 0; at < chunk.count; at++) {
    const into = content.subarray(at * pageBytes, (at + 1) * pageBytes)
    const lost = store.pages.read(contentDigest(pages, chunk.from + at), into)
    if (lost) throw new FaultError(lost)
  }
  return content
}
