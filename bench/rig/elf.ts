// An ELF file as the raw image that a machine boots from: what QEMU's `-kernel` makes of it, placed
// from the kernel's address on. Only what a bare-metal RISC-V guest needs: the loadable segments,
// by their physical addresses. Not here: relocation, symbols. Addresses and sizes in bytes.
// Source: System V ABI, "Program Header"; e_machine of the RISC-V psABI.

import { kernelGpa } from '#engine/devices/memory-map.ts'

const elfMagic = 0x7f454c46
const class64 = 2
const riscv = 243
const loadable = 1

interface Segment {
  readonly gpa: number
  readonly bytes: Uint8Array
}

/** Throws an Error for a person when the file is no such guest. */
export function imageOf(file: Uint8Array): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  if (file.length < 64 || view.getUint32(0) !== elfMagic || view.getUint8(4) !== class64)
    throw new Error('This is no 64-bit ELF file: build it with riscv64-unknown-elf-gcc.')
  if (view.getUint16(18, true) !== riscv) throw new Error('This ELF file is not for RISC-V.')
  const entry = Number(view.getBigUint64(24, true))
  const segments = loadSegments(file, view)
  const lowest = Math.min(...segments.map(({ gpa }) => gpa))
  if (entry !== kernelGpa || lowest !== kernelGpa)
    throw new Error(
      `It begins at ${hex(lowest)} and is entered at ${hex(entry)}: link it so that both are ` +
        `${hex(kernelGpa)}, where firmware jumps.`,
    )
  const end = Math.max(...segments.map(({ gpa, bytes }) => gpa + bytes.length))
  const image = new Uint8Array(end - kernelGpa)
  for (const { gpa, bytes } of segments) image.set(bytes, gpa - kernelGpa)
  return image
}

const hex = (gpa: number) => `0x${gpa.toString(16)}`

function loadSegments(file: Uint8Array, view: DataView): Segment[] {
  const table = Number(view.getBigUint64(32, true))
  const entryBytes = view.getUint16(54, true)
  const rows = Array.from({ length: view.getUint16(56, true) }, (_, n) => table + n * entryBytes)
  return rows
    .filter((row) => view.getUint32(row, true) === loadable)
    .map((row) => {
      const offset = Number(view.getBigUint64(row + 8, true))
      const inFile = Number(view.getBigUint64(row + 32, true))
      const gpa = Number(view.getBigUint64(row + 24, true))
      return { gpa, bytes: file.subarray(offset, offset + inFile) }
    })
    .filter(({ bytes }) => bytes.length > 0)
}
