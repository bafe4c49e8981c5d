// All that lies in a VM's RAM before its first instruction, the device tree among it, and how its
// hart begins: what a boot is, apart from doing it (machine.ts).
// Not here: where each piece goes (boot-layout.ts), what the tree says (device-tree/).
// GPAs in bytes.

import { BootError } from './boot-error.ts'
import { type BootImage, type BootLayout, layOut, treeBytesMax } from './boot-layout.ts'
import { flatten } from './device-tree/flattened.ts'
import { machineTree } from './device-tree/machine-tree.ts'
import { hexBytes } from './devices/identity.ts'
import type { Segment } from './elf.ts'
import { ordinaryBytes, refuseTooLarge, screenGpa } from './screen.ts'
import type { VmConfig } from './vm-config.ts'

/**
 * What is put into RAM at once, at most: to fill fresh memory takes milliseconds a MiB, and a pCPU
 * has other guests to run meanwhile.
 */
const pieceBytesMax = 1 << 20

export type BootPlan = Pick<BootLayout, 'segments' | 'entry' | 'treeGpa' | 'htif'>

/** Throws a BootError when the image does not fit, or does not boot this way. */
export function planBoot(image: BootImage, config: VmConfig): BootPlan {
  const { args, identity, disk, network, boot, screen } = config
  refuseTooLarge(config.ramBytes, screen)
  const ramBytes = ordinaryBytes(config.ramBytes, screen)
  const layout = layOut(image, ramBytes, boot)
  const tree = flatten(
    machineTree({
      ramBytes,
      bootArgs: args || (image.defaultArgs ?? ''),
      serialNumber: identity.instanceId,
      rngSeed: hexBytes(identity.randomSeed, 32),
      hasDisk: disk !== undefined,
      hasNetwork: network === true,
      ...(screen && { screen: { ...screen, gpa: screenGpa(config.ramBytes, screen) } }),
      ...(layout.initrd && { initrd: layout.initrd }),
    }),
  )
  if (tree.length > treeBytesMax) {
    throw new BootError('no-image', 'The boot arguments are too long: shorten them.')
  }
  const treeSegment = { gpa: layout.treeGpa, bytes: tree, memoryBytes: tree.length }
  return { ...layout, segments: [...layout.segments, treeSegment] }
}

/** A piece of a boot that goes into RAM ahead of it. */
export type BootPiece = Pick<Segment, 'gpa' | 'bytes'>

/** Segments that are put into RAM piece by piece before the boot itself. */
export const isLong = ({ bytes }: BootPiece): boolean => bytes.length > pieceBytesMax

/** The long segments of a boot, in pieces. */
export function* longPieces(image: BootImage, config: VmConfig): Generator<BootPiece> {
  for (const { gpa, bytes } of planBoot(image, config).segments.filter(isLong))
    for (let at = 0; at < bytes.length; at += pieceBytesMax)
      yield { gpa: gpa + at, bytes: bytes.subarray(at, at + pieceBytesMax) }
}
