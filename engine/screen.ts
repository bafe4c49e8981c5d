// A VM's screen: the last pages of its RAM, line by line, four bytes a pixel. They are RAM like any
// other, so they migrate, are hashed, cloned and snapshotted with it, and the dirty log tells what
// the guest has drawn; but no guest is told that they are ordinary memory.
// Not here: what a guest is told of it (device-tree/machine-tree.ts), who looks (node-agent/).
// Sizes in pixels, bytes and page indices.
// Source: Linux, Documentation/devicetree/bindings/display/simple-framebuffer.yaml.

import { pageBytes } from '#proto/units.ts'
import { BootError } from './boot-error.ts'
import { ramGpa } from './devices/memory-map.ts'

export interface ScreenSize {
  readonly width: number
  readonly height: number
}

export const pixelBytes = 4
/** 32 bits a pixel: red above green above blue, the highest eight unused; little-endian. */
export const pixelFormat = 'x8r8g8b8'

export const screenPages = ({ width, height }: ScreenSize): number =>
  Math.ceil((width * height * pixelBytes) / pageBytes)

/** What of this RAM is ordinary memory: all, but for the screen at its end. */
export const ordinaryBytes = (ramBytes: number, screen: ScreenSize | undefined): number =>
  screen ? ramBytes - screenPages(screen) * pageBytes : ramBytes

export const screenGpa = (ramBytes: number, screen: ScreenSize): number =>
  ramGpa + ordinaryBytes(ramBytes, screen)

/** Below this a machine has room for nothing but its screen. */
const ordinaryShareMin = 1 / 4

/** Throws a BootError when the screen leaves too little RAM for anything else. */
export function refuseTooLarge(ramBytes: number, screen: ScreenSize | undefined): void {
  if (!screen || ordinaryBytes(ramBytes, screen) >= ramBytes * ordinaryShareMin) return
  throw new BootError(
    'bad-request',
    `A screen of ${screen.width}x${screen.height} takes ${screenPages(screen) * pageBytes} of ` +
      `${ramBytes} bytes of RAM: give the VM more memory, or a smaller screen.`,
  )
}
