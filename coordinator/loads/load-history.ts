// What was measured of many subjects over time: means over a number of looks, the newest of them
// kept, in numbers and not in objects. Pure. Not here: who is looked at and how often
// (load-log.ts).

import { invariant } from '#proto/invariant.ts'

/** One value for each quantity; undefined: not known now. */
export type Look = readonly (number | undefined)[]

/** Rows of one mean for each quantity, oldest first; null: not known all that time. */
export interface Means {
  /** When each was over, by the clock of the looks. */
  readonly atMs: number[]
  readonly columns: (number | null)[][]
}

/** Of one subject. */
interface Track {
  readonly sums: Float64Array
  readonly counts: Uint16Array
  /** `kept` rows, of which each has its place in the ring of times. NaN: not known. */
  readonly rows: Float32Array
  /** The first row that is its own. */
  readonly since: number
}

export interface HistoryShape {
  readonly quantities: number
  /** So many looks are one mean. */
  readonly looksPerMean: number
  /** So many means are kept. */
  readonly kept: number
}

export class LoadHistory<Key> {
  readonly #shape: HistoryShape
  readonly #tracks = new Map<Key, Track>()
  readonly #atMs: Float64Array
  /** Means closed so far; the newest one's place in the ring is one before it. */
  #closed = 0
  #looks = 0

  constructor(shape: HistoryShape) {
    this.#shape = shape
    this.#atMs = new Float64Array(shape.kept)
  }

  /** All that is there now: of whom nothing is said any more, nothing is kept. */
  look(atMs: number, subjects: ReadonlyMap<Key, Look>): void {
    for (const key of this.#tracks.keys()) if (!subjects.has(key)) this.#tracks.delete(key)
    for (const [key, values] of subjects) this.#add(this.#trackOf(key), values)
    this.#looks++
    if (this.#looks < this.#shape.looksPerMean) return
    this.#looks = 0
    this.#close(atMs)
  }

  meansOf(key: Key): Means {
    const { kept, quantities } = this.#shape
    const track = this.#tracks.get(key)
    const first = Math.max(track?.since ?? this.#closed, this.#closed - kept)
    const rows = Array.from({ length: this.#closed - first }, (_, at) => (first + at) % kept)
    const valueAt = (row: number, column: number) => {
      const value = track?.rows[row * quantities + column] ?? Number.NaN
      return Number.isNaN(value) ? null : Math.round(value * 10) / 10
    }
    return {
      atMs: rows.map((row) => this.#atMs[row] ?? 0),
      columns: Array.from({ length: quantities }, (_, column) =>
        rows.map((row) => valueAt(row, column)),
      ),
    }
  }

  #trackOf(key: Key): Track {
    const { quantities, kept } = this.#shape
    const track = this.#tracks.get(key) ?? {
      sums: new Float64Array(quantities),
      counts: new Uint16Array(quantities),
      rows: new Float32Array(quantities * kept),
      since: this.#closed,
    }
    this.#tracks.set(key, track)
    return track
  }

  #add({ sums, counts }: Track, values: Look): void {
    invariant(values.length === sums.length, 'a look has a value for each quantity')
    values.forEach((value, at) => {
      if (value === undefined) return
      sums[at] = (sums[at] ?? 0) + value
      counts[at] = (counts[at] ?? 0) + 1
    })
  }

  #close(atMs: number): void {
    const { kept, quantities } = this.#shape
    const row = this.#closed % kept
    this.#atMs[row] = atMs
    // A sum of nothing over a count of nothing is not a number, and means that.
    for (const { sums, counts, rows } of this.#tracks.values()) {
      for (let at = 0; at < quantities; at++)
        rows[row * quantities + at] = (sums[at] ?? 0) / (counts[at] ?? 0)
      sums.fill(0)
      counts.fill(0)
    }
    this.#closed++
  }
}
