// The virtio transport over memory-mapped registers: features, status, queues, notifications and
// interrupts.
// Not here: the rings (virtio-queue.ts) and the device behind (virtio-block.ts).
// Source: Virtual I/O Device (VIRTIO) 1.2, sections 2.1 (status), 2.2 (features), 2.5
// (configuration space), 4.2.2 (registers, version 2).
//
// A notification is served before the store that made it retires, and what a device does by itself
// is done between two instructions: it has no time of its own, and no request is ever in flight. A
// chain that a device has no use for yet stays in guest RAM, in its ring. A device that has state
// of its own is a Snapshotted too, and a part of the board beside its transport.

import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Section } from '../vm-config.ts'
import { virtioRegion } from './memory-map.ts'
import type { InterruptLine, MmioDevice, Region } from './mmio.ts'
import type { VirtioDevice, VirtioTransport } from './virtio-device.ts'
import {
  type DescriptorChain,
  featureEventIndex,
  featureIndirect,
  type GuestDma,
  segmentsBytes,
  VirtQueue,
} from './virtio-queue.ts'
import {
  registers,
  status,
  virtioMagic,
  virtioMmioVersion,
  virtioVendorId,
} from './virtio-registers.ts'

const featureVersion1 = 1n << 32n
const transportFeatures = featureVersion1 | featureIndirect | featureEventIndex
const interruptUsed = 1
const interruptConfig = 2
const low32 = 0xffff_ffffn
/**
 * After so much the pCPU looks at the clock, and serves the rest in the VM's next turn. It is what
 * one request of the block device may move.
 */
const bytesAtOnce = 8 << 20
const version = 3

export class VirtioMmio implements MmioDevice, Snapshotted, VirtioTransport {
  readonly region: Region
  readonly sectionKind: string
  readonly #device: VirtioDevice
  readonly #dma: GuestDma
  readonly #interrupt: InterruptLine
  readonly #served: () => void
  readonly #queues: readonly VirtQueue[]
  readonly #config: DataView
  #status = 0
  #interruptStatus = 0
  #driverFeatures = 0n
  #deviceFeaturesSelect = 0
  #driverFeaturesSelect = 0
  #queueSelect = 0
  #configGeneration = 0
  /** Bit n: queue n came upon an absent page or its bounds, and is to be served again. */
  #unserved = 0

