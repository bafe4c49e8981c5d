// Writes a template's file into the store. Whatever comes is checked against the manifest, and that
// against the id under which it was let in; what the store has already is not asked for. Nothing of
// it can be found by anybody before commit(): its pages are in a pack without a name, its disk in a
// layer that nobody names. Not here: who may bring one (coordinator/templates/), the file's format
// (proto/templates/).

import { digestAt, type PageList } from '#engine/snapshots/page-list.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { SnapshotRecord } from '#proto/snapshots.ts'
import { chunkHeadBytes, damaged, decodeChunkHead, hexText } from '#proto/templates/file.ts'
import {
  type Chunk,
  chunkAt,
  chunkBytes,
  chunkCount,
  contentDigest,
  decodeManifest,
  diskDigest,
  isChunk,
  type TemplateManifest,
  wordAt,
} from '#proto/templates/manifest.ts'
import type { CommitImport, ImportTemplate, ImportWhole } from '#proto/templates/messages.ts'
import { pageBytes } from '#proto/units.ts'
import { breathe } from '../migration/breath.ts'
import type { PackWriter } from '../snapshots/page-store.ts'
import { LayerWriter } from './disk-content.ts'
import type { TemplatePorts } from './exporting.ts'
import type { PartReader } from './part-stream.ts'

export interface ImportSteps {
  /** Bit c: chunk c is to come. */
  wants(chunks: Uint8Array<ArrayBuffer>): void
  /** Resolves when it is to be kept; rejects when nobody wants it any more. */
  whole(news: Omit<ImportWhole, 't' | 'commandId'>): Promise<CommitImport>
}

/** Throws FaultErrors; then nothing of it is left. */
export async function importTemplate(
  order: ImportTemplate,
  ports: TemplatePorts,
  input: PartReader,
  steps: ImportSteps,
): Promise<{ readonly record: SnapshotRecord; readonly storedBytes: number; pages: number }> {
  const mark = await ports.store.use()
  const arriving = new Arriving(order, ports)
  try {
    await arriving.readManifest(input)
    steps.wants(arriving.wanted)
    await arriving.readChunks(input)
    const { disk } = await steps.whole(arriving.finish())
    return arriving.commit(disk)
  } catch (thrown) {
    arriving.abandon()
    throw thrown
  } finally {
    mark()
  }
}

class Arriving {
  readonly #order: ImportTemplate
  readonly #ports: TemplatePorts
  #manifest: TemplateManifest | undefined
  #wanted = new Uint8Array(0)
  #pack: PackWriter | undefined
  #layer: LayerWriter | undefined
  #isDiskKnown = false
  #storedBytes = 0

  constructor(order: ImportTemplate, ports: TemplatePorts) {
    this.#order = order
    this.#ports = ports
  }

  get wanted(): Uint8Array<ArrayBuffer> {
    return this.#wanted
  }

