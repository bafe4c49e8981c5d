// How large a VM's screen is drawn in a box of the window: as large as fits, or by the largest
// whole number of the display's own pixels for each of the guest's, which are then as sharp as they
// are in the guest. Pure. CSS pixels; `ratio` is the display's pixels in one of them.

interface Size {
  readonly width: number
  readonly height: number
}

export interface PictureSize extends Size {
  /** Each pixel of the guest is a square of whole pixels of the display. */
  readonly isSharp: boolean
}

/** Nearer to a whole number than half a pixel over the widest screen. */
const nearness = 1 / 4000

export function pictureSize(size: Size, box: Size, ratio: number, isWhole: boolean): PictureSize {
  const fill = Math.min(box.width / size.width, box.height / size.height) * ratio
  const whole = Math.floor(fill + nearness)
  const scale = isWhole && whole >= 1 ? whole : fill
  const isSharp = scale >= 1 && Math.abs(scale - Math.round(scale)) < nearness
  const { width, height } = size
  return { width: (width * scale) / ratio, height: (height * scale) / ratio, isSharp }
}
