// How busy the nodes were over time: stairs for each, on the time axis of
// the timeline; and the same as a table. Demand in percent of all cores of a node: more than 100 %
// is asked for in vain. Pure. Units of the picture: CSS pixels; times in ms of the run.

import { percentText } from '#proto/quantity.ts'
import { durationText } from '../language/quantities.ts'
import { swatch } from './heat-map-svg.ts'
import { plain, table, wide } from './markup.ts'
import { type Looks, looksOf } from './node-colours.ts'
import type { Span, Tracks } from './recording.ts'
import { axisSvg, lanesMax, left, right, scaleOf, width } from './timeline-svg.ts'

const top = 28
const height = 130
/** Of a line: about one for each pixel that it is wide. */
const pointsMax = 300

type Sample = Tracks['loads'][number]['samples'][number]
/** What is known without a break, and to when. */
interface Part {
  readonly samples: Sample[]
  toMs: number
}
interface Load {
  readonly id: string
  /** Nothing is known of a node that is not heard of. */
  readonly parts: readonly Part[]
}

export function loadsFigure({ nodes, loads: all }: Tracks, totalMs: number): string {
  const looks = looksOf(nodes.map(({ id }) => id))
  const loads = all.slice(0, lanesMax).map(({ id, samples }) => {
    const spans = nodes.find((node) => node.id === id)?.spans ?? []
    return { id, parts: partsOf(samples, spans, totalMs) }
  })
  const legend = loads.map(({ id }) => `<li>${swatch(looks(id).colour)}${plain(id)}</li>`)
  return [
    wide('load of the nodes', loadsSvg(loads, looks, totalMs)),
    `<ul class="legend">${legend.join('')}</ul>`,
    '<details><summary>The same in numbers</summary>',
    wide('load of the nodes in numbers', loadTable(loads)),
    '</details>',
    all.length > lanesMax ? `<p class="soft">and ${all.length - lanesMax} more nodes</p>` : '',
  ].join('\n')
}

const unheard = ['unreachable', 'fencing', 'fenced', 'gone', 'unseen']

function partsOf(samples: readonly Sample[], spans: readonly Span[], totalMs: number): Part[] {
  const silent = spans.filter(({ state }) => unheard.includes(state))
  const parts: Part[] = []
  let endsAtMs = Number.NEGATIVE_INFINITY
  for (const sample of samples) {
    const now = spans.findLast(({ fromMs }) => fromMs <= sample.atMs)
    if (now && unheard.includes(now.state)) continue
    if (sample.atMs >= endsAtMs) {
      endsAtMs = silent.find(({ fromMs }) => fromMs > sample.atMs)?.fromMs ?? Infinity
      parts.push({ samples: [], toMs: Math.min(endsAtMs, totalMs) })
    }
    parts.at(-1)?.samples.push(sample)
  }
  return parts
}

function loadsSvg(loads: readonly Load[], looks: Looks, totalMs: number): string {
  const x = scaleOf(totalMs)
  const most = loads.reduce((highest, { parts }) => Math.max(highest, mostOf(parts)), 100)
  const y = (percent: number) => top + height - (percent / most) * height
  // Where there is room for their words.
  const marks = [
    0,
    ...(most < 500 ? [50] : []),
    ...(most < 1000 ? [100] : []),
    ...(most > 120 ? [most] : []),
  ]
  return [
    `<svg viewBox="0 0 ${width} ${top + height + 8}" role="img" ` +
      'aria-label="load of the nodes over time; in numbers below">',
    ...axisSvg(totalMs, x, top + height),
    ...marks.map(
      (percent) =>
        `<line class="tick" x1="${left}" x2="${width - right}" y1="${y(percent)}" y2="${y(percent)}"/>` +
        `<text class="name" x="${left - 8}" y="${y(percent) + 4}">${percentText(percent)}</text>`,
    ),
    ...loads.map((load) => lineSvg(load, looks, x, y)),
    '</svg>',
  ].join('\n')
}

function lineSvg(
  { id, parts }: Load,
  looks: Looks,
  x: (ms: number) => number,
  y: (percent: number) => number,
): string {
  const { colour, dash } = looks(id)
  const look = `fill="none" stroke="${colour}" stroke-width="1.7" stroke-dasharray="${dash}"`
  const title = `<title>load of ${plain(id)}</title>`
  const lines = parts.map(({ samples, toMs }) => {
    const [first, ...rest] = fewer(samples, Math.ceil(pointsMax / parts.length))
    if (!first) return ''
    const begin = `M${x(first.atMs).toFixed(1)} ${y(first.percent).toFixed(1)}`
    const stairs = rest.map((s) => `H${x(s.atMs).toFixed(1)}V${y(s.percent).toFixed(1)}`)
    return `<path ${look} d="${begin}${stairs.join('')}H${x(toMs).toFixed(1)}"/>`
  })
  return `<g>${title}${lines.join('')}</g>`
}

/** The busiest of each stretch: a peak that was there is seen, however long the run. */
function fewer(samples: readonly Sample[], most: number): readonly Sample[] {
  if (samples.length <= most) return samples
  const stretch = samples.length / most
  return Array.from({ length: most }, (_, n) =>
    busiest(samples.slice(Math.floor(n * stretch), Math.floor((n + 1) * stretch))),
  )
}

const busiest = (samples: readonly Sample[]): Sample =>
  samples.reduce((a, b) => (b.percent > a.percent ? b : a), { atMs: 0, percent: -1 })

const samplesOf = (parts: Load['parts']): Sample[] => parts.flatMap(({ samples }) => samples)

const mostOf = (parts: Load['parts']): number => Math.max(0, busiest(samplesOf(parts)).percent)

/** A sample is true until the next one: in a quiet cluster there are few. */
function meanOf(parts: Load['parts']): number {
  let [area, ms] = [0, 0]
  for (const { samples, toMs } of parts)
    for (const [n, { atMs, percent }] of samples.entries()) {
      const lastedMs = (samples[n + 1]?.atMs ?? toMs) - atMs
      area += percent * lastedMs
      ms += lastedMs
    }
  return area / Math.max(1, ms)
}

const loadTable = (loads: readonly Load[]): string =>
  table(
    ['=node', '#on the average', '#at most', '#that was at'],
    loads.map(({ id, parts }) => {
      const samples = samplesOf(parts)
      const most = samples.length > 0 ? busiest(samples) : { atMs: 0, percent: 0 }
      return [
        ...[id, `#${percentText(meanOf(parts))}`],
        ...[`#${percentText(most.percent)}`, `#${durationText(most.atMs)}`],
      ]
    }),
  )
