// What a benchmark prints: rows of cells under a heading, each column as wide as its widest cell;
// and the words for what was required and what came of it.

/** Prints the heading at once, and each row as it comes: a benchmark takes minutes. */
export class Table {
  readonly #widths: readonly number[]

  constructor(columns: readonly (readonly [title: string, width: number])[]) {
    this.#widths = columns.map(([title, width]) => Math.max(title.length, width))
    this.row(columns.map(([title]) => title))
  }

  /** The first cell leans left, figures lean right. */
  row(cells: readonly string[]): void {
    const padded = cells.map((cell, n) => {
      const width = this.#widths[n] ?? 0
      return n === 0 ? cell.padEnd(width) : cell.padStart(width)
    })
    console.log(padded.join('  ').trimEnd())
  }
}

/** `ratio` is how many times better than the peer; what is not required is only told. */
export function verdict(ratio: number, required: number | undefined): string {
  if (required === undefined) return 'told only'
  return ratio >= required ? 'reached' : 'MISSED'
}

export const seconds = (ms: number): string => (ms / 1000).toFixed(2)
export const times = (ratio: number): string => ratio.toFixed(2)
