// The console behind a virtio transport: one port, /dev/hvc0 for Linux, on the VM's serial line.
// Not here: which of the line's devices gets what is typed (console-line.ts).
// Source: Virtual I/O Device (VIRTIO) 1.2, section 5.3 "Console Device". No second port
// (MULTIPORT), no size; the early write of one character (EMERG_WRITE) needs no queue.
//
// It keeps nothing: input stays on the line until the guest has lent a buffer for it, and output is
// on the line when its chain is given back.

import type { ConsoleLine } from './console-line.ts'
import type { VirtioDevice, VirtioTransport } from './virtio-device.ts'
import {
  type DescriptorChain,
  type GuestDma,
  readSegments,
  segmentsBytes,
  writeSegments,
} from './virtio-queue.ts'

const featureEmergencyWrite = 1n << 2n
const receiveQueue = 0
const queueSizes = [64, 64]
const configBytes = 12
const emergencyWriteOffset = 8
/** One character is written at once, in a field of 32 bits. */
const emergencyWriteBytes = 4
/** Larger buffers are filled in part. */
const inputBytesMax = 4096
/** Linux writes 32 KiB at most. */
const outputBytesMax = 64 * 1024
/** More is not put on the line before the pCPU has taken what is there. */
const untakenBytesMax = 16 * 1024

export class VirtioConsole implements VirtioDevice {
  readonly deviceId = 3
  readonly features = featureEmergencyWrite
  readonly queueSizes = queueSizes
  readonly config = new Uint8Array(configBytes)
  readonly #line: ConsoleLine

  constructor(line: ConsoleLine) {
    this.#line = line
  }

  attach(transport: VirtioTransport): void {
    this.#line.listen('virtio', () => transport.kick(receiveQueue))
  }

  serve(
    queue: number,
    chain: DescriptorChain,
    dma: GuestDma,
  ): number | 'broken' | 'wait' | 'later' {
    return queue === receiveQueue ? this.#receive(chain, dma) : this.#transmit(chain, dma)
  }

  writeConfig(offset: number, size: number, value: number): void {
    if (offset === emergencyWriteOffset && size <= emergencyWriteBytes)
      this.#line.write(value & 0xff, 'virtio')
  }

  #receive(chain: DescriptorChain, dma: GuestDma): number | 'broken' | 'wait' {
    const room = Math.min(segmentsBytes(chain.writable), inputBytesMax)
    if (room === 0) return 'broken'
    const waiting = this.#line.waitingFor('virtio')
    if (waiting === 0) return 'wait'
    const bytes = new Uint8Array(Math.min(room, waiting))
    // Nothing is taken off the line unless the guest's buffer can hold it.
    if (!writeSegments(dma, chain.writable, 0, bytes)) return 'broken'
    for (let at = 0; at < bytes.length; at++) bytes[at] = this.#line.read('virtio') ?? 0
    writeSegments(dma, chain.writable, 0, bytes)
    return bytes.length
  }

  #transmit(chain: DescriptorChain, dma: GuestDma): number | 'broken' | 'later' {
    if (this.#line.untakenBytes >= untakenBytesMax) return 'later'
    const length = segmentsBytes(chain.readable)
    if (length > outputBytesMax) return 'broken'
    const bytes = new Uint8Array(length)
    if (!readSegments(dma, chain.readable, 0, bytes)) return 'broken'
    for (const byte of bytes) this.#line.write(byte, 'virtio')
    return 0
  }
}
