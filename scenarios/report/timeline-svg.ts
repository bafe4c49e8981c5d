// The timeline of a run as one SVG: a lane for each node and each VM, steps as lines across. A VM's
// lane has the colour of the node that it is on, and its name where there is room; what does not
// run is hatched, and every span says on hover what it is. Pure. Not here: how busy the nodes were
// (loads-svg.ts). Units of the picture: CSS pixels; times in ms.

import { plain } from './markup.ts'
import { looksOf, type NodeLook } from './node-colours.ts'
import type { Span, Tracks } from './recording.ts'
import type { Report } from './report.ts'

export const left = 110
export const width = 980
export const right = 16
const laneHeight = 18
const gap = 4
/** So many nodes are drawn, and so many VMs: more are told by their number. */
export const lanesMax = 60

const runs = ['running', 'migrating', 'online']
const quiet = ['fenced', 'gone', 'stopped', 'pending', 'standby', 'off', 'unseen']

export const scaleOf = (totalMs: number) => (ms: number) =>
  left + (ms / Math.max(1, totalMs)) * (width - left - right)

const byName = new Intl.Collator('en', { numeric: true }).compare

export function timelineSvg(report: Report, tracks: Tracks): string {
  const x = scaleOf(report.totalMs)
  const looks = looksOf(tracks.nodes.map(({ id }) => id))
  const vms = [...tracks.vms].sort((a, b) => byName(a.id, b.id)).slice(0, lanesMax)
  const nodes = tracks.nodes.slice(0, lanesMax)
  const rows = [...nodes, ...vms]
  const top = 34
  const lanes = rows.flatMap(({ id, spans }, n) => {
    const isNode = n < nodes.length
    const y = top + n * (laneHeight + gap) + (isNode ? 0 : 10)
    const draw = (span: Span, i: number) => {
      const endMs = spans[i + 1]?.fromMs ?? report.totalMs
      return spanSvg(id, span, {
        x1: x(span.fromMs),
        x2: x(endMs),
        y,
        look: looks(isNode ? id : (span.nodeId ?? '')),
      })
    }
    return [labelSvg(id, y), ...spans.map(draw)]
  })
  const bottom = top + rows.length * (laneHeight + gap) + 10
  const more = [
    ...(tracks.nodes.length > lanesMax ? [`${tracks.nodes.length - lanesMax} more nodes`] : []),
    ...(tracks.vms.length > lanesMax ? [`${tracks.vms.length - lanesMax} more VMs`] : []),
  ].join(' and ')
  const height = bottom + (more ? 16 : 4)
  const note = more ? `<text x="${left}" y="${height - 4}">and ${more}</text>` : ''
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${labelOf(tracks)}">`,
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" ' +
      'patternTransform="rotate(45)"><rect width="3" height="6" fill="var(--card)" ' +
      'opacity=".75"/></pattern></defs>',
    ...axisSvg(report.totalMs, x, bottom),
    ...stepsSvg(report, x, bottom),
    ...lanes,
    note,
    '</svg>',
  ].join('\n')
}

const labelOf = ({ nodes, vms }: Tracks): string =>
  `timeline of ${nodes.length} nodes and ${vms.length} VMs; steps and story tell it in words`

interface Place {
  readonly x1: number
  readonly x2: number
  readonly y: number
  readonly look: NodeLook
}

function spanSvg(id: string, { state, nodeId }: Span, { x1, x2, y, look }: Place): string {
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
  const ink = isPlain ? `style="fill:${look.ink}"` : 'class="off"'
  const words = `<text ${ink} x="${(x1 + 4).toFixed(1)}" y="${y + 13}">`
  const word = hasRoom ? `${words}${plain(text)}</text>` : ''
  const fill = isOff ? 'var(--track)' : look.colour
  return `<g>${title}<rect ${at} fill="${fill}"/>${hatch}${mark}${word}</g>`
}

const labelSvg = (id: string, y: number): string =>
  `<text class="name" x="${left - 8}" y="${y + 13}">${plain(shortName(id))}` +
  `${shortName(id) === id ? '' : `<title>${plain(id)}</title>`}</text>`

/** So many characters have room. Names that begin alike are told apart by their ends. */
const shortName = (id: string): string =>
  id.length <= 14 ? id : `${id.slice(0, 5)}…${id.slice(-7)}`

const [secondMs, minuteMs, hourMs] = [1000, 60_000, 3_600_000]
const tickSteps = [
  ...[100, 250, 500, 1000, 2000, 5000, 10_000, 30_000],
  ...[1, 2, 5, 10, 30].map((minutes) => minutes * minuteMs),
  ...[1, 2, 6, 12, 24, 168, 720].map((hours) => hours * hourMs),
]
const ticksMax = 14

export function axisSvg(totalMs: number, x: (ms: number) => number, bottom: number): string[] {
  const stepMs = tickSteps.find((ms) => totalMs / ms <= ticksMax) ?? 720 * hourMs
  const [unitMs, unit] =
    stepMs < minuteMs ? [secondMs, 's'] : stepMs < hourMs ? [minuteMs, 'min'] : [hourMs, 'h']
  const count = Math.floor(totalMs / stepMs) + 1
  return Array.from({ length: count }, (_, n) => {
    const at = x(n * stepMs).toFixed(1)
    // What would be cut off at the edge ends there.
    const anchor = Number(at) > width - 20 ? ' style="text-anchor:end"' : ''
    return (
      `<line class="tick" x1="${at}" x2="${at}" y1="28" y2="${bottom}"/>` +
      `<text class="axis" x="${at}" y="10"${anchor}>${(n * stepMs) / unitMs} ${unit}</text>`
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
