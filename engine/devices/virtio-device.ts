// What a kind of virtio device and its transport are to each other.
// Not here: the transport (virtio-mmio.ts), the devices (virtio-block.ts and its siblings).
// Source: Virtual I/O Device (VIRTIO) 1.2, section 2 "Basic Facilities of a Virtio Device".

import type { DescriptorChain, GuestDma } from './virtio-queue.ts'

/** What a kind of device is, behind the transport. */
export interface VirtioDevice {
  /** Section 5 of the specification: 2 is a block device. */
  readonly deviceId: number
  /** The features of its kind: those of rings and transport are the transport's to offer. */
  readonly features: bigint
  /** What it reads and writes would be other for a driver that does not accept VERSION_1. */
  readonly needsVersion1?: true
  readonly queueSizes: readonly number[]
  /** The configuration space as it is now; after a change comes `configChanged`. */
  readonly config: Uint8Array
  /**
   * Serves one chain to its end, and returns how many bytes it wrote. `broken`: the chain makes no
   * sense. `stalled`: it cannot be served, and the VM is being stopped. `wait`: there is nothing
   * for it yet, and nothing was written; it is offered again after a notification or a kick.
   * `later`: others shall have their turn first; it is offered again before the guest goes on.
   */
  serve(
    queue: number,
    chain: DescriptorChain,
    dma: GuestDma,
  ): number | 'broken' | 'stalled' | 'wait' | 'later'
  /** The way back, told once before anything else. */
  attach?(transport: VirtioTransport): void
  /** The driver stores into the configuration space; without this such a store does nothing. */
  writeConfig?(offset: number, size: number, value: number): void
  /** The driver has read the configuration space there, and found what was there before. */
  configRead?(offset: number): void
  /** The driver has reset the device: nothing that was agreed on holds any longer. */
  reset?(): void
}

/**
 * What a device can do by itself: on the pCPU's thread, between two instructions of a VM that is
 * not paused, or while another of its queues is served.
 */
export interface VirtioTransport {
  /** Serves the queue as a notification would. Before the driver is ready it does nothing. */
  kick(queue: number): void
  /** The configuration space has changed: one generation on, and the driver is told. */
  configChanged(): void
  /** What the driver has accepted of the features. */
  readonly features: bigint
}
