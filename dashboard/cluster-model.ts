// What the page draws, derived from a ClusterView: VMs on their nodes, copies under way, sums, what
// is worth saying. Pure: no browser, no time. Not here: how it looks (parts/).

import type { ClusterView, EventView, MigrationView, NodeView, VmView } from '#proto/api.ts'
import type { Range } from '#proto/pre-copy/forecast.ts'
import { msText } from '#proto/quantity.ts'
import { isRunning, migrationHasEnded } from '#proto/state.ts'

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
  /** Their nodes are silent. */
  readonly vmsUnknown: number
  readonly cpuGotPercent: number
  readonly cpuPercentMax: number
  readonly memoryReservedMib: number
  readonly memoryMib: number
  readonly watts: number
  /** In percent of what had been drawn with all nodes on. */
  readonly savedPercent: number
}

/**
 * @param before the picture of the view before: what looks the same is the same object again, so
 * that it need not be drawn again
 */
export function pictureOf(view: ClusterView, before?: ClusterPicture): ClusterPicture {
  const moving = view.migrations.filter(({ phase }) => !migrationHasEnded(phase))
  const ended = view.migrations.filter(({ phase }) => migrationHasEnded(phase)).reverse()
  const nodeIds = new Set(view.nodes.map(({ id }) => id))
  const onNode = Map.groupBy(view.vms, ({ nodeId }) =>
    nodeId !== undefined && nodeIds.has(nodeId) ? nodeId : undefined,
  )
  const known = new Map(before?.columns.map((column) => [column.node.id, column]))
  const columns = view.nodes.map((node): NodeColumn => {
    const column = known.get(node.id)
    const tiles = kept(column?.tiles, tilesOf(onNode.get(node.id) ?? [], node, moving), looksSame)
    return column?.node === node && column.tiles === tiles ? column : { node, tiles }
  })
  return {
    columns: kept(before?.columns, columns),
    homeless: kept(before?.homeless, onNode.get(undefined) ?? []),
    moving: kept(before?.moving, moving),
    ended: kept(before?.ended, ended),
    events: reversed(view.events),
    sums: sumsOf(view),
  }
}

/** The list that was there, if each of its items is the same. */
function kept<Item>(
  before: readonly Item[] | undefined,
  now: readonly Item[],
  isSame: (one: Item, other: Item) => boolean = Object.is,
): readonly Item[] {
  const isKept =
    before?.length === now.length && now.every((item, at) => isSame(before[at] as Item, item))
  return isKept ? before : now
}

/** But for its load, which a tile follows by itself. Another VM of that name is another one. */
function looksSame(one: Tile, other: Tile): boolean {
  if (one.kind === 'vm' && other.kind === 'vm')
    return (
      one.vm.id === other.vm.id && one.vm.spec === other.vm.spec && one.leaving === other.leaving
    )
  if (one.kind === 'vm' || other.kind === 'vm') return false
  return one.migration === other.migration
}

const turned = new WeakMap<readonly EventView[], readonly EventView[]>()

function reversed(events: readonly EventView[]): readonly EventView[] {
  const known = turned.get(events) ?? [...events].reverse()
  turned.set(events, known)
  return known
}

function tilesOf(
  vms: readonly VmView[],
  node: NodeView,
  moving: readonly MigrationView[],
): readonly Tile[] {
  const leaving = new Map(
    moving.filter(({ purpose }) => purpose === 'migrate').map((move) => [move.vmId, move]),
  )
  const here = vms.map((vm): Tile => ({ kind: 'vm', vm, leaving: leaving.get(vm.id) }))
  const ids = new Set(vms.map(({ id }) => id))
  const arriving = [...leaving.values()]
    .filter(({ to, vmId }) => to === node.id && !ids.has(vmId))
    .map((migration): Tile => ({ kind: 'arriving', name: migration.vmId, migration }))
  return arriving.length === 0 ? here : [...here, ...arriving]
}

function sumsOf({ nodes, vms, power }: ClusterView): ClusterSums {
  const online = nodes.filter(({ phase }) => phase === 'online')
  const sum = (of: (node: NodeView) => number) => online.reduce((all, node) => all + of(node), 0)
  return {
    nodes: nodes.length,
    nodesOnline: online.length,
    vms: vms.length,
    vmsRunning: vms.filter(isRunning).length,
    vmsUnknown: vms.filter(({ isUnknown }) => isUnknown).length,
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
 * speed so far. Nobody knows it of one that takes longer.
 * @param copyingForMs since it was seen to copy
 */
export function etaMs(migration: MigrationView, copyingForMs: number): number | undefined {
  const { phase, round, sentPages, pagesOfRound, forecast } = migration
  if (phase === 'queued' || phase === 'resolving') return undefined
  const isMeasured = round === 0 && sentPages > 0 && copyingForMs > 0
  const roundMs = isMeasured ? ((pagesOfRound - sentPages) * copyingForMs) / sentPages : undefined
  const forecastMs = forecast ? forecast.totalMs.expected - copyingForMs : 0
  const leftMs = Math.max(roundMs ?? 0, forecastMs)
  return leftMs > 0 ? leftMs : undefined
}

/** In words and in the table: none is expected of one that was foreseen to be given up. */
export const downtimeForeseen = ({ forecast }: MigrationView): Range | undefined =>
  forecast?.verdict === 'hopeless' ? undefined : forecast?.downtimeMs

/** Of one that is done, after its downtime. @param text how a range is written there */
export function foreseenText(migration: MigrationView, text: (range: Range) => string): string {
  if (migration.forecast?.verdict === 'hopeless') return '; it was expected to fail'
  const range = downtimeForeseen(migration)
  return range ? `, ${text(range)} expected` : ''
}

/** What came of a migration, in a sentence; the forecast beside it. */
export function outcomeText(migration: MigrationView) {
  const { phase, vmId, from, to, record, fault } = migration
  if (phase !== 'done' || !record)
    return `${vmId} stays on ${from}: ${fault?.message ?? `its migration was ${phase}`}`
  const was = foreseenText(migration, ({ expected }) => msText(expected))
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
