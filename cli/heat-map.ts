// The pages of a migration as a picture: memory from left to right, time from top to bottom, colour
// by how often what is in a cell was sent, and why last. Pure: a page log in, text or one HTML file
// without network out. Not here: reading and writing files (commands/heat-map.ts).

import { type PageLog, type PageLogEntry, type SendReason, sendReasons } from '#proto/page-log.ts'
import { bytesText, countText, msText } from '#proto/quantity.ts'

/** One cell: pages sent in it, by why. */
type Cell = Partial<Record<SendReason, number>>

export interface HeatMap {
  readonly rows: readonly (readonly Cell[])[]
  readonly pagesPerCell: number
  readonly msPerRow: number
  /** The most in one cell. */
  readonly most: number
}

export function heatMap(log: PageLog, columns: number, rowCount: number): HeatMap {
  const endMs = Math.max(1, ...log.entries.map(({ ms }) => ms))
  const width = Math.min(columns, log.pageCount)
  const pagesPerCell = Math.ceil(log.pageCount / width)
  const msPerRow = endMs / rowCount
  const rows: Cell[][] = Array.from({ length: rowCount }, () =>
    Array.from({ length: Math.ceil(log.pageCount / pagesPerCell) }, () => ({})),
  )
  for (const entry of log.entries) {
    const row = rows[Math.min(rowCount - 1, Math.floor(entry.ms / msPerRow))]
    if (row) add(row, entry, pagesPerCell)
  }
  const most = Math.max(1, ...rows.flat().map(pagesOf))
  return { rows, pagesPerCell, msPerRow, most }
}

function add(row: Cell[], { runs, why }: PageLogEntry, pagesPerCell: number): void {
  for (let at = 0; at < runs.length; at += 2) {
    const first = runs[at] ?? 0
    for (let page = first; page < first + (runs[at + 1] ?? 0); page++) {
      const cell = row[Math.floor(page / pagesPerCell)]
      if (cell) cell[why] = (cell[why] ?? 0) + 1
    }
  }
}

const pagesOf = (cell: Cell): number => sendReasons.reduce((sum, why) => sum + (cell[why] ?? 0), 0)

/** What most of a cell was sent for; a page that was waited for is never out of sight. */
function mainReason(cell: Cell): SendReason | undefined {
  if (cell['waited-for']) return 'waited-for'
  const sent = sendReasons.filter((why) => cell[why])
  return sent.sort((a, b) => (cell[b] ?? 0) - (cell[a] ?? 0))[0]
}

const reasonWords: Record<SendReason, string> = {
  round: 'in a round, while the VM ran here',
  last: 'in the last round, while it stood still',
  'waited-for': 'post-copy: it waited for them there',
  fetched: 'post-copy: fetched in the background',
}

// ---- text ---------------------------------------------------------------------------------------

const shades = ['░', '▒', '▓', '█']
const letters: Record<SendReason, string | undefined> = {
  round: undefined,
  last: 'L',
  'waited-for': 'W',
  fetched: 'f',
}

export function heatMapText(log: PageLog, columns: number, rows: number): string {
  const map = heatMap(log, columns, rows)
  const label = (at: number) => msText(at * map.msPerRow).padStart(9)
  const lines = map.rows.map((row, at) => `${label(at)} │${row.map((c) => sign(c, map)).join('')}│`)
  const cell = `${countText(map.pagesPerCell)} pages a column, ${msText(map.msPerRow)} a row`
  const legend = `░▒▓█ sent in a round; L the last one; W waited for; f fetched. ${cell}`
  return [summaryText(log), ...lines, legend].join('\n')
}

function sign(cell: Cell, { pagesPerCell }: HeatMap): string {
  const why = mainReason(cell)
  if (!why) return ' '
  const shade = Math.ceil((shades.length * pagesOf(cell)) / pagesPerCell)
  return letters[why] ?? shades[Math.min(shades.length, shade) - 1] ?? ' '
}

export function summaryText({ vmId, migrationId, pageCount, entries, isCut }: PageLog): string {
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0)
  const rounds = new Set(entries.filter(({ why }) => why === 'round').map(({ round }) => round))
  const cut = isCut ? '; it was too long, and its end is missing' : ''
  const pages = `${countText(pageCount)} pages of ${vmId} in ${migrationId}`
  const roundsText = rounds.size === 1 ? '1 round' : `${rounds.size} rounds`
  return `${pages}: ${roundsText}, ${bytesText(bytes)}${cut}`
}

// ---- HTML ---------------------------------------------------------------------------------------

/** Told apart by lightness too: for eyes that see no colours. */
const colours: Record<SendReason, string> = {
  round: '#2f6fb0',
  last: '#d1495b',
  'waited-for': '#111111',
  fetched: '#e0a030',
}
const cellPx = { wide: 6, high: 10 }
const marginPx = 70

export function heatMapHtml(log: PageLog): string {
  const map = heatMap(log, 192, 64)
  const wide = marginPx + (map.rows[0]?.length ?? 0) * cellPx.wide
  const high = map.rows.length * cellPx.high
  const title = escaped(summaryText(log))
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<style>
body { font: 14px system-ui, sans-serif; margin: 24px; background: #fff; color: #222 }
svg { border: 1px solid #bbb; max-width: 100% } text { font-size: 10px; fill: #555 }
li { list-style: none } i { display: inline-block; width: 1em; height: 1em; margin-right: .5em }
</style></head><body>
<h1>${title}</h1>
<p>Memory from left to right (${countText(map.pagesPerCell)} pages a column), time from top to
bottom (${msText(map.msPerRow)} a row). The darker, the more of a cell's pages were sent.</p>
<ul>${sendReasons.map(legendOf).join('')}</ul>
<svg viewBox="0 0 ${wide} ${high}" width="${wide}" role="img" aria-label="${title}">
${map.rows.map((row, at) => rowSvg(row, at, map)).join('\n')}
</svg></body></html>
`
}

const legendOf = (why: SendReason): string =>
  `<li><i style="background:${colours[why]}"></i>${reasonWords[why]}</li>`

function rowSvg(row: readonly Cell[], at: number, map: HeatMap): string {
  const y = at * cellPx.high
  const label = at % 8 === 0 ? `<text x="4" y="${y + 9}">${msText(at * map.msPerRow)}</text>` : ''
  const cells = row.flatMap((cell, column) => {
    const why = mainReason(cell)
    if (!why) return []
    const opacity = Math.min(1, 0.25 + (0.75 * pagesOf(cell)) / map.pagesPerCell).toFixed(2)
    const x = marginPx + column * cellPx.wide
    const box = `x="${x}" y="${y}" width="${cellPx.wide}" height="${cellPx.high}"`
    return [`<rect ${box} fill="${colours[why]}" fill-opacity="${opacity}"/>`]
  })
  return label + cells.join('')
}

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
