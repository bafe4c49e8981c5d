// The pages of a migration as a grid: memory from left to right, time from top to bottom, a band of
// rows for each round, so that short rounds are seen too. A cell counts what was sent of it, by
// why. Pure. Not here: how it is drawn (heat-map-svg.ts, cli/heat-map.ts). Times in ms since the
// beginning of the migration.

import type { PageLog, PageLogEntry } from '#proto/page-log.ts'

/**
 * `named`: only its number went, for it is zero or the destination holds its content. `first`,
 * `again`: in round 0, in a later one. The others as in proto/page-log.ts.
 */
export const sendKinds = ['named', 'first', 'again', 'last', 'waited-for', 'fetched'] as const
export type SendKind = (typeof sendKinds)[number]

export const kindWords: Record<SendKind, string> = {
  named: 'only named: it is zero, or known there',
  first: 'sent the first time',
  again: 'written meanwhile, sent again',
  last: 'sent in the last round, while the VM stood still',
  'waited-for': 'post-copy: the VM waited for it',
  fetched: 'post-copy: fetched in the background',
}

/** Pages sent in it, by why. */
export type Cell = Partial<Record<SendKind, number>>

/** A round, some rounds on end when they are many, the last one, or what came after it. */
export interface Band {
  readonly label: string
  readonly fromMs: number
  readonly entries: readonly PageLogEntry[]
}

export interface HeatRow {
  readonly band: Band
  /** Of its band. */
  readonly isFirst: boolean
  readonly fromMs: number
  readonly cells: readonly Cell[]
}

export interface HeatMap {
  readonly bands: readonly Band[]
  readonly rows: readonly HeatRow[]
  readonly pagesPerCell: number
  /** For each column: how often each of its pages was sent, on the average. */
  readonly often: readonly number[]
}

const bandsMax = 16

export function heatMap(log: PageLog, columnsMax: number, rowsMax: number): HeatMap {
  const pagesPerCell = Math.ceil(log.pageCount / Math.min(columnsMax, log.pageCount))
  const columns = Math.ceil(log.pageCount / pagesPerCell)
  const bands = fewer(bandsOf(log.entries))
  const endMs = log.entries.at(-1)?.ms ?? 0
  const grid = { columns, pagesPerCell, endMs, rowsMax }
  const rows = bands.flatMap((band, at) =>
    rowsOf(band, bands[at + 1]?.fromMs ?? endMs, bands, grid),
  )
  const often = Array.from({ length: columns }, (_, column) => {
    const sent = rows.reduce((sum, { cells }) => sum + sentOf(cells[column] ?? {}), 0)
    return sent / Math.min(pagesPerCell, log.pageCount - column * pagesPerCell)
  })
  return { bands, rows, pagesPerCell, often }
}

/** Pages whose content went. */
const sentOf = (cell: Cell): number => pagesOf(cell) - (cell.named ?? 0)

export const pagesOf = (cell: Cell): number =>
  sendKinds.reduce((sum, kind) => sum + (cell[kind] ?? 0), 0)

/** What most of a cell was sent for; a page that was waited for is never out of sight. */
export function mainKind(cell: Cell): SendKind | undefined {
  if (cell['waited-for']) return 'waited-for'
  const sent = sendKinds.filter((kind) => kind !== 'named' && cell[kind])
  const [most] = sent.sort((a, b) => (cell[b] ?? 0) - (cell[a] ?? 0))
  return most ?? (cell.named ? 'named' : undefined)
}

function kindOf({ why, round, encoding }: PageLogEntry): SendKind {
  if (encoding === 'zero' || encoding === 'held') return 'named'
  if (why === 'round') return round === 0 ? 'first' : 'again'
  return why
}

/** Pages of a run list: first, length, first, length … */
export function countOf(runs: readonly number[]): number {
  let count = 0
  for (let at = 1; at < runs.length; at += 2) count += runs[at] ?? 0
  return count
}

// ---- bands --------------------------------------------------------------------------------------

function bandsOf(entries: readonly PageLogEntry[]): Band[] {
  const groups = Map.groupBy(entries, ({ why, round }) => {
    if (why === 'round') return `round ${round}`
    return why === 'last' ? 'last round' : 'post-copy'
  })
  return [...groups].map(([label, all]) => ({ label, fromMs: all[0]?.ms ?? 0, entries: all }))
}

/** Rounds that are very many are put together, some on end. */
function fewer(bands: readonly Band[]): readonly Band[] {
  const rounds = bands.filter(({ label }) => label.startsWith('round '))
  const others = bands.filter((band) => !rounds.includes(band))
  if (bands.length <= bandsMax) return bands
  const size = Math.ceil(rounds.length / (bandsMax - others.length))
  const parts = Array.from({ length: Math.ceil(rounds.length / size) }, (_, at) =>
    together(rounds.slice(at * size, (at + 1) * size)),
  )
  return [...parts, ...others]
}

function together(bands: readonly Band[]): Band {
  const [first, last] = [bands[0], bands.at(-1)]
  const number = (band: Band | undefined) => band?.label.replace('round ', '')
  const label = `rounds ${number(first)}–${number(last)}`
  return { label, fromMs: first?.fromMs ?? 0, entries: bands.flatMap(({ entries }) => entries) }
}

interface Grid {
  readonly columns: number
  readonly pagesPerCell: number
  readonly endMs: number
  readonly rowsMax: number
}

/** One row at least, and more by how long it took; never more than there were instants. */
function rowsOf(band: Band, toMs: number, bands: readonly Band[], grid: Grid): HeatRow[] {
  const wholeMs = Math.max(1e-6, grid.endMs - (bands[0]?.fromMs ?? 0))
  const spanMs = Math.max(1e-6, toMs - band.fromMs)
  const spare = Math.max(0, grid.rowsMax - bands.length)
  const instants = new Set(band.entries.map(({ ms }) => ms)).size
  const count = Math.min(instants, 1 + Math.floor((spare * spanMs) / wholeMs))
  const cells = Array.from({ length: count }, () =>
    Array.from({ length: grid.columns }, (): Cell => ({})),
  )
  for (const entry of band.entries) {
    const at = Math.floor(((entry.ms - band.fromMs) / spanMs) * count)
    const row = cells[Math.min(count - 1, at)]
    if (row) add(row, entry, grid.pagesPerCell)
  }
  return cells.map((row, at) => {
    const fromMs = band.fromMs + (at * spanMs) / count
    return { band, isFirst: at === 0, fromMs, cells: row }
  })
}

function add(row: Cell[], entry: PageLogEntry, pagesPerCell: number): void {
  const { runs } = entry
  const kind = kindOf(entry)
  for (let at = 0; at < runs.length; at += 2) {
    const first = runs[at] ?? 0
    for (let page = first; page < first + (runs[at + 1] ?? 0); page++) {
      const cell = row[Math.floor(page / pagesPerCell)]
      if (cell) cell[kind] = (cell[kind] ?? 0) + 1
    }
  }
}
