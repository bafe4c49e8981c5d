// What the page draws, derived from a ClusterView: VMs on their nodes, copies under way, sums, what
// is worth saying. Pure: no browser, no time. Not here: how it looks (parts/).

import type { ClusterView, EventView, MigrationView, NodeView, VmView } from '#proto/api.ts'
import { msText } from '#proto/quantity.ts'
import { migrationHasEnded } from '#proto/state.ts'

/** A VM on the node where it runs, or a copy that is on its way to this node. */
export type Tile =
  | { readonly kind: 'vm'; readonly vm: VmView; readonly leaving: MigrationView | undefined }
  | { readonly kind: 'arriving'; readonly name: string; readonly migration: MigrationView }

export interface NodeColumn {
  readonly node: NodeView
  readonly tiles: readonly Tile[]
}

export interface ClusterPicture {
  readonly columns: readonly NodeColumn[]
  /** Pending, stopped, failed: on no node. */
  readonly homeless: readonly VmView[]
  readonly moving: readonly MigrationView[]
  /** The newest first. */
  readonly ended: readonly MigrationView[]
  /** The newest first. */
  readonly events: readonly EventView[]
  readonly sums: ClusterSums
}

export interface ClusterSums {
  readonly nodes: number
  readonly nodesOnline: number
  readonly vms: number
  readonly vmsRunning: number
  readonly cpuGotPercent: number
  readonly cpuPercentMax: number
  readonly memoryReservedMib: number
  readonly memoryMib: number
  readonly watts: number
  /** In percent of what had been drawn with all nodes on. */
  readonly savedPercent: number
}

export function pictureOf(view: ClusterView): ClusterPicture {
  const moving = view.migrations.filter(({ phase }) => !migrationHasEnded(phase))
  const nodeIds = new Set(view.nodes.map(({ id }) => id))
  return {
    columns: view.nodes.map((node) => ({ node, tiles: tilesOf(view, node, moving) })),
    homeless: view.vms.filter(({ nodeId }) => nodeId === undefined || !nodeIds.has(nodeId)),
    moving,
    ended: view.migrations.filter(({ phase }) => migrationHasEnded(phase)).reverse(),
    events: [...view.events].reverse(),
    sums: sumsOf(view),
  }
}

function tilesOf(view: ClusterView, node: NodeView, moving: readonly MigrationView[]): Tile[] {
  const leavingOf = (vm: VmView) =>
    moving.find(({ purpose, vmId }) => purpose === 'migrate' && vmId === vm.id)
  const here = view.vms
    .filter((vm) => vm.nodeId === node.id)
    .map((vm) => ({ kind: 'vm', vm, leaving: leavingOf(vm) }) as const)
  const arriving = moving
    .filter(({ purpose, to, vmId }) => {
      const there = view.vms.some((vm) => vm.id === vmId && vm.nodeId === node.id)
      return purpose === 'migrate' && to === node.id && !there
    })
    .map((migration) => ({ kind: 'arriving', name: migration.vmId, migration }) as const)
  return [...here, ...arriving]
}

function sumsOf({ nodes, vms, power }: ClusterView): ClusterSums {
  const online = nodes.filter(({ phase }) => phase === 'online')
  const sum = (of: (node: NodeView) => number) => online.reduce((all, node) => all + of(node), 0)
  return {
    nodes: nodes.length,
    nodesOnline: online.length,
    vms: vms.length,
    vmsRunning: vms.filter(({ phase }) => phase === 'running' || phase === 'migrating').length,
    cpuGotPercent: sum((node) => node.cpuGotPercent),
    cpuPercentMax: sum((node) => node.capacity.cores * 100),
    memoryReservedMib: sum((node) => node.memoryReservedMib),
    memoryMib: sum((node) => node.capacity.memoryMib),
    watts: power.watts,
    savedPercent: power.joulesAllOn > 0 ? 100 * (1 - power.joules / power.joulesAllOn) : 0,
  }
}

/** How far a running copy is: 0 to 1 of its present round. */
export const roundPart = ({ sentPages, pagesOfRound }: MigrationView): number =>
  pagesOfRound === 0 ? 0 : Math.min(1, sentPages / pagesOfRound)

/**
 * Until it has ended: what its forecast leaves, and in round 0 at least what its pages take at the
 * speed so far. @param copyingForMs since it was seen to copy.
 */
export function etaMs(migration: MigrationView, copyingForMs: number): number | undefined {
  const { phase, round, sentPages, pagesOfRound, forecast } = migration
  if (phase === 'queued' || phase === 'resolving') return undefined
  const isMeasured = round === 0 && sentPages > 0 && copyingForMs > 0
  const roundMs = isMeasured ? ((pagesOfRound - sentPages) * copyingForMs) / sentPages : undefined
  const forecastMs = forecast && Math.max(0, forecast.totalMs.expected - copyingForMs)
  if (roundMs === undefined) return forecastMs
  return Math.max(roundMs, forecastMs ?? 0)
}

/** What came of a migration, in a sentence; the forecast beside it. */
export function outcomeText({ phase, vmId, from, to, record, forecast, fault }: MigrationView) {
  if (phase !== 'done' || !record)
    return `${vmId} stays on ${from}: ${fault?.message ?? `its migration was ${phase}`}`
  const was = forecast ? `, ${msText(forecast.downtimeMs.expected)} expected` : ''
  return `${vmId} is on ${to}: downtime ${msText(record.downtimeMs)}${was}.`
}

/** Good, bad, and what just happens: the sign and colour of an event. */
export type EventTone = 'good' | 'bad' | 'doubt' | 'move' | 'plain'

export function toneOf({ kind }: EventView): EventTone {
  if (/failed|crashed|fenced/.test(kind)) return 'bad'
  if (/suspect|unreachable|fencing|recovering|cancelled|warning/.test(kind)) return 'doubt'
  if (/^(migration|clone|rebalance)/.test(kind)) return 'move'
  return /recovered|online|running/.test(kind) ? 'good' : 'plain'
}

/** What a screen reader should say unasked: not every start, but what changes where things run. */
export const isWorthSaying = (event: EventView): boolean =>
  ['bad', 'doubt'].includes(toneOf(event)) || /done|recovered/.test(event.kind)
