// Links and racks as a scenario writes them: what lies between two ends, one direction or both, and
// how slow, narrow and lossy it is. An end is a node, a rack (all nodes of it), or `coordinator`.
// Pure. Not here: what a shape does to bytes (scenarios/link-shape.ts).

import { z } from 'zod'
import { bytesText } from '#proto/quantity.ts'
import { Name } from '#proto/vm-spec.ts'
import type { LinkShape } from '../link-shape.ts'
import type { Road } from '../world.ts'
import { Duration, Rate, Share, saidText } from './quantities.ts'

export const coordinatorEnd = 'coordinator'

const end = Name.describe('A node, a rack, or `coordinator`')
export const linkKeys = {
  from: end,
  to: end.optional().describe('Left out: all that is not `from`'),
  'one-way': z.boolean().default(false).describe('Only from → to; else both ways'),
}

const lossHint = 'at most 50% can be lost: what lets nothing through is cut (cut-link)'
export const shapeKeys = {
  latency: Duration.optional().describe('What a way takes'),
  jitter: Duration.optional().describe('Each message takes up to that much longer'),
  bandwidth: Rate.optional().describe('Shared by all that is sent on it'),
  loss: Share.refine((percent) => percent <= 50, lossHint)
    .optional()
    .describe('Of the segments: TCP sends them again, which takes its time'),
}

export const LinkPart = z
  .strictObject({ ...linkKeys, ...shapeKeys })
  .describe('How links are from the start')
export type LinkPart = z.infer<typeof LinkPart>

export const RacksPart = z
  .record(Name, z.array(Name).min(1))
  .describe('Rack → its nodes: what fails together, and ends of links by one name')
export type RacksPart = z.infer<typeof RacksPart>

type Ends = Pick<LinkPart, 'from' | 'to' | 'one-way'>
type Shaped = Pick<LinkPart, 'latency' | 'jitter' | 'bandwidth' | 'loss'>

interface Places {
  readonly nodes: readonly { readonly id: string }[]
  readonly racks: RacksPart
}

/** Every direction that is meant, once. */
export function roadsOf({ from, to, 'one-way': isOneWay }: Ends, places: Places): Road[] {
  const all = [coordinatorEnd, ...places.nodes.map(({ id }) => id)]
  const here = places.racks[from] ?? [from]
  const there =
    to === undefined ? all.filter((id) => !here.includes(id)) : (places.racks[to] ?? [to])
  const roads = new Map<string, Road>()
  const add = (one: string, other: string) => {
    if (one !== other) roads.set(`${one}>${other}`, { from: one, to: other })
  }
  for (const one of here)
    for (const other of there) {
      add(one, other)
      if (!isOneWay) add(other, one)
    }
  return [...roads.values()]
}

/** Undefined: nothing is said, so it is as the world has it. */
export function shapeOf({ latency, jitter, bandwidth, loss }: Shaped): LinkShape | undefined {
  const shape = {
    ...(latency === undefined ? {} : { latencyMs: latency }),
    ...(jitter === undefined ? {} : { jitterMs: jitter }),
    ...(bandwidth === undefined ? {} : { bytesPerMs: bandwidth / 1000 }),
    ...(loss === undefined ? {} : { lossShare: loss / 100 }),
  }
  return Object.keys(shape).length === 0 ? undefined : shape
}

/** `from a to b`, `between a and b`, `of a`. */
export function linkText({ from, to, 'one-way': isOneWay }: Ends): string {
  if (to === undefined) return isOneWay ? `all that ${from} sends` : `all links of ${from}`
  return isOneWay ? `the way from ${from} to ${to}` : `the link between ${from} and ${to}`
}

export function shapeText({ latency, jitter, bandwidth, loss }: Shaped): string {
  const parts = [
    ...(latency === undefined ? [] : [`${saidText(latency)} long`]),
    ...(jitter === undefined ? [] : [`up to ${saidText(jitter)} longer by chance`]),
    ...(bandwidth === undefined ? [] : [`${bytesText(bandwidth)}/s wide`]),
    ...(loss === undefined ? [] : [`losing ${loss} %`]),
  ]
  return parts.length === 0 ? 'as good as any' : parts.join(', ')
}
