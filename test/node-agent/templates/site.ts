// A cluster's store and one node that moves files of templates: an export is collected into a
// file, and an import is fed from one, as a client does it. Not here: coordinators and clients.

import { openLayeredDisk } from '#engine/devices/layered-disk.ts'
import { PageListBuilder } from '#engine/snapshots/page-list.ts'
import { MemoryDisk, MemoryLog, SeededRandom, VirtualClock } from '#env/memory.ts'
import { realZstd } from '#env/real/zstd.ts'
import { sha256 } from '#env/real.ts'
import { SnapshotStore } from '#node-agent/snapshots/snapshot-store.ts'
import { TemplateStreams } from '#node-agent/templates/template-streams.ts'
import { asCommandId, asVmId } from '#proto/ids.ts'
import type { AgentMessage, Result } from '#proto/messages.ts'
import { decodeHead, encodeHead, headBytes, hexText } from '#proto/templates/file.ts'
import type { ImportTemplate, ImportWhole, TemplateOrder } from '#proto/templates/messages.ts'
import { pageBytes } from '#proto/units.ts'
import { VmSpec } from '#proto/vm-spec.ts'

export const templateName = 'template'
export const keptAs = (name: string) => ({ vmId: asVmId(`template-${name}`), name: templateName })
const sizeBytes = 1 << 20

export interface Content {
  /** What each page of RAM begins with; 0 is a page of zeros. */
  readonly pages: readonly number[]
  /** What blocks of the disk hold, by their number; over each other, layer by layer. */
  readonly layers: readonly (readonly (readonly [block: number, value: number])[])[]
}

const filled = (value: number) =>
  Uint8Array.from({ length: pageBytes }, (_, at) =>
    value === 0 ? 0 : (value * 7 + at * value) & 255,
  )

export class Site {
  readonly disk = new MemoryDisk()
  readonly layers = new MemoryDisk()
  readonly clock = new VirtualClock()
  readonly store: SnapshotStore
  readonly heard: AgentMessage[] = []
  readonly streams: TemplateStreams
  #hear: (message: AgentMessage) => void = () => undefined
  #commands = 0

  constructor(seed = 1) {
    const { disk, clock } = this
    const random = new SeededRandom(seed)
    this.store = new SnapshotStore({ disk, clock, random, digest: sha256 })
    const hear = (message: AgentMessage) => {
      this.heard.push(message)
      this.#hear(message)
    }
    this.streams = new TemplateStreams({
      ...{ store: this.store, layers: this.layers, zstd: realZstd, log: new MemoryLog() },
      send: hear,
      tell: hear,
    })
  }

  /** A template as one that was made here. */
  keep(name: string, { pages, layers }: Content): void {
    this.store.pages.refresh()
    const pack = this.store.pages.write()
    const list = new PageListBuilder()
    for (const [page, value] of pages.entries())
      if (value !== 0) list.set(page, pack.add(filled(value)))
    pack.finish()
    const names = layers.map((_, at) => `${name}.${at}.disk`)
    for (const [at, blocks] of layers.entries()) {
      const open = names.slice(0, at + 1)
      const disk = openLayeredDisk(this.layers, { sizeBytes, layers: open, epoch: 1 })
      for (const [block, value] of blocks) disk.write(block * pageBytes, filled(value))
      disk.flush()
      disk.close()
    }
    const diskMib = layers.length > 0 ? 1 : 0
    this.store.write({
      record: {
        ...{ ...keptAs(name), id: 'ab'.repeat(16), depth: 0, takenWallMs: 5 },
        spec: VmSpec.parse({ memoryMib: 4, diskMib, args: 'workload=kv' }),
        identity: {
          instanceId: '00112233-4455-4677-8899-aabbccddeeff',
          ...{ mac: '02:00:00:00:00:01', randomSeed: 'cd'.repeat(32) },
        },
        disk: { sizeBytes: diskMib * sizeBytes, layers: names },
      },
      list: list.finish(true),
      sections: [{ kind: 'hart', version: 2, bytes: Uint8Array.of(1, 2, 3) }],
    })
  }

