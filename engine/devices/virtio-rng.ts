// The entropy device behind a virtio transport: fills the guest's buffers with random bytes.
// Source: Virtual I/O Device (VIRTIO) 1.2, section 5.4 "Entropy Device".
//
// Its bytes come from the VM's identity and travel with it (random-stream.ts): a migrated guest
// goes on with what it would have drawn, and a clone, which gets another identity, does not draw
// its original's numbers again.

import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Identity, Section } from '../vm-config.ts'
import { hexBytes } from './identity.ts'
import { RandomStream, randomKeyBytes } from './random-stream.ts'
import type { VirtioDevice } from './virtio-device.ts'
import {
  type DescriptorChain,
  type GuestDma,
  segmentsBytes,
  writeSegments,
} from './virtio-queue.ts'

const queueSize = 8
/** A request for more gets so much, as the device may (5.4.6): it bounds its time on the pCPU. */
const requestBytesMax = 4096
const version = 1

const seedOf = (identity: Identity): Uint8Array => hexBytes(identity.randomSeed, randomKeyBytes)

export class VirtioRng implements VirtioDevice, Snapshotted {
  readonly deviceId = 4
  readonly features = 0n
  readonly queueSizes = [queueSize]
  readonly config = new Uint8Array(0)
  readonly sectionKind = 'rng'
  readonly #stream: RandomStream

  constructor(identity: Identity) {
    this.#stream = new RandomStream(seedOf(identity))
  }

  /** The VM has become another one. */
  rebrand(identity: Identity): void {
    this.#stream.reseed(seedOf(identity))
  }

  serve(_queue: number, chain: DescriptorChain, dma: GuestDma): number | 'broken' {
    const bytes = new Uint8Array(Math.min(segmentsBytes(chain.writable), requestBytesMax))
    // At least one byte has to be given (5.4.6).
    if (bytes.length === 0 || chain.readable.length > 0) return 'broken'
    this.#stream.fill(bytes)
    return writeSegments(dma, chain.writable, 0, bytes) ? bytes.length : 'broken'
  }

  capture(): Section {
    return new SectionWriter(this.sectionKind, version).raw(this.#stream.key).section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    const key = reader.raw(randomKeyBytes)
    reader.end()
    this.#stream.key = key
  }
}
