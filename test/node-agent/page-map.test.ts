// The map of a VM's pages: each page in one state, cells that show what matters, and nothing lost
// between the runs.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PageTables } from '#engine/memory/guest-memory-port.ts'
import { type PagesSeen, pageMap } from '#node-agent/page-map.ts'
import { asVmId } from '#proto/ids.ts'
import { cellsMax, PageMap, pageStates } from '#proto/sights.ts'

const tablesOf = (pageCount: number, some: Partial<PageTables> = {}): PageTables => ({
  touched: new Uint8Array(pageCount),
  absent: new Uint8Array(pageCount),
  shared: new Uint8Array(pageCount),
  marked: new Uint8Array(pageCount),
  log: undefined,
  ...some,
})
const seen = (pageCount: number, some: Partial<PageTables>, more: Partial<PagesSeen> = {}) =>
  pageMap({
    ...{ vmId: asVmId('kv'), pageCount, tables: tablesOf(pageCount, some) },
    ...{ sending: undefined, absentAre: 'absent', ...more },
  })
/** Cell by cell. */
const cellsOf = ({ runs }: PageMap) => {
  const cells: string[] = []
  for (let at = 0; at < runs.length; at += 2)
    for (let n = runs[at + 1] ?? 0; n > 0; n--) cells.push(pageStates[runs[at] ?? 0] ?? '?')
  return cells
}
const all = (pageCount: number) => new Uint8Array(pageCount).fill(1)

describe('the pages of a VM that stays where it is', () => {
  test('are zero, have content, are shared with clones, or were written lately', () => {
    const map = seen(5, {
      touched: Uint8Array.of(0, 1, 1, 1, 1),
      shared: Uint8Array.of(0, 0, 1, 1, 0),
      marked: Uint8Array.of(0, 0, 0, 1, 1),
    })
    expect(cellsOf(map)).toEqual(['zero', 'own', 'shared', 'dirty', 'dirty'])
    expect(map.counts).toMatchObject({ zero: 1, own: 1, shared: 1, dirty: 2, absent: 0 })
  })

  test('that are absent are a parent’s still, or on their way', () => {
    const absent = { absent: Uint8Array.of(1, 0), touched: Uint8Array.of(1, 1) }
    expect(cellsOf(seen(2, absent, { absentAre: 'shared' }))).toEqual(['shared', 'own'])
    expect(cellsOf(seen(2, absent))).toEqual(['absent', 'own'])
  })
})

describe('the pages of a VM that leaves', () => {
  test('are sent up to where the round is, and dirty when written after that', () => {
    const sending = { bitmap: Uint8Array.of(0xff), nextPage: 4 }
    const marked = Uint8Array.of(0, 1, 0, 0, 0, 1, 0, 0)
    const log = Uint8Array.of(0b0000_0100)
    const touched = Uint8Array.of(1, 1, 1, 0, 1, 1, 1, 0)
    expect(cellsOf(seen(8, { touched, marked, log }, { sending }))).toEqual([
      ...['sent', 'dirty', 'dirty', 'zero'],
      ...['unsent', 'unsent', 'unsent', 'zero'],
    ])
  })

  test('that a later round does not have were sent before', () => {
    const sending = { bitmap: Uint8Array.of(0b1000_0000), nextPage: 0 }
    expect(cellsOf(seen(8, { touched: all(8) }, { sending }))).toEqual([
      ...Array<string>(7).fill('sent'),
      'unsent',
    ])
  })
})

describe('a cell of many pages', () => {
  const pageCount = cellsMax * 16
  test('shows what most of them are', () => {
    const touched = all(pageCount).fill(0, 0, 9)
    expect(cellsOf(seen(pageCount, { touched })).slice(0, 2)).toEqual(['zero', 'own'])
  })

  test('shows a few that were written, or that somebody waits for', () => {
    const marked = new Uint8Array(pageCount).fill(1, 0, 2)
    const absent = new Uint8Array(pageCount).fill(1, 16, 18)
    const cells = cellsOf(seen(pageCount, { touched: all(pageCount), marked, absent }))
    expect(cells.slice(0, 3)).toEqual(['dirty', 'absent', 'own'])
  })
})

test('every page is counted once, and every cell is there, whatever the tables say', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length, max: 1 })
  const any = fc.integer({ min: 1, max: 3 * cellsMax }).chain((pageCount) =>
    fc.record({
      pageCount: fc.constant(pageCount),
      touched: bytes(pageCount),
      absent: bytes(pageCount),
      shared: bytes(pageCount),
      marked: bytes(pageCount),
    }),
  )
  fc.assert(
    fc.property(any, ({ pageCount, ...tables }) => {
      const map = PageMap.parse(seen(pageCount, tables))
      expect(Object.values(map.counts).reduce((sum, count) => sum + count, 0)).toBe(pageCount)
      expect(cellsOf(map)).toHaveLength(Math.ceil(pageCount / map.pagesPerCell))
      expect(cellsOf(map).length).toBeLessThanOrEqual(cellsMax)
    }),
    { numRuns: 30 },
  )
})
