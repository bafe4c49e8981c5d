// The timeline of a run as one SVG: a lane for each node and each VM, steps as lines across, and
// how busy the nodes were. A VM's lane has the colour of the node that it is on; what does not run
// is hatched, and every span says on hover what it is. Colours are Okabe and Ito's, which the
// colour-blind tell apart (2008). Pure. Units of the picture: CSS pixels; times in ms.

import { plain } from './markup.ts'
import type { Span, Tracks } from './recording.ts'
import type { Report } from './report.ts'

const left = 110
const width = 980
const laneHeight = 18
const gap = 4
const vmsMax = 60
const nodeColours = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#a09000']

const runs = ['running', 'migrating', 'online']
const quiet = ['fenced', 'gone', 'stopped', 'pending', 'standby', 'off']

export function timelineSvg(report: Report, tracks: Tracks): string {
  const x = (ms: number) => left + (ms / report.totalMs) * (width - left - 10)
  const colours = new Map(
    tracks.nodes.map(({ id }, n) => [id, nodeColours[n % nodeColours.length]]),
  )
  const vms = tracks.vms.slice(0, vmsMax)
  const rows = [...tracks.nodes, ...vms]
  const top = 34
  const lanes = rows.flatMap(({ id, spans }, n) => {
    const y = top + n * (laneHeight + gap) + (n >= tracks.nodes.length ? 10 : 0)
    const isNode = n < tracks.nodes.length
    const draw = (span: Span, i: number) => {
      const endMs = spans[i + 1]?.fromMs ?? report.totalMs
      const colour = colours.get(isNode ? id : (span.nodeId ?? '')) ?? 'var(--soft)'
      return spanSvg(id, span, { x1: x(span.fromMs), x2: x(endMs), y, colour })
    }
    return [labelSvg(id, y), ...spans.map(draw)]
  })
  const bottom = top + rows.length * (laneHeight + gap) + 10
  const loads = loadsSvg(tracks, bottom + 8, x, colours)
  const height = bottom + 96
  const more = tracks.vms.length - vms.length
  const note = more > 0 ? `<text x="${left}" y="${height - 4}">and ${more} more VMs</text>` : ''
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="timeline of nodes and VMs">`,
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" ' +
      'patternTransform="rotate(45)"><rect width="3" height="6" fill="var(--card)" ' +
      'opacity=".75"/></pattern></defs>',
    ...axisSvg(report.totalMs, x, bottom),
    ...stepsSvg(report, x, bottom),
    ...lanes,
    ...loads,
    note,
    '</svg>',
  ].join('\n')
}

interface Place {
  readonly x1: number
  readonly x2: number
  readonly y: number
  readonly colour: string
}

function spanSvg(id: string, { state, nodeId }: Span, { x1, x2, y, colour }: Place): string {
  const w = Math.max(0.5, x2 - x1).toFixed(1)
  const at = `x="${x1.toFixed(1)}" y="${y}" width="${w}" height="${laneHeight}"`
  const title = `<title>${plain(`${id} is ${state}${nodeId ? ` on ${nodeId}` : ''}`)}</title>`
  const isOff = quiet.includes(state)
  const isPlain = runs.includes(state)
  const hatch = isPlain || isOff ? '' : `<rect ${at} fill="url(#hatch)"/>`
  const mark = state === 'migrating' ? `<rect ${at} fill="none" stroke="var(--ink)"/>` : ''
  const text = nodeId && isPlain ? nodeId : state
  // A word only where there is room for it.
  const hasRoom = x2 - x1 > 7 * text.length + 8
  const words = `<text class="${isPlain ? 'in' : 'off'}" x="${(x1 + 4).toFixed(1)}" y="${y + 13}">`
  const word = hasRoom ? `${words}${plain(text)}</text>` : ''
  const fill = isOff ? 'var(--track)' : colour
  return `<g>${title}<rect ${at} fill="${fill}"/>${hatch}${mark}${word}</g>`
}

const labelSvg = (id: string, y: number): string =>
  `<text class="name" x="${left - 8}" y="${y + 13}">${plain(id.slice(0, 15))}</text>`

function axisSvg(totalMs: number, x: (ms: number) => number, bottom: number): string[] {
  const steps = [100, 250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000]
  const stepMs = steps.find((ms) => totalMs / ms <= 14) ?? 600_000
  const count = Math.floor(totalMs / stepMs) + 1
  return Array.from({ length: count }, (_, n) => {
    const at = x(n * stepMs).toFixed(1)
    return (
      `<line class="tick" x1="${at}" x2="${at}" y1="28" y2="${bottom}"/>` +
      `<text class="axis" x="${at}" y="10">${(n * stepMs) / 1000} s</text>`
    )
  })
}

/** Numbered as in the list beside it, where there is room; waiting is no news. */
function stepsSvg({ steps }: Report, x: (ms: number) => number, bottom: number): string[] {
  let lastX = Number.NEGATIVE_INFINITY
  return steps.flatMap(({ sentence, atMs }, n) => {
    if (atMs === undefined || /^wait /.test(sentence)) return []
    const at = x(atMs)
    const hasRoom = at - lastX > 14
    if (hasRoom) lastX = at
    const place = at.toFixed(1)
    const number = hasRoom ? `<text class="step" x="${place}" y="24">${n + 1}</text>` : ''
    const line = `<line class="step" x1="${place}" x2="${place}" y1="28" y2="${bottom}"/>`
    return `<g><title>${plain(sentence)}</title>${line}${number}</g>`
  })
}

function loadsSvg(
  { loads }: Tracks,
  top: number,
  x: (ms: number) => number,
  colours: ReadonlyMap<string, string | undefined>,
): string[] {
  const height = 70
  const most = Math.max(100, ...loads.flatMap(({ samples }) => samples.map((s) => s.percent)))
  const y = (percent: number) => top + height - (percent / most) * height
  const lines = loads.map(({ id, samples }) => {
    const points = samples.map((s) => `${x(s.atMs).toFixed(1)},${y(s.percent).toFixed(1)}`)
    const colour = colours.get(id) ?? 'var(--soft)'
    return (
      `<g><title>load of ${plain(id)}</title>` +
      `<polyline fill="none" stroke="${colour}" points="${points.join(' ')}"/></g>`
    )
  })
  return [
    `<text class="name" x="${left - 8}" y="${top + 8}">load ${Math.round(most)} %</text>`,
    `<text class="name" x="${left - 8}" y="${top + height}">0 %</text>`,
    `<line class="tick" x1="${left}" x2="${width - 10}" y1="${y(100)}" y2="${y(100)}"/>`,
    ...lines,
  ]
}
