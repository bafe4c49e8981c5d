// A heat map as a picture with its legend, and the same as a table for who cannot see it. Cells of
// one colour are one path, neighbours one stroke of it, so that a picture stays below 40 KB. Pure.
// Units of the picture: CSS pixels.

import type { PageLog } from '#proto/page-log.ts'
import { bytesText, countText, msText } from '#proto/quantity.ts'
import { pageBytes } from '#proto/units.ts'
import {
  type Cell,
  countOf,
  type HeatMap,
  heatMap,
  kindWords,
  mainKind,
  pagesOf,
  type SendKind,
  sendKinds,
} from './heat-map.ts'
import { plain, table, wide } from './markup.ts'

const left = 140
const width = 980
const right = 16
const top = 22
const rowPx = 11
/** The strip of how often. */
const stripPx = 34
/** The darker, the more of a cell's pages. */
const shades = [0.45, 0.7, 1]
const ticks = 4

/** The picture, what its colours mean, and its table. */
export function heatMapFigure(log: PageLog): string {
  const map = heatMap(log, 128, 36)
  const present = sendKinds.filter((kind) =>
    map.rows.some(({ cells }) => cells.some((cell) => mainKind(cell) === kind)),
  )
  const legend = present.map((kind) => `<li>${swatch(`--${kind}`)}${kindWords[kind]}</li>`)
  const note =
    `Memory from left to right, ${perColumnText(map)}; time from top to ` +
    'bottom, a band for each round. The stronger the colour, the more of the pages.'
  return [
    wide(`pages of ${log.vmId}`, heatMapSvg(log, map)),
    `<ul class="legend">${legend.join('')}</ul><p class="soft">${note}</p>`,
    ...(log.isCut ? ['<p class="bad">The record became too long: its end is missing.</p>'] : []),
    `<details><summary>The same in numbers</summary>`,
    wide(`rounds of ${log.vmId} in numbers`, bandTable(map)),
    `<p>${plain(hottest(map))}</p></details>`,
  ].join('\n')
}

export const perColumnText = ({ pagesPerCell }: HeatMap): string =>
  pagesPerCell === 1 ? 'a page a column' : `${countText(pagesPerCell)} pages a column`

/** @param colour a variable of the page's, or a colour. */
export const swatch = (colour: string): string => {
  const fill = colour.startsWith('--') ? `var(${colour})` : colour
  return `<svg viewBox="0 0 9 9" aria-hidden="true"><rect width="9" height="9" fill="${fill}"/></svg>`
}

function heatMapSvg(log: PageLog, map: HeatMap): string {
  const columns = map.often.length
  const cellPx = (width - left - right) / columns
  const bottom = top + map.rows.length * rowPx
  const high = bottom + 14 + stripPx
  const label = plain(`When which page of ${log.vmId} was sent, and why; in numbers below`)
  return [
    `<svg viewBox="0 0 ${width} ${high}" role="img" aria-label="${label}">`,
    ...axis(log.pageCount, cellPx / map.pagesPerCell, bottom),
    ...bandLines(map),
    `<g transform="translate(${left} ${top}) scale(${cellPx.toFixed(4)} ${rowPx})">`,
    ...cellPaths(map),
    '</g>',
    ...strip(map, cellPx, bottom + 8),
    '</svg>',
  ].join('\n')
}

/** Where in memory. */
function axis(pageCount: number, pxPerPage: number, bottom: number): string[] {
  return Array.from({ length: ticks + 1 }, (_, n) => {
    const page = (pageCount * n) / ticks
    const x = (left + page * pxPerPage).toFixed(1)
    const mib = (page * pageBytes) / (1 << 20)
    const text = Number.isInteger(mib) ? mib : mib.toFixed(1)
    return (
      `<line class="tick" x1="${x}" x2="${x}" y1="${top - 4}" y2="${bottom}"/>` +
      `<text class="axis" x="${x}" y="${top - 8}">${text}${n === 0 ? ' MiB' : ''}</text>`
    )
  })
}

