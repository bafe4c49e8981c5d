// The regions that a hart can run now: found by the pages that they have code of, and by the places
// in and around them. Not here: how they are made (translator.ts), how the core finds them.
// All places are host addresses: where the code lies, whatever it is mapped to.

export interface LiveRegion {
  /** Where the core keeps it. */
  readonly at: number
  /** Of its function in the table. */
  readonly index: number
  readonly moduleBytes: number
  /** How often it has been made anew. */
  readonly generation: number
  readonly banks: number
  /** Offsets of its entries, the one it was begun at first; and where they lie. */
  readonly entries: readonly number[]
  readonly entryHosts: readonly number[]
  readonly pages: readonly number[]
  /** Offsets by host address of its blocks, and of where it leads to. */
  readonly around: ReadonlyMap<number, number>
}

/** A place in or at the edge of a region. */
export interface RegionPlace {
  readonly region: LiveRegion
  readonly offset: number
}

export class LiveRegions {
  /** In the order in which they were made. */
  readonly #all = new Set<LiveRegion>()
  readonly #byPage = new Map<number, Set<LiveRegion>>()
  readonly #around = new Map<number, LiveRegion>()
  #moduleBytes = 0
  #entryPoints = 0

  get count(): number {
    return this.#all.size
  }

  get moduleBytes(): number {
    return this.#moduleBytes
  }

  get entryPoints(): number {
    return this.#entryPoints
  }

  add(region: LiveRegion): void {
    this.#all.add(region)
    this.#entryPoints += region.entryHosts.length
    this.#moduleBytes += region.moduleBytes
    for (const page of region.pages) {
      const there = this.#byPage.get(page) ?? new Set()
      this.#byPage.set(page, there.add(region))
    }
    for (const host of region.around.keys()) this.#around.set(host, region)
  }

  delete(region: LiveRegion): void {
    this.#all.delete(region)
    this.#entryPoints -= region.entryHosts.length
    this.#moduleBytes -= region.moduleBytes
    for (const page of region.pages) this.#forgetOn(page, region)
    for (const host of region.around.keys()) {
      if (this.#around.get(host) === region) this.#around.delete(host)
    }
  }

  /** Oldest first. */
  all(): LiveRegion[] {
    return [...this.#all]
  }

  onPage(page: number): LiveRegion[] {
    return [...(this.#byPage.get(page) ?? [])]
  }

  around(host: number): RegionPlace | undefined {
    const region = this.#around.get(host)
    const offset = region?.around.get(host)
    return region && offset !== undefined ? { region, offset } : undefined
  }

  #forgetOn(page: number, region: LiveRegion): void {
    const there = this.#byPage.get(page)
    there?.delete(region)
    if (there?.size === 0) this.#byPage.delete(page)
  }
}
