// Devices as the hart sees them: registers at guest physical addresses, and the bus that finds the
// device for one.
// Not here: RAM (the core's own), DMA and interrupts (ports that a device is given when it is
// made).
// Addresses are GPAs in bytes; offsets are bytes from the start of a device's region; sizes are 1,
// 2, 4 or 8 bytes.

import { invariant } from '#proto/invariant.ts'

/** Where a device is. */
export interface Region {
  readonly gpa: number
  readonly sizeBytes: number
}

/**
 * A device with registers of up to 32 bits. `undefined` and `false` mean that nothing answers
 * there: the guest gets an access fault. Values are unsigned.
 */
export interface MmioDevice {
  readonly region: Region
  read(offset: number, size: number): number | undefined
  write(offset: number, size: number, value: number): boolean
  /** 8-byte accesses; a device without them has no 64-bit register. */
  readWide?(offset: number): bigint | undefined
  writeWide?(offset: number, value: bigint): boolean
}

/** Raises or lowers one interrupt line. Telling it the level it has does nothing. */
export type InterruptLine = (level: boolean) => void

export class MmioBus {
  readonly #devices: readonly MmioDevice[]
  /** Accesses come in runs to the same device: it is tried first. */
  #last: MmioDevice | undefined

  /** Regions must not overlap. */
  constructor(devices: readonly MmioDevice[]) {
    this.#devices = [...devices].sort((a, b) => a.region.gpa - b.region.gpa)
    let end = 0
    for (const { region } of this.#devices) {
      invariant(region.gpa >= end, `Two devices share GPA 0x${region.gpa.toString(16)}`)
      end = region.gpa + region.sizeBytes
    }
  }

  read(gpa: number, size: number): bigint | undefined {
    const device = this.#find(gpa, size)
    if (device === undefined) return undefined
    const offset = gpa - device.region.gpa
    if (size === 8) return device.readWide?.(offset)
    const value = device.read(offset, size)
    return value === undefined ? undefined : BigInt(value)
  }

  write(gpa: number, size: number, value: bigint): boolean {
    const device = this.#find(gpa, size)
    if (device === undefined) return false
    const offset = gpa - device.region.gpa
    if (size === 8) return device.writeWide?.(offset, BigInt.asUintN(64, value)) ?? false
    return device.write(offset, size, Number(BigInt.asUintN(8 * size, value)))
  }

  /** Only naturally aligned accesses reach a device: no register of ours straddles. */
  #find(gpa: number, size: number): MmioDevice | undefined {
    if (gpa % size !== 0) return undefined
    if (this.#last !== undefined && covers(this.#last.region, gpa, size)) return this.#last
    this.#last = this.#devices.find((device) => covers(device.region, gpa, size))
    return this.#last
  }
}

const covers = (region: Region, gpa: number, size: number): boolean =>
  gpa >= region.gpa && gpa + size <= region.gpa + region.sizeBytes
