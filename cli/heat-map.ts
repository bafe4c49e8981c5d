// The pages of a migration as text for a terminal, or as one HTML file without network: the grid of
// scenarios/report/heat-map.ts, drawn. Pure. Not here: reading and writing files
// (commands/heat-map.ts).

import type { PageLog } from '#proto/page-log.ts'
import { bytesText, countText, msText } from '#proto/quantity.ts'
import { type Cell, heatMap, mainKind, pagesOf, type SendKind } from '#scenarios/report/heat-map.ts'
import { heatMapFigure, perColumnText } from '#scenarios/report/heat-map-svg.ts'
import { plain, section } from '#scenarios/report/markup.ts'
import { pageHtml } from '#scenarios/report/page.ts'

const shades = ['░', '▒', '▓', '█']
/** Which round it was stands before the row. */
const letters: Partial<Record<SendKind, string>> = {
  ...{ named: '·', last: 'L', 'waited-for': 'W', fetched: 'f' },
}
const labelWidth = 13

export function heatMapText(log: PageLog, columns: number, rows: number): string {
  const map = heatMap(log, columns, rows)
  const lines = map.rows.map(({ band, isFirst, fromMs, cells }) => {
    const label = (isFirst ? band.label : '').padEnd(labelWidth)
    const signs = cells.map((cell) => sign(cell, map.pagesPerCell)).join('')
    return `${label}${msText(fromMs).padStart(8)} │${signs}│`
  })
  const legend = '░▒▓█ sent; · only named; L in the last round; W waited for; f fetched.'
  return [summaryText(log), ...lines, `${legend} ${perColumnText(map)}`].join('\n')
}

function sign(cell: Cell, pagesPerCell: number): string {
  const kind = mainKind(cell)
  if (!kind) return ' '
  const shade = Math.ceil((shades.length * (pagesOf(cell) - (cell.named ?? 0))) / pagesPerCell)
  return letters[kind] ?? shades[Math.min(shades.length, shade) - 1] ?? ' '
}

export function summaryText({ vmId, migrationId, pageCount, entries, isCut }: PageLog): string {
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0)
  const rounds = new Set(entries.filter(({ why }) => why === 'round').map(({ round }) => round))
  const cut = isCut ? '; it was too long, and its end is missing' : ''
  const pages = `${countText(pageCount)} pages of ${vmId} in ${migrationId}`
  const roundsText = rounds.size === 1 ? '1 round' : `${rounds.size} rounds`
  return `${pages}: ${roundsText}, ${bytesText(bytes)}${cut}`
}

export function heatMapHtml(log: PageLog): string {
  const title = summaryText(log)
  return pageHtml(title, [
    `<h1>${plain(title)}</h1>`,
    section('Which page was sent when, and why', heatMapFigure(log)),
  ])
}
