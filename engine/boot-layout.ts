// Where a VM's first bytes go in its RAM, and where and how its hart begins: firmware at the start
// of RAM, a raw kernel at RAM + 2 MiB, an ELF where its headers say, the initial RAM disk high up,
// the device tree at the very top.
// Not here: what the tree says (device-tree/), putting it there (machine.ts). Bytes and GPAs.
// Source: Linux, Documentation/arch/riscv/boot-image-header.rst (a kernel takes more room than its
// file: the header's image_size) and boot.rst; OpenSBI, docs/firmware/fw_dynamic.md and
// include/sbi/fw_dynamic.h (what firmware is told about the next stage).

import { pageBytes } from '#proto/units.ts'
import { BootError } from './boot-error.ts'
import type { HtifPlace } from './devices/htif.ts'
import { kernelGpa, ramGpa } from './devices/memory-map.ts'
import { type Elf, isElf, readElf, type Segment } from './elf.ts'

/** What a VM boots from. */
export interface BootImage {
  /** Entered at its first byte, as Linux's `Image` or our own guest, or an ELF file. */
  readonly kernel: Uint8Array
  /** The initial RAM disk: an archive that the kernel unpacks. */
  readonly initrd?: Uint8Array
  /** What runs in M-mode under a kernel that boots as on hardware: OpenSBI. */
  readonly firmware?: Uint8Array
  /** The kernel is itself what runs in M-mode first. */
  readonly entersMachineMode?: boolean
  /** Boot arguments of a VM that asks for none. */
  readonly defaultArgs?: string
}

/** Who answers the guest's SBI calls: the VMM, or firmware in M-mode as on hardware. */
export type BootKind = 'paravirtualised' | 'unmodified'

export interface BootLayout {
  /** Everything but the tree, which says where the initial RAM disk is. */
  readonly segments: readonly Segment[]
  readonly treeGpa: number
  readonly initrd?: { readonly gpa: number; readonly sizeBytes: number }
  readonly entry: { readonly gpa: number; readonly mode: 'S' | 'M'; readonly a2: number }
  /** Where a test program tells how it ended (devices/htif.ts). */
  readonly htif?: HtifPlace
}

/** No tree of ours is longer; the initial RAM disk ends below it, whatever the tree will say. */
export const treeBytesMax = 16 * pageBytes
/** What a kernel is sure to reach before it has tables of its own. */
const reachBytes = 2 ** 31

interface Program {
  readonly segments: readonly Segment[]
  readonly entryGpa: number
  readonly elf?: Elf
}

/** Throws a BootError when it does not fit, or is nothing that boots this way. */
export function layOut(image: BootImage, ramBytes: number, boot: BootKind): BootLayout {
  const isMachine = image.entersMachineMode === true
  const kernel = programOf(image.kernel, isMachine ? ramGpa : kernelGpa)
  const firmware = isMachine ? undefined : firmwareOf(image, boot)
  if (isMachine && boot !== 'unmodified') throw wantsMachineMode()
  const treeGpa = ramGpa + Math.min(ramBytes, reachBytes) - treeBytesMax
  const { initrd } = image
  const initrdSegment = initrd && rawAt(pagesDown(treeGpa - initrd.length), initrd)
  const segments = [
    ...(firmware?.segments ?? []),
    ...kernel.segments,
    ...(initrdSegment ? [initrdSegment] : []),
    ...(firmware ? [nextStage(pagesDown((initrdSegment?.gpa ?? treeGpa) - 1), kernel)] : []),
  ]
  refuseWhatDoesNotFit(segments, ramBytes, treeGpa)
  return {
    segments,
    treeGpa,
    ...(initrdSegment && {
      initrd: { gpa: initrdSegment.gpa, sizeBytes: initrdSegment.bytes.length },
    }),
    entry: {
      gpa: (firmware ?? kernel).entryGpa,
      mode: boot === 'unmodified' ? 'M' : 'S',
      a2: firmware ? (segments.at(-1)?.gpa ?? 0) : 0,
    },
    ...htifOf(kernel.elf),
  }
}

