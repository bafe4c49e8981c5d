// One graph of loads over time, drawn by uPlot in the page's own colours, which are those of light
// or dark at the time. Comes when the first graph is looked at (parts/load-graphs.tsx). Not here:
// which lines there are (loads.ts).

import uPlot from 'uplot'
import { countText } from '#proto/quantity.ts'
import type { EventTone } from './cluster-model.ts'
import { type Ink, inkOf } from './ink.ts'
import type { Graph, Mark } from './loads-model.ts'

const yAxisWide = 62
const xAxisHigh = 22
/** Whole numbers, without their unit: that stands beside the title. */
const steps = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power))

/** Fewer minutes than that are not stretched over all of it. */
const secondsMin = 120

export interface LoadPlot {
  show(graph: Graph, wallMs: readonly number[], marks: readonly Mark[]): void
  dispose(): void
}

const names = ['soft', 'line', 'load', 'load-wash', 'accent', 'good', 'doubt', 'bad'] as const
type Inks = Ink<(typeof names)[number]>

const toneInk: Record<EventTone, keyof Inks> = {
  ...{ good: 'good', bad: 'bad', doubt: 'doubt', move: 'accent', plain: 'soft' },
}

/**
 * @param onPoint the place in the data that is pointed at; undefined: none is. @param group of
 * graphs that are pointed at together
 */
export function openPlot(
  box: HTMLElement,
  group: string,
  onPoint: (at: number | undefined) => void,
): LoadPlot {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  let shown: Parameters<LoadPlot['show']> | undefined
  let plot: uPlot | undefined
  const close = () => {
    plot?.destroy()
    plot = undefined
  }
  const draw = () => {
    if (!shown || box.clientWidth === 0) return
    const [graph, wallMs] = shown
    const times = wallMs.map((ms) => ms / 1000)
    const data = [times, ...graph.lines.map(([, values]) => values)] as uPlot.AlignedData
    const now = () => shown ?? [graph, wallMs, []]
    plot ??= new uPlot(options(box, now, group, onPoint), undefined, box)
    plot.setData(data)
  }
  const anew = () => {
    close()
    draw()
  }
  const size = new ResizeObserver(() =>
    plot ? plot.setSize({ width: box.clientWidth, height: box.clientHeight }) : draw(),
  )
  size.observe(box)
  dark.addEventListener('change', anew)
  return {
    show: (...now) => {
      shown = now
      draw()
    },
    dispose: () => {
      size.disconnect()
      dark.removeEventListener('change', anew)
      close()
    },
  }
}

function options(
  box: HTMLElement,
  now: () => Parameters<LoadPlot['show']>,
  group: string,
  onPoint: (at: number | undefined) => void,
): uPlot.Options {
  const ink = inkOf(box, names)
  const soft = ink.soft
  const grid = { stroke: ink.line, width: 1 }
  const axis = { ...{ stroke: soft, grid, ticks: { show: false } }, font: '11px system-ui' }
  return {
    ...{ width: box.clientWidth, height: box.clientHeight, legend: { show: false } },
    padding: [6, 2, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: group } },
    scales: {
      x: { range: (_, first, last) => [Math.min(first, last - secondsMin), last] },
      y: { range: (_, _least, most) => [0, heightOf(now()[0], most)] },
    },
    axes: [
      { ...axis, size: xAxisHigh, space: 70, values: timesText },
      { ...axis, size: yAxisWide, space: 26, incrs: steps.flat(), values: numbersText },
    ],
    series: [
      {},
      { stroke: ink.load, fill: ink['load-wash'], width: 1.5, points: { show: false } },
      { stroke: ink.accent, width: 1.5, dash: [5, 3], points: { show: false } },
    ].slice(0, now()[0].lines.length + 1),
    hooks: {
      draw: [(plot) => drawMarks(plot, now()[2], ink)],
      setCursor: [({ cursor }) => onPoint(cursor.idx ?? undefined)],
    },
  }
}

/** A little air above; and a line of nothing lies at the bottom. */
const heightOf = ({ max = 0 }: Graph, most: number): number => Math.max(max, (most || 0) * 1.08, 1)

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short', hour12: false })
const exactClock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hour12: false })
const timesText: uPlot.Axis.Values = (_, seconds, _at, _space, stepSec) =>
  seconds.map((each) => (stepSec < 60 ? exactClock : clock).format(each * 1000))

const numbersText: uPlot.Axis.Values = (_, numbers) => numbers.map(countText)

function drawMarks(plot: uPlot, marks: readonly Mark[], ink: Inks): void {
  const { ctx, bbox, scales } = plot
  const from = scales.x?.min ?? 0
  ctx.save()
  ctx.lineWidth = devicePixelRatio
  ctx.setLineDash([2 * devicePixelRatio, 2 * devicePixelRatio])
  for (const { wallMs, tone } of marks) {
    if (wallMs / 1000 < from) continue
    const x = Math.round(plot.valToPos(wallMs / 1000, 'x', true)) + 0.5
    if (x > bbox.left + bbox.width) continue
    ctx.strokeStyle = ink[toneInk[tone]]
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
  }
  ctx.restore()
}
