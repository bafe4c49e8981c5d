// Where a VM's first bytes go in its RAM: the kernel at RAM + 2 MiB, the initial RAM disk high up,
// the device tree at the very top.
// Not here: what the tree says (device-tree/), the registers at entry (machine.ts). Bytes and GPAs.
// Source: Linux, Documentation/arch/riscv/boot-image-header.rst (a kernel takes more room than its
// file: the header's image_size) and Documentation/arch/riscv/boot.rst.

import { pageBytes } from '#proto/units.ts'
import { kernelGpa, ramGpa } from './devices/memory-map.ts'

/** What a VM boots from. */
export interface BootImage {
  /** A raw image that is entered at its first byte, as Linux's `Image` or our own guest. */
  readonly kernel: Uint8Array
  /** The initial RAM disk: an archive that the kernel unpacks. */
  readonly initrd?: Uint8Array
  /** Boot arguments of a VM that asks for none. */
  readonly defaultArgs?: string
}

export interface BootLayout {
  readonly treeGpa: number
  readonly initrd?: { readonly gpa: number; readonly sizeBytes: number }
}

/** No tree of ours is longer; the initial RAM disk ends below it, whatever the tree will say. */
export const treeBytesMax = 16 * pageBytes
/** What a kernel is sure to reach before it has tables of its own. */
const reachBytes = 2 ** 31

const pagesDown = (gpa: number) => Math.floor(gpa / pageBytes) * pageBytes

/** Throws an Error for a person when it does not fit. */
export function layOut({ kernel, initrd }: BootImage, ramBytes: number): BootLayout {
  const top = ramGpa + Math.min(ramBytes, reachBytes)
  const treeGpa = top - treeBytesMax
  const initrdGpa = pagesDown(treeGpa - (initrd?.length ?? 0))
  if (kernelGpa + roomOf(kernel) > initrdGpa) {
    const bytes = kernel.length + (initrd?.length ?? 0)
    throw new Error(
      `An image of ${bytes} bytes does not fit in ${ramBytes} bytes of RAM: give it more.`,
    )
  }
  return initrd === undefined
    ? { treeGpa }
    : { treeGpa, initrd: { gpa: initrdGpa, sizeBytes: initrd.length } }
}

const linuxMagicOffset = 0x38
/** 'RSC\x05', little-endian. */
const linuxMagic = 0x0543_5352
const linuxSizeOffset = 0x10

/** Bytes that the kernel uses from where it lies: its file's, or more when it says so. */
function roomOf(kernel: Uint8Array): number {
  const header = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength)
  const isLinux =
    kernel.length >= linuxMagicOffset + 4 && header.getUint32(linuxMagicOffset, true) === linuxMagic
  if (!isLinux) return kernel.length
  return Math.max(kernel.length, Number(header.getBigUint64(linuxSizeOffset, true)))
}