  /** `served` is told when a notification was served: that may have taken long. */
  constructor(
    slot: number,
    device: VirtioDevice,
    dma: GuestDma,
    interrupt: InterruptLine,
    served: () => void = () => {},
  ) {
    this.region = virtioRegion(slot)
    this.sectionKind = `virtio-mmio.${slot}`
    this.#device = device
    this.#dma = dma
    this.#interrupt = interrupt
    this.#served = served
    this.#queues = device.queueSizes.map((size) => new VirtQueue(size, dma))
    this.#config = new DataView(
      device.config.buffer,
      device.config.byteOffset,
      device.config.length,
    )
    device.attach?.(this)
  }

  read(offset: number, size: number): number | undefined {
    if (offset >= registers.config) return this.#readConfig(offset - registers.config, size)
    return size === 4 ? this.#readRegister(offset) : undefined
  }

  write(offset: number, size: number, value: number): boolean {
    if (offset >= registers.config) {
      this.#writeConfig(offset - registers.config, size, value)
      return true
    }
    if (size !== 4) return false
    if (offset >= registers.queueSize && offset < registers.queueNotify)
      this.#writeQueue(offset, value)
    else if (offset >= registers.descriptorsLow) this.#writeQueueAddress(offset, value)
    else this.#writeRegister(offset, value)
    this.#driveInterrupt()
    return true
  }

  get features(): bigint {
    return this.#driverFeatures
  }

  kick(queue: number): void {
    this.#notify(queue)
    this.#driveInterrupt()
  }

  /** Whether a queue waits for serveAgain(), which comes before the guest's next instruction. */
  get isUnserved(): boolean {
    return this.#unserved !== 0
  }

  /** After an absent page has come, or in the next slice. Nothing is served twice. */
  serveAgain(): void {
    if (this.#unserved === 0) return
    const unserved = this.#unserved
    this.#unserved = 0
    for (let index = 0; index < this.#queues.length; index++)
      if ((unserved >> index) & 1) this.kick(index)
  }

  configChanged(): void {
    this.#configGeneration = (this.#configGeneration + 1) >>> 0
    if (this.#status & status.driverOk) this.#interruptStatus |= interruptConfig
    this.#driveInterrupt()
  }

  capture(): Section {
    const writer = new SectionWriter(this.sectionKind, version)
      .u32(this.#device.deviceId)
      .u8(this.#status)
      .u8(this.#interruptStatus)
      .u64(this.#driverFeatures)
      .u32(this.#deviceFeaturesSelect)
      .u32(this.#driverFeaturesSelect)
      .u32(this.#queueSelect)
      .u32(this.#configGeneration)
      .u32(this.#unserved)
    for (const queue of this.#queues) queue.captureTo(writer)
    return writer.section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    const deviceId = reader.u32()
    if (deviceId !== this.#device.deviceId) throw reader.refusal(`is for device type ${deviceId}`)
    this.#status = reader.u8()
    this.#interruptStatus = reader.u8()
    this.#driverFeatures = reader.u64()
    this.#deviceFeaturesSelect = reader.u32()
    this.#driverFeaturesSelect = reader.u32()
    this.#queueSelect = reader.u32()
    this.#configGeneration = reader.u32()
    this.#unserved = reader.u32()
    for (const queue of this.#queues) {
      queue.restoreFrom(reader)
      queue.accepted(this.#driverFeatures)
    }
    reader.end()
    this.#driveInterrupt()
  }

  get #offered(): bigint {
    return this.#device.features | transportFeatures
  }

  #readRegister(offset: number): number {
    switch (offset) {
      case registers.magic:
        return virtioMagic
      case registers.version:
        return virtioMmioVersion
      case registers.deviceId:
        return this.#device.deviceId
      case registers.vendorId:
        return virtioVendorId
      case registers.deviceFeatures:
        return word(this.#offered, this.#deviceFeaturesSelect)
      case registers.queueSizeMax:
        return this.#queues[this.#queueSelect]?.sizeMax ?? 0
      case registers.queueReady:
        return this.#queues[this.#queueSelect]?.ready ? 1 : 0
      case registers.interruptStatus:
        return this.#interruptStatus
      case registers.status:
        return this.#status
      case registers.configGeneration:
        return this.#configGeneration
      default:
        // No shared memory regions: length and base read as all ones (4.2.2.1). All else reads as
        // 0.
        return offset >= registers.sharedMemoryFirst && offset <= registers.sharedMemoryLast
          ? 0xffff_ffff
          : 0
    }
  }

  #writeRegister(offset: number, value: number): void {
    switch (offset) {
      case registers.deviceFeaturesSelect:
        this.#deviceFeaturesSelect = value
        break
      case registers.driverFeatures:
        this.#acceptFeatures(value)
        break
      case registers.driverFeaturesSelect:
        this.#driverFeaturesSelect = value
        break
      case registers.queueSelect:
        this.#queueSelect = value
        break
      case registers.queueNotify:
        this.#notify(value)
        break
      case registers.interruptAcknowledge:
        this.#interruptStatus &= ~value
        break
      case registers.status:
        this.#writeStatus(value & 0xff)
        break
    }
  }

  /** Features cannot change after FEATURES_OK (2.2.1). */
  #acceptFeatures(value: number): void {
    if (this.#status & status.featuresOk || this.#driverFeaturesSelect > 1) return
    const shift = BigInt(32 * this.#driverFeaturesSelect)
    this.#driverFeatures = (this.#driverFeatures & ~(low32 << shift)) | (BigInt(value) << shift)
  }

  /**
   * FEATURES_OK stays off unless all that was accepted was offered (2.1). A device may insist on
   * VERSION_1 (6.2); one that does the same without does not, as on QEMU's `virt`: small kernels
   * look at the low features alone.
   */
  #writeStatus(value: number): void {
    if (value === 0) {
      this.#reset()
      return
    }
    const fits =
      (this.#driverFeatures & ~this.#offered) === 0n &&
      (!this.#device.needsVersion1 || (this.#driverFeatures & featureVersion1) !== 0n)
    const wasReady = (this.#status & status.driverOk) !== 0
    const kept = this.#status & status.needsReset
    this.#status = kept | (fits ? value : value & ~status.featuresOk)
    for (const queue of this.#queues) queue.accepted(this.#driverFeatures)
    // What was made available before is looked at now (3.1.1): nobody notifies of it again.
    if (!wasReady) for (let index = 0; index < this.#queues.length; index++) this.#notify(index)
  }

  #reset(): void {
    this.#status = 0
    this.#interruptStatus = 0
    this.#driverFeatures = 0n
    this.#deviceFeaturesSelect = 0
    this.#driverFeaturesSelect = 0
    this.#queueSelect = 0
    this.#unserved = 0
    for (const queue of this.#queues) queue.reset()
    this.#device.reset?.()
  }

  #writeQueue(offset: number, value: number): void {
    const queue = this.#queues[this.#queueSelect]
    if (queue === undefined) return
    if (offset === registers.queueReady) queue.ready = (value & 1) === 1
    if (offset === registers.queueSize && !queue.ready && queue.mayHaveSize(value))
      queue.size = value
  }

  #writeQueueAddress(offset: number, value: number): void {
    const queue = this.#queues[this.#queueSelect]
    if (queue === undefined || queue.ready) return
    switch (offset) {
      case registers.descriptorsLow:
      case registers.descriptorsHigh:
        queue.descriptorsGpa = half(queue.descriptorsGpa, offset, value)
        break
      case registers.availLow:
      case registers.availHigh:
        queue.availGpa = half(queue.availGpa, offset, value)
        break
      case registers.usedLow:
      case registers.usedHigh:
        queue.usedGpa = half(queue.usedGpa, offset, value)
        break
    }
  }

  /**
   * Serves what the queue holds. A driver that has not said DRIVER_OK, or must reset, gets nothing
   * (2.1.2).
   */
  #notify(index: number): void {
    const queue = this.#queues[index]
    if (queue === undefined || !queue.ready) return
    if (!(this.#status & status.driverOk) || this.#status & status.needsReset) return
    const before = queue.usedIndex
    const outcome = queue.awaitsRings() ? 'again' : this.#serveAll(queue, index)
    if (outcome === 'again') this.#unserved |= 1 << index
    const isSound = outcome === 'again' || (outcome === 'whole' && queue.askNotification())
    if (!isSound) this.#needReset()
    else if (queue.wantsInterrupt(before)) this.#interruptStatus |= interruptUsed
    this.#served()
  }

  /** `broken` when the driver has offered what makes no sense, `again` when there is more to do. */
  #serveAll(queue: VirtQueue, index: number): 'whole' | 'again' | 'broken' {
    // The driver cannot add chains meanwhile, nor lend a descriptor to two of them: more of them
    // than the queue has would be a lie, and keep the pCPU for as long as the guest likes.
    for (let lent = 0, bytes = 0; ; ) {
      const chain = queue.peek()
      if (chain === 'empty') return 'whole'
      if (chain === 'broken') return 'broken'
      if (chain === 'absent' || bytes >= bytesAtOnce) return 'again'
      lent += chain.lent
      if (lent > queue.size) return 'broken'
      const written = this.#device.serve(index, chain, this.#dma)
      if (written === 'later') return 'again'
      if (written === 'stalled' || written === 'wait') return 'whole'
      if (written === 'broken') return 'broken'
      queue.take()
      if (!queue.push(chain.head, written)) return 'broken'
      bytes += bytesOf(chain)
    }
  }

  #needReset(): void {
    this.#status |= status.needsReset
    this.#interruptStatus |= interruptConfig
  }

  #driveInterrupt(): void {
    this.#interrupt(this.#interruptStatus !== 0)
  }

  /** Beyond its end there is nothing, and a store there does nothing (2.5). */
  #writeConfig(offset: number, size: number, value: number): void {
    if (offset + size <= this.#config.byteLength) this.#device.writeConfig?.(offset, size, value)
  }

  #readConfig(offset: number, size: number): number {
    if (offset + size > this.#config.byteLength) return 0
    const value = this.#configAt(offset, size)
    this.#device.configRead?.(offset)
    return value
  }

  #configAt(offset: number, size: number): number {
    if (size === 1) return this.#config.getUint8(offset)
    if (size === 2) return this.#config.getUint16(offset, true)
    return this.#config.getUint32(offset, true)
  }
}

const bytesOf = ({ readable, writable }: DescriptorChain): number =>
  segmentsBytes(readable) + segmentsBytes(writable)

const word = (value: bigint, index: number): number =>
  index > 1 ? 0 : Number((value >> BigInt(32 * index)) & low32)

/**
 * One half of a 64-bit address replaced; the high half's register is 4 bytes behind the low half's.
 */
const half = (address: bigint, offset: number, value: number): bigint =>
  (offset & 4) === 0
    ? (address & ~low32) | BigInt(value)
    : (address & low32) | (BigInt(value) << 32n)
