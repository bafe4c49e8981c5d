// Where nodes and links stand in the drawing of the network, and how thick a link is: by names
// alone, so that nothing moves when loads do. Pure. Units of the drawing are pixels; rates are
// bytes a second.

import type { LinkView } from '#proto/sights.ts'

export interface Point {
  readonly x: number
  readonly y: number
}

export const drawing = { wide: 720, high: 460 } as const
const middle: Point = { x: drawing.wide / 2, y: drawing.high / 2 }
const radius = { x: drawing.wide / 2 - 90, y: drawing.high / 2 - 50 } as const

/** On an ellipse, clockwise from the top; the coordinator is in the middle. */
export function placesOf(ids: readonly string[]): ReadonlyMap<string, Point> {
  return new Map(
    ids.map((id, at) => {
      const angle = (2 * Math.PI * at) / ids.length - Math.PI / 2
      const x = middle.x + radius.x * Math.cos(angle)
      return [id, { x: round(x), y: round(middle.y + radius.y * Math.sin(angle)) }]
    }),
  )
}

export const coordinatorAt: Point = middle

/** Bends to its own right, so that two directions of one link lie side by side. */
export function pathOf(from: Point, to: Point): { readonly d: string; readonly label: Point } {
  const bend = 0.22
  const x = (from.x + to.x) / 2 - (to.y - from.y) * bend
  const y = (from.y + to.y) / 2 + (to.x - from.x) * bend
  // The curve passes half-way between the control point and the middle of the chord.
  const label = { x: round((x + (from.x + to.x) / 2) / 2), y: round((y + (from.y + to.y) / 2) / 2) }
  return { d: `M${from.x} ${from.y}Q${round(x)} ${round(y)} ${to.x} ${to.y}`, label }
}

const leastWide = 1.5
const mostWide = 9
/** Ten times the traffic is two pixels more; a kB a second is the least that shows. */
export function widthOf(bytesPerSec: number): number {
  if (bytesPerSec < 1) return 0
  const tens = Math.log10(Math.max(1000, bytesPerSec) / 1000)
  return round(Math.min(mostWide, leastWide + 1.6 * tens))
}

export interface LinkPair {
  readonly a: string
  readonly b: string
  readonly there: LinkView | undefined
  readonly back: LinkView | undefined
}

/** Both directions of each link together, by name. */
export function pairsOf(ids: readonly string[], links: readonly LinkView[]): LinkPair[] {
  const known = new Map(links.map((link) => [`${link.from} ${link.to}`, link]))
  const sorted = [...ids].sort()
  return sorted.flatMap((a, at) =>
    sorted.slice(at + 1).map((b) => ({
      ...{ a, b },
      there: known.get(`${a} ${b}`),
      back: known.get(`${b} ${a}`),
    })),
  )
}

export const bytesPerSecOf = (link: LinkView | undefined): number =>
  link ? link.trunkBytesPerSec + link.pageBytesPerSec : 0

const round = (value: number): number => Math.round(value * 10) / 10