function bandLines({ rows }: HeatMap): string[] {
  return rows.flatMap(({ band, isFirst, fromMs }, at) => {
    if (!isFirst) return []
    const y = top + at * rowPx
    const text = `${band.label}, ${msText(fromMs)}`
    return [
      `<line class="tick" x1="4" x2="${width - right}" y1="${y}" y2="${y}"/>`,
      `<text class="name" x="${left - 8}" y="${y + 9.5}">${text}</text>`,
    ]
  })
}

/** For each colour one path of all its cells; a unit is a cell. */
function cellPaths({ rows, pagesPerCell }: HeatMap): string[] {
  const paths = new Map<string, string[]>()
  rows.forEach(({ cells }, y) => {
    for (let x = 0; x < cells.length; ) {
      const look = lookOf(cells[x] ?? {}, pagesPerCell)
      let end = x + 1
      while (end < cells.length && lookOf(cells[end] ?? {}, pagesPerCell) === look) end++
      if (look) {
        const path = paths.get(look) ?? []
        paths.set(look, path)
        path.push(`M${x} ${y}h${end - x}v1h-${end - x}z`)
      }
      x = end
    }
  })
  return [...paths].map(([look, parts]) => {
    const [kind = '', shade = ''] = look.split(' ')
    const title = `<title>${plain(kindWords[kind as SendKind])}</title>`
    const colour = `fill="var(--${kind})" fill-opacity="${shade}"`
    return `<path ${colour} d="${parts.join('')}">${title}</path>`
  })
}

/** Colour and how strong it is; nothing was sent: undefined. */
function lookOf(cell: Cell, pagesPerCell: number): string | undefined {
  const kind = mainKind(cell)
  if (!kind) return undefined
  if (kind === 'named') return 'named 1'
  const part = (pagesOf(cell) - (cell.named ?? 0)) / pagesPerCell
  const at = Math.min(shades.length - 1, Math.floor(part * shades.length))
  return `${kind} ${shades[at]}`
}

/** How often the pages of each column were sent: what a VM writes again and again stands out. */
function strip({ often }: HeatMap, cellPx: number, y: number): string[] {
  const most = Math.max(1, ...often)
  const bottom = y + stripPx
  const steps = often.map((times, column) => {
    const top = (bottom - (times / most) * stripPx).toFixed(1)
    return `V${top}H${(left + (column + 1) * cellPx).toFixed(1)}`
  })
  const skyline = `M${left} ${bottom}${steps.join('')}V${bottom}z`
  return [
    `<text class="name" x="${left - 8}" y="${y + 9}">${timesText(most)} sent</text>`,
    `<text class="name" x="${left - 8}" y="${y + stripPx}">never</text>`,
    `<path fill="var(--soft)" d="${skyline}"><title>how often it was sent</title></path>`,
  ]
}

const timesText = (times: number): string => `${Math.round(times * 10) / 10} ×`

const bandTable = ({ bands }: HeatMap): string =>
  table(
    ['=part', '#began', '#pages', '#of them only named', '#bytes'],
    bands.map(({ label, fromMs, entries }) => {
      const named = entries.filter(({ encoding }) => encoding === 'zero' || encoding === 'held')
      const pages = (all: typeof entries) => all.reduce((sum, { runs }) => sum + countOf(runs), 0)
      return [
        ...[label, `#${msText(fromMs)}`, `#${countText(pages(entries))}`],
        ...[`#${countText(pages(named))}`],
        `#${bytesText(entries.reduce((sum, { bytes }) => sum + bytes, 0))}`,
      ]
    }),
  )

function hottest({ often, pagesPerCell }: HeatMap): string {
  const most = Math.max(0, ...often)
  const first = often.indexOf(most) * pagesPerCell
  if (most <= 1) return 'No part of memory was sent more than once.'
  const last = first + pagesPerCell - 1
  const which =
    first === last ? `page ${countText(first)}` : `pages ${countText(first)} to ${countText(last)}`
  return `Sent most often: ${which}, ${timesText(most)} on the average.`
}
