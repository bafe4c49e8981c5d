// The pages of a VM as a map that an eye takes in: each page in one state, thousands of cells at
// most, each showing what most of its pages are; but pages that somebody waits for, or that will
// have to be sent again, show from an eighth of a cell on. Pure: reads tables, changes nothing.
// Pages of 4,096 bytes.

import type { PageTables } from '#engine/memory/guest-memory-port.ts'
import type { VmId } from '#proto/ids.ts'
import {
  cellsMax,
  type PageCounts,
  type PageMap,
  type PageState,
  pageStates,
} from '#proto/sights.ts'

/** Of a migration's source: what of the present round has been sent. */
export interface Sending {
  /** Of the round: a bit a page. */
  readonly bitmap: Uint8Array
  /** Those before it have been looked at. */
  readonly nextPage: number
}

export interface PagesSeen {
  readonly vmId: VmId
  readonly pageCount: number
  readonly tables: PageTables
  readonly sending: Sending | undefined
  /** What is absent is a parent's, or on its way from another node. */
  readonly absentAre: 'shared' | 'absent'
}

const numberOf = Object.fromEntries(pageStates.map((state, at) => [state, at])) as Record<
  PageState,
  number
>
/** These show from such a part of a cell on. */
const urgent: readonly PageState[] = ['absent', 'dirty', 'unsent']
const urgentPart = 8

export function pageMap(seen: PagesSeen): PageMap {
  const { vmId, pageCount } = seen
  const pagesPerCell = Math.max(1, Math.ceil(pageCount / cellsMax))
  const sums = new Array<number>(pageStates.length).fill(0)
  const runs: number[] = []
  const stateOf = stateIn(seen)
  for (let first = 0; first < pageCount; first += pagesPerCell) {
    const cell = new Array<number>(pageStates.length).fill(0)
    const end = Math.min(pageCount, first + pagesPerCell)
    for (let page = first; page < end; page++) add(cell, stateOf(page))
    for (const [state, pages] of cell.entries()) sums[state] = (sums[state] ?? 0) + pages
    extend(runs, shownOf(cell, end - first))
  }
  const counts = Object.fromEntries(pageStates.map((state, at) => [state, sums[at] ?? 0]))
  return { vmId, pageCount, pagesPerCell, counts: counts as PageCounts, runs }
}

const add = (cell: number[], state: number): void => {
  cell[state] = (cell[state] ?? 0) + 1
}

const bitOf = (bitmap: Uint8Array, page: number): boolean =>
  (((bitmap[page >> 3] ?? 0) >> (page & 7)) & 1) === 1

function stateIn({ tables, sending, absentAre }: PagesSeen): (page: number) => number {
  const { touched, absent, shared, marked, log } = tables
  const ofAbsent = numberOf[absentAre]
  const isDirty = (page: number) => marked[page] === 1 || (log !== undefined && bitOf(log, page))
  return (page) => {
    if (absent[page] === 1) return ofAbsent
    // It costs a migration nothing, whenever it is named.
    if (touched[page] !== 1) return numberOf.zero
    if (sending) return numberOf[sendingState(sending, page, isDirty(page))]
    if (marked[page] === 1) return numberOf.dirty
    return shared[page] === 1 ? numberOf.shared : numberOf.own
  }
}

function sendingState({ bitmap, nextPage }: Sending, page: number, isDirty: boolean): PageState {
  if (page >= nextPage && bitOf(bitmap, page)) return 'unsent'
  return isDirty ? 'dirty' : 'sent'
}

function shownOf(cell: readonly number[], pages: number): number {
  for (const state of urgent)
    if ((cell[numberOf[state]] ?? 0) * urgentPart >= pages) return numberOf[state]
  return cell.indexOf(Math.max(...cell))
}

function extend(runs: number[], state: number): void {
  if (runs.at(-2) === state) runs[runs.length - 1] = (runs.at(-1) ?? 0) + 1
  else runs.push(state, 1)
}
