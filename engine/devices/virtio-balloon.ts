// The balloon behind a virtio transport: the guest gives pages up when it is told to hold fewer,
// reports pages that it does not use, and says how its memory stands.
// Not here: what becomes of the pages (../cpu/core/page-release.ts), who sets the target.
// Source: Virtual I/O Device (VIRTIO) 1.2, section 5.5 "Traditional Memory Balloon Device".
//
// A page that was given up is zero when it is taken back, which needs no word to us: deflating is
// noted and nothing else. The guest may take pages back by itself before it runs out of memory
// (DEFLATE_ON_OOM): a target is a wish, and `actualPages` what came of it. Pages of 4,096 bytes.

import { pageBytes } from '#proto/units.ts'
import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { GuestMemoryUse, Section } from '../vm-config.ts'
import { ramGpa } from './memory-map.ts'
import type { VirtioDevice, VirtioTransport } from './virtio-device.ts'
import {
  type DescriptorChain,
  type GuestDma,
  readSegments,
  type Segment,
  segmentsBytes,
} from './virtio-queue.ts'

const featureStats = 1n << 1n
const featureDeflateOnOom = 1n << 2n
const featureReporting = 1n << 5n
/**
 * The queues of free-page hints and of reports are 3 and 4 by the specification; drivers that count
 * only the queues they use, as Linux does, report on an earlier one. No hints are offered.
 */
const inflateQueue = 0
const deflateQueue = 1
const statsQueue = 2
/** Linux reports nothing to a queue that does not hold 32 ranges. */
const queueSizes = [128, 128, 8, 32, 32]
const offsets = { target: 0, actual: 4 } as const
const configBytes = 16
/** A list of so many page numbers is far more than drivers send (Linux: 256). */
const listBytesMax = 64 * 1024
const pageNumberBytes = 4
/** 16 bits of tag, 64 of value (5.5.6.3); bytes, for the tags that are read here. */
const statBytes = 10
const statsBytesMax = 64 * statBytes
const statTags = { freeBytes: 4, totalBytes: 5, availableBytes: 6 } as const
const version = 1

export class VirtioBalloon implements VirtioDevice, Snapshotted {
  readonly deviceId = 5
  readonly features = featureStats | featureDeflateOnOom | featureReporting
  readonly queueSizes = queueSizes
  readonly config = new Uint8Array(configBytes)
  readonly sectionKind = 'balloon'
  readonly #config = new DataView(this.config.buffer)
  readonly #ramBytes: number
  readonly #release: (ranges: readonly Segment[]) => void
  #transport: VirtioTransport | undefined
  #use: GuestMemoryUse | undefined
  #answers = 0
  #freshUseWanted = false

  /** `release` takes pages that the guest has given up. */
  constructor(ramBytes: number, release: (ranges: readonly Segment[]) => void) {
    this.#ramBytes = ramBytes
    this.#release = release
  }

  attach(transport: VirtioTransport): void {
    this.#transport = transport
  }

  /** How many pages the guest is to give up; it does so, or not, as it runs. */
  get targetPages(): number {
    return this.#config.getUint32(offsets.target, true)
  }

