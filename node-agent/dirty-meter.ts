// Measures the dirty-page curve of a VM from the dirty logs of its load: unions of the last ones,
// for windows of twice the length each. Of a VM that writes much a short window is looked at
// besides: what a round of pre-copy on a fast link will see.
// Not here: who takes the logs (load-meter.ts), what the curve means (proto/pre-copy/).
// Times in ms, pages of 4,096 bytes.

import { countPages, unionOf } from '#engine/memory/page-bitmap.ts'
import type { CurvePoint } from '#proto/pre-copy/dirty-curve.ts'

/** The short window. */
export const shortMs = 40
/** A VM that writes fewer pages between two looks is not looked at twice. */
export const busyPages = 64
/** Looks in each of the longer windows. */
const windows = [2, 4, 8]

interface Window {
  looks: number
  ms: number
  pages: Uint8Array
  point: CurvePoint | undefined
}

export class DirtyMeter {
  readonly #windows: Window[] = windows.map(() => ({
    ...{ looks: 0, ms: 0, pages: new Uint8Array(0), point: undefined },
  }))
  /** What the short window took out of the log of the look that is under way. */
  #taken: Uint8Array | undefined
  #short: CurvePoint | undefined
  #single: CurvePoint | undefined

  /** The log of the short window. What it says is part of the look that follows. */
  seeShort(bitmap: Uint8Array, point: CurvePoint): void {
    this.#taken = bitmap
    this.#short = point
  }

  /** The log of a look. @returns pages of the whole look, its short window included. */
  see(bitmap: Uint8Array, pages: number, ms: number): number {
    const all = this.#taken ? unionOf(bitmap, this.#taken) : bitmap
    const count = this.#taken ? countPages(all) : pages
    if (count < busyPages) this.#short = undefined
    this.#taken = undefined
    this.#single = { ms, pages: count }
    for (const [at, window] of this.#windows.entries())
      extend(window, { bitmap: all, pages: count, ms, looks: windows[at] ?? 0 })
    return count
  }

  /** In order of ms. Only what was seen. */
  curve(): CurvePoint[] {
    const points = [this.#short, this.#single, ...this.#windows.map(({ point }) => point)]
    return points.flatMap((point) => point ?? [])
  }
}

interface Look {
  readonly bitmap: Uint8Array
  readonly pages: number
  readonly ms: number
  /** So many make the window. */
  readonly looks: number
}

function extend(window: Window, { bitmap, pages, ms, looks }: Look): void {
  if (pages > 0) window.pages = unionOf(window.pages, bitmap)
  window.looks += 1
  window.ms += ms
  if (window.looks < looks) return
  window.point = { ms: window.ms, pages: countPages(window.pages) }
  Object.assign(window, { looks: 0, ms: 0, pages: new Uint8Array(0) })
}
