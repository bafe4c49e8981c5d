import { describe, expect, test } from 'vitest'
import { type BootImage, layOut, treeBytesMax } from '#engine/boot-layout.ts'
import { elfFile } from './elf-file.ts'

const mib = 1 << 20
const ramStart = 0x8000_0000
const kernelAt = ramStart + 2 * mib
/** As the VMM boots a guest that it answers. */
const laidOut = (image: BootImage, ramBytes: number) => layOut(image, ramBytes, 'paravirtualised')
const kernel = (sizeBytes: number) => new Uint8Array(sizeBytes)

/** A kernel with Linux's header, which uses `roomBytes` from where it lies. */
function linuxKernel(sizeBytes: number, roomBytes: number): Uint8Array {
  const image = kernel(sizeBytes)
  new DataView(image.buffer).setBigUint64(0x10, BigInt(roomBytes), true)
  image.set(new TextEncoder().encode('RSC\x05'), 0x38)
  return image
}

describe('where a VM boots from', () => {
  test('the device tree is at the top of RAM, the initial RAM disk on a page below it', () => {
    const layout = laidOut({ kernel: kernel(mib), initrd: kernel(mib + 1) }, 64 * mib)
    expect(layout.treeGpa).toBe(ramStart + 64 * mib - treeBytesMax)
    const { gpa = 0, sizeBytes = 0 } = layout.initrd ?? {}
    expect(sizeBytes).toBe(mib + 1)
    expect(gpa % 4096).toBe(0)
    expect(gpa + sizeBytes).toBeLessThanOrEqual(layout.treeGpa)
    expect(layout.treeGpa - gpa - sizeBytes).toBeLessThan(4096)
  })

  test('without one there is none', () => {
    expect(laidOut({ kernel: kernel(mib) }, 64 * mib)).not.toHaveProperty('initrd')
  })

  test('of RAM above 4 GiB of addresses nothing is used: the guest may not reach it yet', () => {
    const layout = laidOut({ kernel: kernel(mib) }, 3 * 1024 * mib)
    expect(layout.treeGpa + treeBytesMax).toBe(2 ** 32)
  })

  test('kernel, disk and tree may fill RAM to the last page, and no further', () => {
    const room = ramStart + 64 * mib - treeBytesMax - kernelAt
    const withDisk = (bytes: number) =>
      laidOut({ kernel: kernel(bytes), initrd: kernel(4096) }, 64 * mib)
    expect(withDisk(room - 4096).initrd?.gpa).toBe(kernelAt + room - 4096)
    expect(() => withDisk(room - 4095)).toThrow('does not fit')
  })

  test('a Linux kernel needs the room its header names, not only that of its file', () => {
    const initrd = kernel(20 * mib)
    expect(() => laidOut({ kernel: linuxKernel(mib, 30 * mib), initrd }, 64 * mib)).not.toThrow()
    expect(() => laidOut({ kernel: linuxKernel(mib, 50 * mib), initrd }, 64 * mib)).toThrow('more')
  })
})

describe('as on hardware', () => {
  const firmware = kernel(mib / 2)
  const unmodified = (image: BootImage, ramBytes = 64 * mib) =>
    layOut(image, ramBytes, 'unmodified')

  test('firmware begins, at the start of RAM in M-mode, and is told where the kernel is', () => {
    const { segments, entry } = unmodified({ kernel: kernel(mib), firmware, initrd: kernel(mib) })
    expect(entry).toMatchObject({ gpa: ramStart, mode: 'M' })
    expect(segments.map(({ gpa }) => gpa)).toContain(kernelAt)
    const told = segments.find(({ gpa }) => gpa === entry.a2)?.bytes ?? new Uint8Array()
    // OpenSBI, struct fw_dynamic_info: 'OSBI', version 2, next address, S-mode, options, hart.
    expect([...new BigUint64Array(told.slice().buffer)]).toEqual([
      ...[0x4942534fn, 2n, BigInt(kernelAt), 1n, 0n, 0n],
    ])
  })

  test('a kernel that would lie in its firmware is refused', () => {
    const elf = elfFile({ entry: ramStart, segments: [{ physical: ramStart, bytes: kernel(64) }] })
    expect(() => unmodified({ kernel: elf, firmware })).toThrow('does not fit')
  })

  test('without firmware there is nothing to begin with', () => {
    expect(() => unmodified({ kernel: kernel(mib) })).toThrow('no firmware')
  })

  test('a kernel that begins in M-mode itself needs none, and boots in no other way', () => {
    const image = { kernel: kernel(mib), entersMachineMode: true }
    expect(unmodified(image).entry).toEqual({ gpa: ramStart, mode: 'M', a2: 0 })
    expect(() => laidOut(image, 64 * mib)).toThrow('--boot unmodified')
  })
})

describe('an ELF file', () => {
  const segments = [
    { physical: ramStart + 4 * mib, bytes: kernel(100), memoryBytes: mib },
    { physical: ramStart + 8 * mib, bytes: kernel(8) },
  ]
  const entry = ramStart + 8 * mib

  test('lies where its headers say, is entered at its entry, and is watched by its words', () => {
    const symbols = { tohost: ramStart + 4 * mib, fromhost: ramStart + 4 * mib + 64 }
    const layout = laidOut({ kernel: elfFile({ entry, segments, symbols }) }, 64 * mib)
    expect(layout.segments.map(({ gpa }) => gpa)).toEqual(segments.map((each) => each.physical))
    expect(layout.entry).toEqual({ gpa: entry, mode: 'S', a2: 0 })
    expect(layout.htif).toEqual({ toHostGpa: symbols.tohost, fromHostGpa: symbols.fromhost })
  })

  test('takes the room of its memory, not that of its file', () => {
    const [first, second] = segments
    const wide = { ...first, physical: ramStart + 4 * mib, bytes: kernel(8), memoryBytes: 5 * mib }
    const kernelFile = elfFile({ entry, segments: second ? [wide, second] : [] })
    expect(() => laidOut({ kernel: kernelFile }, 64 * mib)).toThrow('does not fit')
  })

  test('may begin with its own headers, below RAM: they are left out', () => {
    const bytes = kernel(0x1010)
    const linked = { entry: ramStart, segments: [{ physical: ramStart - 0x1000, bytes }] }
    const file = elfFile({ ...linked, loadsHeaders: true })
    const { segments } = laidOut({ kernel: file }, 64 * mib)
    expect(segments.map(({ gpa, bytes }) => [gpa, bytes.length])).toEqual([[ramStart, 0x10]])
    expect(segments[0]?.bytes).toEqual(file.subarray(0x1000, 0x1010))
  })

  test('outside RAM is refused, with where RAM begins', () => {
    const low = { entry: 0x1000, segments: [{ physical: 0x1000, bytes: kernel(8) }] }
    expect(() => laidOut({ kernel: elfFile(low) }, 64 * mib)).toThrow('0x80000000')
  })
})