  set targetPages(pages: number) {
    const held = Math.max(0, Math.min(pages, this.#ramBytes / pageBytes))
    if (held === this.targetPages) return
    this.#config.setUint32(offsets.target, held, true)
    this.#transport?.configChanged()
  }

  /** How many it says it has given up. */
  get actualPages(): number {
    return Math.min(this.#config.getUint32(offsets.actual, true), this.#ramBytes / pageBytes)
  }

  /** What the guest last said of its memory; undefined: it has not. */
  get use(): GuestMemoryUse | undefined {
    return this.#use
  }

  /** How often it has said so, here. */
  get answers(): number {
    return this.#answers
  }

  /** Asks the guest how its memory stands; the answer comes as it runs. */
  refreshUse(): void {
    this.#freshUseWanted = true
    this.#transport?.kick(statsQueue)
  }

  serve(queue: number, chain: DescriptorChain, dma: GuestDma): number | 'broken' | 'wait' {
    if (queue === inflateQueue) return this.#inflate(chain, dma)
    if (queue === deflateQueue) return 0
    const hasStats = ((this.#transport?.features ?? 0n) & featureStats) !== 0n
    return queue === statsQueue && hasStats ? this.#note(chain, dma) : this.#takeReport(chain)
  }

  /** The driver's only store is how many pages it has given up (5.5.4). */
  writeConfig(offset: number, size: number, value: number): void {
    if (offset === offsets.actual && size === 4) this.#config.setUint32(offset, value, true)
  }

  /** A driver that begins anew has given up nothing and said nothing. */
  reset(): void {
    this.#config.setUint32(offsets.actual, 0, true)
    this.#use = undefined
    this.#freshUseWanted = false
  }

  capture(): Section {
    const { freeBytes = 0, availableBytes = 0, totalBytes = 0 } = this.#use ?? {}
    return new SectionWriter(this.sectionKind, version)
      .raw(this.config)
      .flag(this.#freshUseWanted)
      .flag(this.#use !== undefined)
      .count(freeBytes)
      .count(availableBytes)
      .count(totalBytes)
      .section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    const config = reader.raw(configBytes)
    const freshUseWanted = reader.flag()
    const isKnown = reader.flag()
    const use = {
      freeBytes: reader.count(),
      availableBytes: reader.count(),
      totalBytes: reader.count(),
    }
    reader.end()
    this.config.set(config)
    this.#freshUseWanted = freshUseWanted
    this.#use = isKnown ? use : undefined
  }

  /** A list of page numbers, 32 bits each (5.5.6). */
  #inflate(chain: DescriptorChain, dma: GuestDma): number | 'broken' {
    const bytes = segmentsBytes(chain.readable)
    if (bytes > listBytesMax || bytes % pageNumberBytes !== 0) return 'broken'
    const list = new Uint8Array(bytes)
    if (!readSegments(dma, chain.readable, 0, list)) return 'broken'
    const ranges = rangesOf(new DataView(list.buffer))
    if (!ranges.every((range) => this.#isRam(range))) return 'broken'
    this.#release(ranges)
    return 0
  }

  /** The buffers are the free memory itself (5.5.6.7). */
  #takeReport({ readable, writable }: DescriptorChain): number | 'broken' {
    const isSound = readable.length === 0 && segmentsBytes(writable) <= this.#ramBytes
    if (!isSound || !writable.every((range) => this.#isRam(range))) return 'broken'
    this.#release(writable)
    return 0
  }

  /** Statistics wait in their ring until somebody wants newer ones (5.5.6.3). */
  #note(chain: DescriptorChain, dma: GuestDma): number | 'broken' | 'wait' {
    const bytes = segmentsBytes(chain.readable)
    if (bytes > statsBytesMax) return 'broken'
    const stats = new Uint8Array(bytes)
    if (!readSegments(dma, chain.readable, 0, stats)) return 'broken'
    this.#use = useOf(new DataView(stats.buffer))
    this.#answers++
    if (!this.#freshUseWanted) return 'wait'
    this.#freshUseWanted = false
    return 0
  }

  #isRam({ gpa, bytes }: Segment): boolean {
    return gpa >= ramGpa && gpa + bytes <= ramGpa + this.#ramBytes
  }
}

/** Neighbours in the list, upwards or downwards, make one range. */
function rangesOf(list: DataView): Segment[] {
  const ranges: { gpa: number; bytes: number }[] = []
  let last: { gpa: number; bytes: number } | undefined
  for (let at = 0; at < list.byteLength; at += pageNumberBytes) {
    const gpa = list.getUint32(at, true) * pageBytes
    if (last !== undefined && gpa === last.gpa + last.bytes) {
      last.bytes += pageBytes
    } else if (last !== undefined && gpa + pageBytes === last.gpa) {
      last.gpa = gpa
      last.bytes += pageBytes
    } else {
      last = { gpa, bytes: pageBytes }
      ranges.push(last)
    }
  }
  return ranges
}

function useOf(stats: DataView): GuestMemoryUse {
  const use = { freeBytes: 0, availableBytes: 0, totalBytes: 0 }
  const names = Object.entries(statTags) as [keyof GuestMemoryUse, number][]
  for (let at = 0; at + statBytes <= stats.byteLength; at += statBytes) {
    const tag = stats.getUint16(at, true)
    const name = names.find(([, number]) => number === tag)?.[0]
    // The guest's word: a number that no memory has is cut.
    const value = Number(stats.getBigUint64(at + 2, true))
    if (name !== undefined) use[name] = Math.min(value, Number.MAX_SAFE_INTEGER)
  }
  return use
}
