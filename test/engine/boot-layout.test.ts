import { describe, expect, test } from 'vitest'
import { type BootImage, layOut, treeBytesMax } from '#engine/boot-layout.ts'

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
