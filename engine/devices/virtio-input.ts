// A keyboard or a pointer behind a virtio transport: events for the guest, in order.
// Not here: where events come from and how they are counted (screen-input.ts), which events each of
// the two can send (input-kinds.ts).
// Source: Virtual I/O Device (VIRTIO) 1.2, section 5.8 "Input Device".
//
// An event stays here, and in a snapshot, until the guest has lent a buffer for it. What the guest
// says of its lamps (the status queue) is read and shown nowhere.

import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Section } from '../vm-config.ts'
import { ByteQueue } from './byte-queue.ts'
import { answerOf, configBytes, type InputKind, unionOffset } from './input-kinds.ts'
import type { InputSink } from './screen-input.ts'
import type { VirtioDevice, VirtioTransport } from './virtio-device.ts'
import {
  type DescriptorChain,
  type GuestDma,
  segmentsBytes,
  writeSegments,
} from './virtio-queue.ts'

const eventQueue = 0
const queueSizes = [64, 64]
/** struct virtio_input_event: le16 type, le16 code, le32 value (5.8.6). */
const eventBytes = 8
/** So many events wait for a guest that lends no buffers. */
const waitingEventsMax = 4096
const offsets = { select: 0, subselect: 1, size: 2 } as const
const version = 1

export class VirtioInput implements VirtioDevice, Snapshotted, InputSink {
  readonly deviceId = 18
  readonly features = 0n
  readonly queueSizes = queueSizes
  readonly config = new Uint8Array(configBytes)
  readonly sectionKind: string
  readonly #kind: InputKind
  readonly #waiting = new ByteQueue(waitingEventsMax * eventBytes)
  #transport: VirtioTransport | undefined

  constructor(kind: InputKind) {
    this.#kind = kind
    this.sectionKind = `virtio-input.${kind.name}`
  }

  attach(transport: VirtioTransport): void {
    this.#transport = transport
  }

  put(type: number, code: number, value: number): boolean {
    if (!this.#hasDriver) return true
    if (this.#waiting.room < eventBytes) return false
    const event = new DataView(new ArrayBuffer(eventBytes))
    event.setUint16(0, type, true)
    event.setUint16(2, code, true)
    event.setInt32(4, value, true)
    this.#waiting.push(new Uint8Array(event.buffer))
    return true
  }

  kick(): void {
    if (this.#waiting.length > 0) this.#transport?.kick(eventQueue)
  }

  serve(queue: number, chain: DescriptorChain, dma: GuestDma): number | 'broken' | 'wait' {
    if (queue !== eventQueue) return chain.writable.length > 0 ? 'broken' : 0
    if (segmentsBytes(chain.writable) < eventBytes) return 'broken'
    if (this.#waiting.length === 0) return 'wait'
    const bytes = new Uint8Array(eventBytes)
    // Nothing is taken unless the guest's buffer can hold it.
    if (!writeSegments(dma, chain.writable, 0, bytes)) return 'broken'
    for (let at = 0; at < eventBytes; at++) bytes[at] = this.#waiting.shift() ?? 0
    writeSegments(dma, chain.writable, 0, bytes)
    return eventBytes
  }

  /** The driver asks for one piece of what the device is (5.8.5). */
  writeConfig(offset: number, size: number, value: number): void {
    if (size !== 1 || offset > offsets.subselect) return
    this.config[offset] = value
    this.#answer()
  }

  reset(): void {
    this.config.fill(0)
    this.#waiting.clear()
  }

  capture(): Section {
    const { select, subselect } = offsets
    return new SectionWriter(this.sectionKind, version)
      .u8(this.config[select] ?? 0)
      .u8(this.config[subselect] ?? 0)
      .list(this.#waiting.toBytes())
      .section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    this.config[offsets.select] = reader.u8()
    this.config[offsets.subselect] = reader.u8()
    const waiting = reader.list(waitingEventsMax * eventBytes)
    reader.end()
    if (waiting.length % eventBytes !== 0) throw reader.refusal('holds half an event')
    this.#waiting.clear()
    this.#waiting.push(waiting)
    this.#answer()
  }

  /** A driver has agreed on features, VERSION_1 among them. */
  get #hasDriver(): boolean {
    return (this.#transport?.features ?? 0n) !== 0n
  }

  #answer(): void {
    const [select = 0, subselect = 0] = this.config
    const answer = answerOf(this.#kind, select, subselect)
    this.config.fill(0, offsets.size)
    this.config[offsets.size] = answer.length
    this.config.set(answer, unionOffset)
  }
}