  async readManifest(input: PartReader): Promise<void> {
    const { store, layers } = this.#ports
    const { id, manifestBytes, layer, disks } = this.#order
    const packed = await input.read(manifestBytes)
    if (hexText(store.ports.digest(packed)) !== id) throw new FaultError(notTheSame)
    const manifest = decodeManifest(packed)
    if ('code' in manifest) throw new FaultError(manifest)
    this.#manifest = manifest
    store.pages.refresh()
    this.#pack = store.pages.write()
    const known = diskDigest(manifest, store.ports.digest)
    this.#isDiskKnown = known !== undefined && disks.includes(known)
    if (manifest.disk && !this.#isDiskKnown)
      this.#layer = new LayerWriter(layers, layer, manifest.disk.sizeBytes)
    this.#wanted = this.#whatIsMissing(manifest)
  }

  /** Every chunk that was asked for, in order; nothing may follow it. */
  async readChunks(input: PartReader): Promise<void> {
    const manifest = this.#known()
    for (let at = 0; at < chunkCount(manifest); at++) {
      if (!this.#wants(at)) continue
      await this.#readChunk(input, manifest, chunkAt(manifest, at))
      await breathe()
    }
    if (input.unread > 0) throw new FaultError(damaged('has more than its manifest names'))
  }

  /** All is there. What is durable now has no name yet. */
  finish(): Omit<ImportWhole, 't' | 'commandId'> {
    const manifest = this.#known()
    this.#layer?.finish()
    const { name, about, madeBy, cluster, version } = manifest
    const known = diskDigest(manifest, this.#ports.store.ports.digest)
    return {
      label: { name, about, madeBy, cluster, version },
      record: this.#record(manifest),
      ...(known !== undefined && { diskDigest: known }),
      isDiskKnown: this.#isDiskKnown,
    }
  }

  /** Pages first, then the snapshot that names them: at each instant it is there whole or not. */
  commit(disk: SnapshotRecord['disk']) {
    const { store } = this.#ports
    const manifest = this.#known()
    this.#pack?.finish()
    this.#pack = undefined
    store.pages.refresh()
    const list = listOf(manifest)
    const lost = store.missing(list)
    if (lost) throw new FaultError(lost)
    const record = { ...this.#record(manifest), disk }
    const fileBytes = store.write({ record, list, sections: manifest.sections })
    this.#layer = undefined
    return { record, storedBytes: this.#storedBytes + fileBytes, pages: list.pages.length }
  }

  /** Why it ended is to be told, and not what went wrong in clearing up after a full disk. */
  abandon(): void {
    for (const part of [this.#pack, this.#layer])
      try {
        part?.abandon()
      } catch {
        // It was closed when it could not be written; who clears the store finds it.
      }
    this.#pack = undefined
    this.#layer = undefined
  }

  async #readChunk(input: PartReader, manifest: TemplateManifest, chunk: Chunk): Promise<void> {
    const head = decodeChunkHead(await input.read(chunkHeadBytes))
    if ('code' in head) throw new FaultError(head)
    const packed = await input.read(head.packedBytes)
    const content = head.isPacked ? this.#ports.zstd.decompress(packed, chunkBytes(chunk)) : packed
    const { digest } = this.#ports.store.ports
    if (!content || !isChunk(manifest, chunk, content, digest))
      throw new FaultError(damaged('has content that its manifest does not name'))
    this.#keep(chunk, content)
  }

  #keep(chunk: Chunk, content: Uint8Array): void {
    this.#storedBytes += content.length
    if (chunk.of === 'disk') this.#layer?.write(chunk.blocks, content)
    else
      for (let at = 0; at < chunk.count; at++)
        this.#pack?.add(content.subarray(at * pageBytes, (at + 1) * pageBytes))
  }

  #whatIsMissing(manifest: TemplateManifest): Uint8Array<ArrayBuffer> {
    const chunks = new Uint8Array(Math.ceil(chunkCount(manifest) / 8))
    for (let at = 0; at < chunkCount(manifest); at++)
      if (this.#lacks(manifest, chunkAt(manifest, at)))
        chunks[at >> 3] = (chunks[at >> 3] ?? 0) | (1 << (at & 7))
    return chunks
  }

  #lacks(manifest: TemplateManifest, chunk: Chunk): boolean {
    if (chunk.of === 'disk') return !this.#isDiskKnown
    const { pages } = this.#ports.store
    for (let at = 0; at < chunk.count; at++)
      if (!pages.holds(contentDigest(manifest.pages, chunk.from + at))) return true
    return false
  }

  #wants = (chunk: number): boolean => (((this.#wanted[chunk >> 3] ?? 0) >> (chunk & 7)) & 1) === 1

  #record({ spec, takenWallMs, disk }: TemplateManifest): SnapshotRecord {
    const { kept, id, layer } = this.#order
    const layers = disk && !this.#isDiskKnown ? [layer] : []
    return {
      ...kept,
      id: id.slice(0, 32),
      depth: 0,
      ...{ takenWallMs, spec, identity: nobody },
      disk: { sizeBytes: disk?.sizeBytes ?? 0, layers },
    }
  }

  #known(): TemplateManifest {
    if (this.#manifest) return this.#manifest
    throw new FaultError(fault('internal', 'a template was used before it was read'))
  }
}

/** Whoever begins from it gets an identity of its own; whose it was does not leave its cluster. */
const nobody: SnapshotRecord['identity'] = {
  instanceId: '00000000-0000-0000-0000-000000000000',
  mac: '02:00:00:00:00:00',
  randomSeed: '0'.repeat(64),
}

/** As a snapshot has it: the digest of each page. */
function listOf({ pages: { indices, contents, digests } }: TemplateManifest): PageList {
  const table = { pages: new Uint32Array(0), digests }
  const count = indices.length / 4
  const pages = Uint32Array.from({ length: count }, (_, at) => wordAt(indices, at))
  const each = new Uint8Array(count * 32)
  for (let at = 0; at < count; at++) each.set(digestAt(table, wordAt(contents, at)), at * 32)
  return { pages, digests: each }
}

const notTheSame = fault(
  'bad-template',
  'the manifest is not the one that its id names: the file was altered; export it again',
)
