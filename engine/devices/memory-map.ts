// Where everything is in the guest's physical address space, and which interrupt it has: a table.
// It is the map of QEMU's riscv `virt` machine (hw/riscv/virt.c: virt_memmap, and the irq enum of
// virt.h), so that one guest image runs on both; `identity` and `generation` are in a gap of that
// map. Addresses and sizes in bytes; irq = source number at the PLIC.

import { mebibyte } from '#proto/units.ts'
import type { Region } from './mmio.ts'

export const finisherRegion: Region = { gpa: 0x10_0000, sizeBytes: 0x1000 }
export const rtcRegion: Region = { gpa: 0x10_1000, sizeBytes: 0x1000 }
export const clintRegion: Region = { gpa: 0x200_0000, sizeBytes: 0x1_0000 }
export const plicRegion: Region = { gpa: 0xc00_0000, sizeBytes: 0x60_0000 }
export const uartRegion: Region = { gpa: 0x1000_0000, sizeBytes: 0x100 }
export const identityRegion: Region = { gpa: 0x1020_0000, sizeBytes: 0x1000 }
export const generationRegion: Region = { gpa: 0x1020_1000, sizeBytes: 0x1000 }

export const uartIrq = 10
export const rtcIrq = 11
export const identityIrq = 12
export const generationIrq = 13
/** Sources 1 to this one; QEMU's number. */
export const plicSources = 95

/** Slots of virtio-mmio, of QEMU's map. */
export const virtioSlots = 8
/** The n-th of them, n from 0, and its interrupt. */
export const virtioRegion = (slot: number): Region => ({
  gpa: 0x1000_1000 + slot * 0x1000,
  sizeBytes: 0x1000,
})
export const virtioIrq = (slot: number): number => 1 + slot
export const blockSlot = 0
export const netSlot = 1
export const rngSlot = 2
export const balloonSlot = 3
export const consoleSlot = 4
/** Of a VM with a screen. */
export const keyboardSlot = 5
export const pointerSlot = 6

export const ramGpa = 0x8000_0000
/** Where a kernel image is put and entered: RAM + 2 MiB, as OpenSBI leaves it to the next stage. */
export const kernelGpa = ramGpa + 2 * mebibyte

/** Guest time counts 10 million ticks a second (the CLINT of `virt`). */
export const ticksPerMs = 10_000
export const ticksPerSecond = 1000 * ticksPerMs
