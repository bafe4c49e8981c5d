// The events a person wants to see: filters by node, VM, kind and text, and how new ones join those
// that are known. Pure. Not here: where they come from (story.ts).

import type { EventView } from '#proto/api.ts'
import { toneOf } from './cluster-model.ts'

/** As in the page's address; empty or absent: all. `at` is the number of one event. */
export type StoryFilter = Readonly<Record<string, string>>

export const kindGroups = {
  trouble: 'trouble',
  nodes: 'nodes',
  vms: 'VMs',
  moves: 'migrations',
  copies: 'clones, snapshots, templates',
  rules: 'rules and power',
} as const
export type KindGroup = keyof typeof kindGroups

const patterns: Record<Exclude<KindGroup, 'trouble'>, RegExp> = {
  nodes: /^node-/,
  vms: /^vm-/,
  moves: /^(migration|rebalance)/,
  copies: /^(clone|snapshot|template)/,
  rules: /^(ha-|power-)/,
}

export function isInGroup(event: EventView, group: string): boolean {
  if (group === 'trouble') return ['bad', 'doubt'].includes(toneOf(event))
  return patterns[group as keyof typeof patterns]?.test(event.kind) ?? true
}

export function isWanted(event: EventView, { node, vm, kind, text }: StoryFilter): boolean {
  if (node && event.nodeId !== node && !speaksOf(event, node)) return false
  if (vm && event.vmId !== vm && !speaksOf(event, vm)) return false
  if (kind && !isInGroup(event, kind)) return false
  return !text || event.text.toLowerCase().includes(text.toLowerCase())
}

/** By its name as a word: an event has one node and one VM, its sentence may name more. */
function speaksOf({ text }: EventView, name: string): boolean {
  const at = text.indexOf(name)
  if (at === -1) return false
  const isPart = (sign: string | undefined) => sign !== undefined && /[\w-]/.test(sign)
  return !isPart(text[at - 1]) && !isPart(text[at + name.length])
}

/** In order, each once. @param more newer ones, or all there are */
export function joined(known: readonly EventView[], more: readonly EventView[]): EventView[] {
  const first = more[0]
  const last = known.at(-1)
  if (!first || !last) return first ? [...more] : [...known]
  if (first.seq > last.seq) return [...known, ...more]
  const bySeq = new Map([...known, ...more].map((event) => [event.seq, event]))
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq)
}

/** Something between those that are known and these was not seen. */
export const hasGap = (known: readonly EventView[], more: readonly EventView[]): boolean =>
  (more[0]?.seq ?? 0) > (known.at(-1)?.seq ?? 0) + 1