function firmwareOf({ firmware }: BootImage, boot: BootKind): Program | undefined {
  if (boot === 'paravirtualised') return undefined
  if (firmware === undefined) throw hasNoFirmware()
  const { segments, entryGpa } = programOf(firmware, ramGpa)
  // It uses RAM behind its file, and tells the next stage to leave alone what it uses.
  const [first, ...others] = segments
  const room = first && { ...first, memoryBytes: Math.max(first.memoryBytes, firmwareBytesMin) }
  return { entryGpa, segments: room ? [room, ...others] : [] }
}

/** Its file and what OpenSBI keeps behind it: heap, stacks of the harts, scratch. */
const firmwareBytesMin = 512 * 1024

const programOf = (file: Uint8Array, gpa: number): Program => {
  if (!isElf(file)) return { segments: [rawAt(gpa, file)], entryGpa: gpa }
  const elf = readElf(file)
  return { segments: elf.segments.map(withoutHeadersBelowRam), entryGpa: elf.entryGpa, elf }
}

/** Linkers put the file's own headers before a program, in its first segment. */
function withoutHeadersBelowRam(segment: Segment): Segment {
  const below = ramGpa - segment.gpa
  if (segment.beginsWithHeaders !== true || below <= 0 || below > segment.bytes.length)
    return segment
  const { bytes, memoryBytes } = segment
  return { gpa: ramGpa, bytes: bytes.subarray(below), memoryBytes: memoryBytes - below }
}

const rawAt = (gpa: number, bytes: Uint8Array): Segment => ({
  gpa,
  bytes,
  memoryBytes: roomOf(bytes),
})

/** struct fw_dynamic_info: magic 'OSBI', version 2, next address, S-mode, no options, boot hart. */
function nextStage(gpa: number, { entryGpa }: Program): Segment {
  const words = [0x4942_534fn, 2n, BigInt(entryGpa), 1n, 0n, 0n]
  const bytes = new Uint8Array(new BigUint64Array(words).buffer)
  return { gpa, bytes, memoryBytes: bytes.length }
}

function htifOf(elf: Elf | undefined): Pick<BootLayout, 'htif'> {
  const toHostGpa = elf?.symbol('tohost')
  return toHostGpa === undefined
    ? {}
    : { htif: { toHostGpa, fromHostGpa: elf?.symbol('fromhost') } }
}

function refuseWhatDoesNotFit(segments: readonly Segment[], ramBytes: number, top: number): void {
  let end = ramGpa
  for (const { gpa, memoryBytes } of [...segments].sort((a, b) => a.gpa - b.gpa)) {
    if (gpa < ramGpa) throw outsideRam(gpa)
    if (gpa < end || gpa + memoryBytes > top) throw noRoom(segments, ramBytes)
    end = gpa + memoryBytes
  }
}

const pagesDown = (gpa: number) => Math.floor(gpa / pageBytes) * pageBytes

const linuxMagicOffset = 0x38
/** 'RSC\x05', little-endian. */
const linuxMagic = 0x0543_5352
const linuxSizeOffset = 0x10

/** Bytes that a raw image uses from where it lies: its file's, or more when a kernel says so. */
function roomOf(kernel: Uint8Array): number {
  const header = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength)
  const isLinux =
    kernel.length >= linuxMagicOffset + 4 && header.getUint32(linuxMagicOffset, true) === linuxMagic
  if (!isLinux) return kernel.length
  return Math.max(kernel.length, Number(header.getBigUint64(linuxSizeOffset, true)))
}

function noRoom(segments: readonly Segment[], ramBytes: number): BootError {
  const bytes = segments.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
  return new BootError(
    'bad-request',
    `An image of ${bytes} bytes does not fit in ${ramBytes} bytes of RAM: give it more, ` +
      'or other load addresses if it is an ELF file of your own.',
  )
}

const outsideRam = (gpa: number) =>
  new BootError(
    'no-image',
    `The image wants to lie at 0x${gpa.toString(16)}, where there is no RAM: RAM begins at ` +
      `0x${ramGpa.toString(16)}; link it for an address from there on.`,
  )

const hasNoFirmware = () =>
  new BootError(
    'no-image',
    'The image has no firmware to boot from as on hardware: pull it again with --fresh, add it ' +
      'with --firmware, or boot it paravirtualised.',
  )

const wantsMachineMode = () =>
  new BootError(
    'no-image',
    'The image begins in M-mode, as on hardware: boot it unmodified (--boot unmodified).',
  )
