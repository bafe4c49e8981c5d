// Pages of a screen out of a VM's RAM, as a frame has them: those of one colour are named, the
// others copied. The guest may be drawing meanwhile: what it changes then is dirty again, and comes
// in a later frame.
// Not here: which pages (screen-watch.ts), packing (screens.ts).

import type { GuestMemory } from '#engine/memory/guest-memory-port.ts'
import { pagesPerScreenFrameMax, type ScreenChange, type SolidRun } from '#proto/screen-frame.ts'
import { pageBytes } from '#proto/units.ts'

export interface ReadPages {
  readonly change: ScreenChange
  /** What of the pages asked for is in it: others are absent still, or too many for one frame. */
  readonly taken: number[]
  /** Pages of RAM that have not come yet. */
  readonly absent: number[]
}

type Run = { -readonly [K in keyof SolidRun]: SolidRun[K] }

const colourMask = 0xffffff

/** `pages` are numbers within the screen, which begins at page `first` of RAM. */
export function readPages(memory: GuestMemory, first: number, pages: readonly number[]): ReadPages {
  const solid: Run[] = []
  const full: number[] = []
  const taken: number[] = []
  const absent: number[] = []
  const bytes = new Uint8Array(Math.min(pages.length, pagesPerScreenFrameMax) * pageBytes)
  const words = new Uint32Array(pageBytes / 4)
  const one = new Uint8Array(words.buffer)
  for (const page of pages) {
    if (memory.isAbsent(first + page)) {
      absent.push(first + page)
      continue
    }
    memory.readPage(first + page, one)
    const colour = colourOf(words)
    if (colour !== undefined) addSolid(solid, page, colour)
    else if (full.length === pagesPerScreenFrameMax) continue
    else bytes.set(one, (full.push(page) - 1) * pageBytes)
    taken.push(page)
  }
  const content = bytes.subarray(0, full.length * pageBytes)
  return { change: { solid, pages: full, bytes: content }, taken, absent }
}

/** The one colour that all of it has; undefined: there are several. */
function colourOf(words: Uint32Array): number | undefined {
  const colour = (words[0] ?? 0) & colourMask
  for (let at = 1; at < words.length; at++)
    if (((words[at] ?? 0) & colourMask) !== colour) return undefined
  return colour
}

function addSolid(runs: Run[], page: number, colour: number): void {
  const last = runs.at(-1)
  if (last?.colour === colour && last.page + last.pages === page) last.pages += 1
  else runs.push({ page, pages: 1, colour })
}
