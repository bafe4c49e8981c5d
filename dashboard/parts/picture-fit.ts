// Keeps a canvas as large as its box lets it be, while the window changes: pictureSize() says how
// large. Only where the box is the window's and not the canvas's own: alone, or in full screen.

import { effect } from '@preact/signals'
import type { RefObject } from 'preact'
import { useEffect } from 'preact/hooks'
import { pictureSize } from '../picture-size.ts'
import { storedChoice } from '../stored-choice.ts'

/** Sharp and perhaps smaller, or as large as fits. */
export const isWholeWished = storedChoice('godwit-whole-pixels', false)

export function usePictureFit(
  canvas: RefObject<HTMLCanvasElement | null>,
  size: { readonly width: number; readonly height: number },
  isAlone: boolean,
): void {
  const { width, height } = size
  useEffect(() => {
    const own = canvas.current
    const box = own?.parentElement
    if (!own || !box) return
    const fit = () => {
      const hasBox = isAlone || document.fullscreenElement?.contains(own) === true
      const room = { width: box.clientWidth, height: box.clientHeight }
      const drawn = pictureSize({ width, height }, room, devicePixelRatio, isWholeWished.value)
      own.style.width = hasBox ? `${drawn.width}px` : ''
      own.style.height = hasBox ? `${drawn.height}px` : ''
      own.style.imageRendering = hasBox && drawn.isSharp ? 'pixelated' : ''
    }
    const observer = new ResizeObserver(fit)
    observer.observe(box)
    const unfollow = effect(fit)
    return () => {
      observer.disconnect()
      unfollow()
    }
  }, [canvas, width, height, isAlone])
}
