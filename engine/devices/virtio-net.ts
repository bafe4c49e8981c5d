// The network device behind a virtio transport: Ethernet frames out of the guest and into it.
// Not here: rings and registers (virtio-queue.ts, virtio-mmio.ts), where frames go to and come from
// (node-agent/network/). Bytes; a frame is Ethernet without its checksum.
// Source: Virtual I/O Device (VIRTIO) 1.2, section 5.1 "Network Device". One pair of queues, no
// offloads, no merged buffers, no control queue.
//
// A network may lose frames, and this one says where: what the guest sends waits in an outbox until
// its slice ends, what comes for it waits for its buffers, and both are bounded. No snapshot
// carries frames. The MAC address is the VM's; a VM that has become another one (a clone) finds
// another address in the configuration space. Drivers read it only once, so the clone is told by a
// link that goes down and, as soon as the driver has seen that, up again.

import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Section } from '../vm-config.ts'
import { hexBytes } from './identity.ts'
import type { VirtioDevice, VirtioTransport } from './virtio-device.ts'
import {
  type DescriptorChain,
  type GuestDma,
  readSegments,
  segmentsBytes,
  writeSegments,
} from './virtio-queue.ts'

/** Two addresses and a type. */
export const ethernetHeaderBytes = 14
const mtuBytes = 1500
const vlanTagBytes = 4
export const ethernetBytesMax = ethernetHeaderBytes + vlanTagBytes + mtuBytes

const featureMtu = 1n << 3n
const featureMac = 1n << 5n
const featureStatus = 1n << 16n
const queueSize = 256
export const receiveQueue = 0
export const transmitQueue = 1
/** Of 5.1.4: the address, then three numbers of 16 bits. */
const offsets = { mac: 0, status: 6, mtu: 10 } as const
const configBytes = 12
const linkUp = 1
/** virtio_net_hdr (5.1.6); all of it is zero but the count of buffers, at its end. */
const headerBytes = 12
const bufferCountAt = 10
/** After so many a slice ends, so that they leave. One notification may still bring a ring more. */
const outboxFramesFull = 64
const outboxFramesMax = outboxFramesFull + queueSize
const inboxFramesMax = 256
const version = 1

export class VirtioNet implements VirtioDevice, Snapshotted {
  readonly deviceId = 1
  readonly features = featureMtu | featureMac | featureStatus
  /** The header is shorter without (5.1.6.1). */
  readonly needsVersion1 = true
  readonly queueSizes = [queueSize, queueSize]
  readonly config = new Uint8Array(configBytes)
  readonly sectionKind = 'virtio-net'
  readonly #config = new DataView(this.config.buffer)
  readonly #header = new Uint8Array(headerBytes)
  readonly #inbox: Uint8Array[] = []
  /** The frames that wait, one behind the other, and where each ends; made by the first of them. */
  #outbox = new Uint8Array(0)
  #ends: number[] = []
  #transport: VirtioTransport | undefined
  #lost = 0

  /** `mac` as the identity has it. */
  constructor(mac: string) {
    this.config.set(hexBytes(mac, 6), offsets.mac)
    this.#config.setUint16(offsets.mtu, mtuBytes, true)
    this.#isUp = true
    this.#header[bufferCountAt] = 1
  }

  attach(transport: VirtioTransport): void {
    this.#transport = transport
  }

  serve(queue: number, chain: DescriptorChain, dma: GuestDma): number | 'broken' | 'wait' {
    return queue === receiveQueue ? this.#fill(chain, dma) : this.#send(chain, dma)
  }

  /** What the guest has sent is on its way; what waits for its buffers is not wanted any more. */
  reset(): void {
    this.#inbox.length = 0
  }

  /** The driver has read it; after a link that is down it finds one that is up. */
  configRead(offset: number): void {
    if (offset !== offsets.status || this.#isUp) return
    this.#isUp = true
    this.#transport?.configChanged()
  }

  /** Another address; the guest finds its link down for a moment. */
  rebrand(mac: string): void {
    this.config.set(hexBytes(mac, 6), offsets.mac)
    this.#isUp = false
    this.#transport?.configChanged()
  }

  /**
   * Frames for the guest, of a VM that is not paused. What does not fit is dropped, the newest
   * first; a guest without a driver gets none. Returns how many were taken.
   */
  receive(frames: readonly Uint8Array[]): number {
    const room = this.hasDriver ? inboxFramesMax - this.#inbox.length : 0
    const taken = frames.slice(0, room)
    this.#inbox.push(...taken)
    if (taken.length > 0) this.#transport?.kick(receiveQueue)
    return taken.length
  }

  /** Somebody in the guest has begun to use the device. */
  get hasDriver(): boolean {
    return (this.#transport?.features ?? 0n) !== 0n
  }

  /** The outbox should be emptied before the guest goes on. */
  get isFull(): boolean {
    return this.#ends.length >= outboxFramesFull
  }

  /** What the guest has sent since it was last asked: views of one buffer, the caller's own. */
  takeFrames(): Uint8Array[] | undefined {
    if (this.#ends.length === 0) return undefined
    const all = this.#outbox.slice(0, this.#ends.at(-1))
    const frames = this.#ends.map((end, n) => all.subarray(this.#ends[n - 1] ?? 0, end))
    this.#ends = []
    return frames
  }

  /** Frames of the guest that were lost since it was last asked. */
  takeLost(): number {
    const lost = this.#lost
    this.#lost = 0
    return lost
  }

  capture(): Section {
    return new SectionWriter(this.sectionKind, version).flag(this.#isUp).section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    this.#isUp = reader.flag()
    reader.end()
    this.#inbox.length = 0
    this.#ends = []
  }

  /** 5.1.6.2. A frame that no Ethernet carries, or that finds the outbox full, is lost. */
  #send(chain: DescriptorChain, dma: GuestDma): number | 'broken' {
    const bytes = segmentsBytes(chain.readable) - headerBytes
    if (bytes < 0) return 'broken'
    const isCarried = bytes >= ethernetHeaderBytes && bytes <= ethernetBytesMax
    if (!isCarried || this.#ends.length >= outboxFramesMax) {
      this.#lost++
      return 0
    }
    const at = this.#ends.at(-1) ?? 0
    this.#makeRoom(at + bytes)
    const frame = this.#outbox.subarray(at, at + bytes)
    if (!readSegments(dma, chain.readable, headerBytes, frame)) return 'broken'
    this.#ends.push(at + bytes)
    return 0
  }

  /** 5.1.6.3. A driver must offer room for the largest frame (5.1.6.3.1): less is a lie. */
  #fill(chain: DescriptorChain, dma: GuestDma): number | 'broken' | 'wait' {
    const [frame] = this.#inbox
    if (frame === undefined) return 'wait'
    if (segmentsBytes(chain.writable) < headerBytes + frame.length) return 'broken'
    if (!writeSegments(dma, chain.writable, 0, this.#header)) return 'broken'
    if (!writeSegments(dma, chain.writable, headerBytes, frame)) return 'broken'
    this.#inbox.shift()
    return headerBytes + frame.length
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#outbox.length) return
    const larger = new Uint8Array(Math.max(2 * this.#outbox.length, bytes, 8 * ethernetBytesMax))
    larger.set(this.#outbox)
    this.#outbox = larger
  }

  get #isUp(): boolean {
    return (this.#config.getUint16(offsets.status, true) & linkUp) !== 0
  }

  set #isUp(isUp: boolean) {
    this.#config.setUint16(offsets.status, isUp ? linkUp : 0, true)
  }
}
