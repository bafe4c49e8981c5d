// Draws the cells of a page map on a canvas: a shape and a lightness for each state, colours from
// the page's own palette, so that light and dark differ as everything else does. CSS pixels.

import { type PageMap, type PageState, pageStates } from '#proto/sights.ts'
import { type Ink, inkOf } from '../ink.ts'

export const columns = 64
export const cellPx = 5

const names = ['soft', 'load', 'track', 'ink', 'accent', 'bad', 'card'] as const
type Inks = Ink<(typeof names)[number]>

type Draw = (on: CanvasRenderingContext2D, x: number, y: number, ink: Inks) => void

const box = (colour: keyof Inks, inset: number): Draw => {
  const side = cellPx - 1 - 2 * inset
  return (on, x, y, ink) => {
    on.fillStyle = ink[colour]
    on.fillRect(x + inset, y + inset, side, side)
  }
}

/** Darker, or in light on dark brighter, is what a person looks for. */
const draws: Record<PageState, Draw> = {
  zero: box('soft', 1.5),
  own: box('load', 0),
  // Half of a cell: the other half is somebody else's.
  shared: (on, x, y, ink) => {
    on.fillStyle = ink.load
    on.beginPath()
    on.moveTo(x, y)
    on.lineTo(x + cellPx - 1, y)
    on.lineTo(x, y + cellPx - 1)
    on.fill()
  },
  sent: box('load', 1),
  unsent: box('ink', 0),
  // A cross: it has to be sent again.
  dirty: (on, x, y, ink) => {
    on.strokeStyle = ink.accent
    on.lineWidth = 1.4
    on.beginPath()
    on.moveTo(x, y)
    on.lineTo(x + cellPx - 1, y + cellPx - 1)
    on.moveTo(x + cellPx - 1, y)
    on.lineTo(x, y + cellPx - 1)
    on.stroke()
  },
  // Hollow: nothing is in it.
  absent: (on, x, y, ink) => {
    on.strokeStyle = ink.bad
    on.lineWidth = 1
    on.strokeRect(x + 0.5, y + 0.5, cellPx - 2, cellPx - 2)
  },
}

function begin(canvas: HTMLCanvasElement, wide: number, high: number) {
  const scale = Math.max(1, devicePixelRatio)
  const [width, height] = [Math.round(wide * scale), Math.round(high * scale)]
  if (canvas.width !== width) canvas.width = width
  if (canvas.height !== height) canvas.height = height
  const on = canvas.getContext('2d')
  on?.setTransform(scale, 0, 0, scale, 0, 0)
  on?.clearRect(0, 0, wide, high)
  return on
}

export function drawPages(canvas: HTMLCanvasElement, { runs }: PageMap): void {
  let cells = 0
  for (let at = 1; at < runs.length; at += 2) cells += runs[at] ?? 0
  const on = begin(canvas, columns * cellPx, Math.ceil(cells / columns) * cellPx)
  if (!on) return
  const ink = inkOf(canvas.parentElement, names)
  let cell = 0
  for (let at = 0; at < runs.length; at += 2) {
    const draw = draws[pageStates[runs[at] ?? 0] ?? 'zero']
    for (const end = cell + (runs[at + 1] ?? 0); cell < end; cell++)
      draw(on, (cell % columns) * cellPx, Math.floor(cell / columns) * cellPx, ink)
  }
}

/** One cell for the legend, as large as it is on the map. */
export function drawCell(canvas: HTMLCanvasElement, state: PageState): void {
  const on = begin(canvas, cellPx, cellPx)
  if (on) draws[state](on, 0, 0, inkOf(canvas.parentElement, names))
}
