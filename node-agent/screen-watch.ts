// Who watches one screen, and what each of them has not been shown yet: pages, by their numbers
// within the screen. What the dirty log says is remembered for every watcher, so that a slow one
// gets later, and all at once, what a quick one gets now.
// Not here: who takes the log and when (screens.ts), what a frame is made of (screen-pages.ts).
// Pure: no clock, nothing waits.

interface Watcher {
  /** One byte a page: 1, it has changed since it was last sent. */
  readonly pending: Uint8Array
  pendingPages: number
  /** The frame that it has not shown yet. */
  inFlight: number | undefined
  frames: number
}

/** More than so many clients of one screen are turned away: each costs memory here. */
export const watchersMax = 16

export class ScreenWatch {
  readonly pages: number
  readonly #watchers = new Map<number, Watcher>()

  constructor(pages: number) {
    this.pages = pages
  }

  get isWatched(): boolean {
    return this.#watchers.size > 0
  }

  /** From the start: nothing has been shown to it. False: there are too many. */
  open(watcher: number): boolean {
    if (!this.#watchers.has(watcher) && this.#watchers.size >= watchersMax) return false
    const pending = new Uint8Array(this.pages).fill(1)
    this.#watchers.set(watcher, {
      pending,
      pendingPages: this.pages,
      inFlight: undefined,
      frames: 0,
    })
    return true
  }

  close(watcher: number): void {
    this.#watchers.delete(watcher)
  }

  closeAll(): void {
    this.#watchers.clear()
  }

  shown(watcher: number, frame: number): void {
    const found = this.#watchers.get(watcher)
    if (found?.inFlight === frame) found.inFlight = undefined
  }

  /** Somebody could be shown something, if there were something. */
  get hasReader(): boolean {
    return [...this.#watchers.values()].some(({ inFlight }) => inFlight === undefined)
  }

  /** Pages from `first` on of a dirty log of all RAM are this screen's. */
  damage(bitmap: Uint8Array, first: number): void {
    for (let page = 0; page < this.pages; page++) {
      const at = first + page
      if (((bitmap[at >> 3] ?? 0) >> (at & 7)) & 1) this.#mark(page)
    }
  }

  /** Those who wait for a frame, and the pages that each has to be shown, in order. */
  due(): { readonly watcher: number; readonly pages: number[] }[] {
    return [...this.#watchers].flatMap(([watcher, { inFlight, pending, pendingPages }]) => {
      if (inFlight !== undefined || pendingPages === 0) return []
      const pages: number[] = []
      for (let page = 0; page < pending.length; page++) if (pending[page] === 1) pages.push(page)
      return [{ watcher, pages }]
    })
  }

  /** These pages are on their way to it. @returns the number of the frame */
  sent(watcher: number, pages: readonly number[]): number | undefined {
    const found = this.#watchers.get(watcher)
    if (!found) return undefined
    for (const page of pages) {
      found.pendingPages -= found.pending[page] ?? 0
      found.pending[page] = 0
    }
    found.frames += 1
    found.inFlight = found.frames
    return found.frames
  }

  #mark(page: number): void {
    for (const watcher of this.#watchers.values()) {
      watcher.pendingPages += 1 - (watcher.pending[page] ?? 1)
      watcher.pending[page] = 1
    }
  }
}
