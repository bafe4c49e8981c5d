// What of a view of the cluster is different from the one before, row by row, and the view put
// together again elsewhere: rows that are the same stay the same objects, so that whoever draws
// them need not look twice. Pure. Not here: where views come from (watch-worker.ts).

import type { ClusterView, EventView } from '#proto/api.ts'

/** What is different in one row: of a new one, all of it. */
interface RowChange<Row> {
  readonly id: string
  readonly set: Partial<Row>
  readonly unset: readonly string[]
}

/** Rows with names; those that are gone are not in `order`. */
interface RowChanges<Row> {
  /** Names of all rows in order; absent: as before. */
  readonly order?: readonly string[]
  readonly changed: readonly RowChange<Row>[]
}

type Rest = Omit<ClusterView, 'nodes' | 'vms' | 'migrations' | 'events'>

export interface ViewChanges {
  readonly rest: Rest
  readonly nodes: RowChanges<ClusterView['nodes'][number]>
  readonly vms: RowChanges<ClusterView['vms'][number]>
  readonly migrations: RowChanges<ClusterView['migrations'][number]>
  /** All of them, if they are others than before. */
  readonly events?: EventView[]
}

/** @param before undefined: everything is different. */
export function changesOf(before: ClusterView | undefined, now: ClusterView): ViewChanges {
  const { nodes, vms, migrations, events, ...rest } = now
  const isSameStory =
    before !== undefined && before.events.at(-1)?.seq === events.at(-1)?.seq && events.length > 0
  return {
    rest,
    nodes: rowChanges(before?.nodes, nodes),
    vms: rowChanges(before?.vms, vms),
    migrations: rowChanges(before?.migrations, migrations),
    ...(isSameStory ? {} : { events }),
  }
}

interface Named {
  readonly id: string
}

function rowChanges<Row extends Named>(
  before: readonly Row[] | undefined,
  now: readonly Row[],
): RowChanges<Row> {
  const known = new Map(before?.map((row) => [row.id, row]))
  const changed = now.flatMap((row) => changeOf(known.get(row.id), row) ?? [])
  const isSameOrder =
    before?.length === now.length && now.every(({ id }, at) => before[at]?.id === id)
  return isSameOrder ? { changed } : { order: now.map(({ id }) => id), changed }
}

function changeOf<Row extends Named>(before: Row | undefined, row: Row) {
  if (!before) return { id: row.id, set: row, unset: [] }
  const names = Object.keys(row) as (keyof Row & string)[]
  const set: Partial<Row> = {}
  for (const name of names) if (!isEqual(before[name], row[name])) set[name] = row[name]
  const unset = Object.keys(before).filter((name) => !Object.hasOwn(row, name))
  const isSame = unset.length === 0 && Object.keys(set).length === 0
  return isSame ? undefined : { id: row.id, set, unset }
}

function changedRow<Row extends Named>(before: Row | undefined, change: RowChange<Row>): Row {
  const row = { ...before, ...change.set } as Row
  for (const name of change.unset) delete row[name as keyof Row]
  return row
}

/** The view after these changes; rows and lists without a change are the same objects. */
export function withChanges(before: ClusterView | undefined, changes: ViewChanges): ClusterView {
  return {
    ...changes.rest,
    nodes: withRows(before?.nodes ?? [], changes.nodes),
    vms: withRows(before?.vms ?? [], changes.vms),
    migrations: withRows(before?.migrations ?? [], changes.migrations),
    events: changes.events ?? before?.events ?? [],
  }
}

function withRows<Row extends Named>(before: Row[], { order, changed }: RowChanges<Row>): Row[] {
  if (!order && changed.length === 0) return before
  const known = new Map(before.map((row) => [row.id, row]))
  for (const change of changed) known.set(change.id, changedRow(known.get(change.id), change))
  return (order ?? before.map(({ id }) => id)).flatMap((id) => known.get(id) ?? [])
}

/** Of values as JSON has them. */
export function isEqual(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const names = Object.keys(one)
  if (names.length !== Object.keys(other).length) return false
  return names.every(
    (name) =>
      Object.hasOwn(other, name) &&
      isEqual(one[name as keyof typeof one], other[name as keyof typeof other]),
  )
}
