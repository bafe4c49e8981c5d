// Pictures of an experiment as SVG: medians as dots with their intervals, a row a variant; and how
// many nodes were on over the day, a line a variant. The same numbers stand in tables beside them.
// Pure. CSS pixels.

import { plain, wide } from '../report/markup.ts'
import { looksOf } from '../report/node-colours.ts'
import type { Outcome } from './experiment.ts'
import { estimateText, type MeasureText } from './measure-text.ts'
import type { VariantSummary } from './summary.ts'

const width = 980
const left = 190
const right = 24
const rowHeight = 20
const top = 24

/** Steps of 1, 2 or 5 times a power of ten, about five of them. */
export function ticksOf(most: number): number[] {
  if (!(most > 0)) return [0]
  const rough = most / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10) * power
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) =>
    Number((i * step).toPrecision(12)),
  )
}

export function markupOfDots(text: MeasureText, rows: readonly VariantSummary[]): string {
  const most = Math.max(0, ...rows.map(({ estimates }) => estimates[text.key].high)) * 1.02
  const x = (value: number) => (left + (value / (most || 1)) * (width - left - right)).toFixed(1)
  const height = top + rows.length * rowHeight + 8
  const ticks = ticksOf(most).map(
    (tick) =>
      `<line class="tick" x1="${x(tick)}" x2="${x(tick)}" y1="${top - 6}" y2="${height}"/>` +
      `<text class="axis" x="${x(tick)}" y="${top - 10}">${text.number(tick)}</text>`,
  )
  const lines = rows.map(({ variant, estimates }, row) => {
    const y = top + row * rowHeight + 10
    const { median, low, high } = estimates[text.key]
    return [
      `<text class="name" x="${left - 10}" y="${y + 4}">${plain(variant)}</text>`,
      `<g><title>${plain(`${variant}: ${estimateText(text, estimates[text.key])}`)}</title>`,
      `<line x1="${x(low)}" x2="${x(high)}" y1="${y}" y2="${y}" stroke="var(--first)" ` +
        'stroke-width="2"/>',
      `<circle cx="${x(median)}" cy="${y}" r="4" fill="var(--first)"/></g>`,
    ].join('')
  })
  const label = `${text.title} of each variant; in numbers above`
  return pictureOf(label, height, [...ticks, ...lines])
}

/** More lines than this nobody can follow. */
const linesMax = 7
const lineHeight = 180
const preferred = ['dvfs', 'thr-mmt', 'iqr-mmt', 'mad-mmt', 'lr-mmt', 'lr-rs', 'lr-mu']

/** NPA has all nodes on all day long: beside it nothing else can be seen. */
function shownOf(variants: readonly string[]): readonly string[] {
  const known = preferred.filter((one) => variants.includes(one))
  const others = variants.filter((one) => !known.includes(one) && one !== 'npa')
  return [...known, ...others].slice(0, linesMax)
}

/** Of the first day and the first seed. */
export function markupOfLines(variants: readonly string[], outcomes: readonly Outcome[]): string {
  const first = outcomes[0]
  const shown = shownOf(variants)
  const lines = outcomes.filter(
    ({ variant, day, seed }) =>
      day === first?.day && seed === first.seed && shown.includes(variant),
  )
  const looks = looksOf(shown)
  const most = Math.max(1, ...lines.flatMap(({ nodesOn }) => nodesOn))
  const y = (nodes: number) => (top + lineHeight - (nodes / most) * lineHeight).toFixed(1)
  const hours = Math.max(...lines.map((one) => (one.nodesOn.length * one.lookEverySec) / 3600))
  const x = (hour: number) => (left + (hour / (hours || 1)) * (width - left - right)).toFixed(1)
  const drawn = lines.map(({ variant, nodesOn, lookEverySec }) => {
    const at = (i: number) => x(((i + 1) * lookEverySec) / 3600)
    const points = nodesOn.map((nodes, i) => `${at(i)},${y(nodes)}`).join(' ')
    const { colour, dash } = looks(variant)
    const look = `fill="none" stroke="${colour}" stroke-width="1.7" stroke-dasharray="${dash}"`
    return `<g><title>${plain(variant)}</title><polyline ${look} points="${points}"/></g>`
  })
  const ticks = ticksOf(most).map(
    (tick) =>
      `<line class="tick" x1="${left}" x2="${width - right}" y1="${y(tick)}" y2="${y(tick)}"/>` +
      `<text class="name" x="${left - 8}" y="${Number(y(tick)) + 4}">${tick}</text>`,
  )
  const hourTicks = ticksOf(hours).map(
    (hour) =>
      `<line class="tick" x1="${x(hour)}" x2="${x(hour)}" y1="${top - 4}" y2="${y(0)}"/>` +
      `<text class="axis" x="${x(hour)}" y="${top - 8}">${hour} h</text>`,
  )
  const legend = lines.map(({ variant }) => {
    const { colour, dash } = looks(variant)
    const look = `stroke="${colour}" stroke-width="3" stroke-dasharray="${dash}"`
    const line = `<line x1="0" x2="24" y1="6" y2="6" ${look}/>`
    return `<li><svg viewBox="0 0 24 12">${line}</svg>${plain(variant)}</li>`
  })
  const picture = pictureOf('nodes that were on over the day', top + lineHeight + 8, [
    ...ticks,
    ...hourTicks,
    ...drawn,
  ])
  const when = `<p class="soft">${plain(first?.day ?? '')}, after each round</p>`
  return `${when}${picture}<ul class="legend">${legend.join('')}</ul>`
}

const pictureOf = (label: string, height: number, parts: readonly string[]): string =>
  wide(
    label,
    [
      `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${plain(label)}">`,
      ...parts,
      '</svg>',
    ].join('\n'),
  )
