// Graphs of loads over time, as data: lines over the same times, what changed then, and what a
// graph says to who does not see it. Pure. Not here: where they come from (loads.ts), how they are
// drawn (load-plot.ts).

import type { EventView } from '#proto/api.ts'
import { type EventTone, toneOf } from './cluster-model.ts'

/** null: not known then. */
export type Values = readonly (number | null)[]

/** Lines over the same times: the first is filled, the second dashed. */
export interface Graph {
  readonly title: string
  readonly lines: readonly (readonly [name: string, values: Values])[]
  readonly text: (value: number) => string
  /** What it can be at most; absent: as high as it was. */
  readonly max?: number
}

export interface Loads {
  readonly wallMs: readonly number[]
  readonly graphs: readonly Graph[]
}

/** Something has changed then. */
export interface Mark {
  readonly wallMs: number
  readonly tone: EventTone
}

/** It moved, came, went or failed: where a line changes, that is why. */
const changing = /^vm-(running|stopped|crashed|failed|recover|took)|^(migration|clone)-done|^node-/

export const marksOf = (
  events: readonly EventView[],
  isMeant: (event: EventView) => boolean,
): readonly Mark[] =>
  events
    .filter((event) => changing.test(event.kind) && isMeant(event))
    .map((event) => ({ wallMs: event.wallMs, tone: toneOf(event) }))

/** What a graph says in words. */
export function graphText({ title, lines, text }: Graph, wallMs: readonly number[]): string {
  const minutes = Math.round(((wallMs.at(-1) ?? 0) - (wallMs[0] ?? 0)) / 60_000)
  const overTime = minutes > 1 ? `the last ${minutes} minutes` : 'the last minute'
  const parts = lines.map(([name, values]) => `${name} ${rangeText(values, text)}`)
  return `${title}, ${overTime}: ${parts.join('; ')}`
}

function rangeText(values: Values, text: Graph['text']): string {
  const known = values.filter((value) => value !== null)
  if (known.length === 0) return 'not known'
  const now = values.at(-1)
  const range = `${text(Math.min(...known))} to ${text(Math.max(...known))}`
  return `${range}, now ${typeof now === 'number' ? text(now) : 'not known'}`
}