  /** Its file, not signed; or the fault that came instead. */
  async export(name: string): Promise<Uint8Array | Result> {
    const commandId = asCommandId(`x${++this.#commands}`)
    const parts: Uint8Array[] = []
    let [taken, manifestBytes] = [0, 0]
    const ended = this.#until((message) => {
      if (message.t === 'export-begins') manifestBytes = message.size.manifestBytes
      if (message.t !== 'template-part') return
      parts.push(message.bytes)
      taken += message.bytes.length
      queueMicrotask(() => this.streams.hear({ t: 'template-taken', commandId, bytes: taken }))
    })
    const label = { name, about: 'a shop', madeBy: '', cluster: 'here', version: '1' }
    this.streams.hear({ t: 'export-template', commandId, kept: keptAs(name), label })
    const result = await ended
    if (result.fault) return result
    return Buffer.concat([encodeHead({ manifestBytes, signature: undefined }), ...parts])
  }

  /** What became of it. `cut`: so much of what was asked for is sent, and then `instead`. */
  async import(file: Uint8Array, name: string, how: How = {}): Promise<Arrived> {
    const commandId = asCommandId(`i${++this.#commands}`)
    const send = (order: TemplateOrder) => this.streams.hear(order)
    const head = decodeHead(file.subarray(0, headBytes))
    if ('code' in head) throw new Error(head.message)
    const { manifestBytes } = head
    const manifest = file.slice(headBytes, headBytes + manifestBytes)
    const order: ImportTemplate = {
      ...{ t: 'import-template', commandId, kept: keptAs(name) },
      id: how.id ?? hexText(sha256(manifest)),
      ...{ manifestBytes, layer: `template-${name}.7.disk`, disks: [...(how.disks ?? [])] },
    }
    let wanted: Uint8Array | undefined
    let whole: ImportWhole | undefined
    let sentBytes = 0
    const part = (bytes: Uint8Array) => {
      sentBytes += bytes.length
      for (let at = 0; at < bytes.length; at += 40_000)
        send({ t: 'template-part', commandId, bytes: new Uint8Array(bytes.slice(at, at + 40_000)) })
    }
    const ended = this.#until((message) => {
      if (message.t === 'import-wants') {
        wanted = message.chunks
        part(how.content?.(wanted) ?? wantedChunks(file, headBytes + manifestBytes, wanted))
        if (how.afterwards) how.afterwards()
      } else if (message.t === 'import-whole') {
        whole = message
        const { disk } = message.record
        if (how.atEnd) how.atEnd()
        else send({ t: 'commit-import', commandId, disk: how.disk ?? disk })
      }
    })
    send(order)
    part(manifest)
    const result = await ended
    return { result, wanted, whole, sentBytes }
  }

  /** Names of all files: to see that nothing was left behind. */
  get files(): string[] {
    return [...this.disk.list(), ...this.layers.list().map((name) => `layers/${name}`)]
  }

  /** What pages of RAM and blocks of the disk hold, by their first two bytes. */
  content(name: string) {
    this.store.pages.refresh()
    const { vmId, name: snapshot } = keptAs(name)
    const read = this.store.read(vmId, snapshot)
    if ('fault' in read) throw new Error(read.fault.message)
    const page = new Uint8Array(pageBytes)
    const pages = Array.from(read.list.pages, (index, at) => {
      const lost = this.store.pages.read(read.list.digests.subarray(at * 32, at * 32 + 32), page)
      return [index, lost?.code ?? Buffer.from(page.subarray(0, 2)).toString('hex')]
    })
    const { disk, spec } = read.record
    const layers = [...disk.layers, 'probe']
    const opened = openLayeredDisk(this.layers, { sizeBytes, layers, epoch: 1 })
    const blocks = Array.from({ length: sizeBytes / pageBytes }, (_, block) => {
      opened.read(block * pageBytes, page)
      return Buffer.from(page.subarray(0, 2)).toString('hex')
    })
    opened.close()
    this.layers.remove('probe')
    return { pages, blocks, spec, sections: read.sections }
  }

  /** Every message goes to `each`, until the result comes. */
  #until(each: (message: AgentMessage) => void): Promise<Result> {
    return new Promise((resolve) => {
      this.#hear = (message) => {
        if (message.t === 'result') resolve(message)
        else each(message)
      }
    })
  }
}

interface How {
  readonly id?: string
  readonly disks?: readonly string[]
  readonly disk?: { readonly sizeBytes: number; readonly layers: string[] }
  /** Instead of the chunks that are wanted. */
  readonly content?: (wanted: Uint8Array) => Uint8Array
  readonly afterwards?: () => void
  readonly atEnd?: () => void
}

export interface Arrived {
  readonly result: Result
  readonly wanted: Uint8Array | undefined
  readonly whole: ImportWhole | undefined
  readonly sentBytes: number
}

/** As they lie in the file, from `at` on. */
export function wantedChunks(file: Uint8Array, start: number, wanted: Uint8Array): Uint8Array {
  const chunks: Uint8Array[] = []
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  for (let [at, chunk] = [start, 0]; at + 8 <= file.length; chunk++) {
    const end = at + 8 + view.getUint32(at, true)
    if (((wanted[chunk >> 3] ?? 0) >> (chunk & 7)) & 1) chunks.push(file.subarray(at, end))
    at = end
  }
  return Buffer.concat(chunks)
}
