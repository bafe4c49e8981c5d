// The bookkeeping of live regions beside a plain list of them: whatever comes and goes, both know
// the same.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type LiveRegion, LiveRegions } from '#engine/translator/live-regions.ts'

let made = 0
const region = fc
  .record({
    pages: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 }),
    entries: fc.uniqueArray(fc.nat(20), { minLength: 1, maxLength: 4 }),
    around: fc.uniqueArray(fc.nat(20), { maxLength: 6 }),
    moduleBytes: fc.nat(1000),
  })
  .map(({ pages, entries, around, moduleBytes }): LiveRegion => {
    const at = ++made
    const places = new Map(around.map((host) => [host, host - at]))
    const own = { at, index: at, generation: 0, banks: 0, moduleBytes }
    return { ...own, pages, entries, entryHosts: entries, around: places }
  })

test('law: regions that come and go are found by page and by place while they are there', () => {
  const acts = fc.array(fc.oneof(region, fc.nat(30)), { maxLength: 40 })
  fc.assert(
    fc.property(acts, (list) => {
      const live = new LiveRegions()
      const model: LiveRegion[] = []
      for (const act of list) {
        if (typeof act !== 'number') {
          live.add(act)
          model.push(act)
          for (const host of act.around.keys()) expect(live.around(host)?.region).toBe(act)
        } else {
          const [gone] = model.splice(act % Math.max(1, model.length), 1)
          if (gone) live.delete(gone)
        }
        agree(live, model)
      }
    }),
  )
})

function agree(live: LiveRegions, model: readonly LiveRegion[]): void {
  expect(live.all()).toEqual(model)
  expect(live.count).toBe(model.length)
  const sum = (of: (region: LiveRegion) => number) => model.reduce((n, one) => n + of(one), 0)
  expect(live.moduleBytes).toBe(sum((one) => one.moduleBytes))
  expect(live.entryPoints).toBe(sum((one) => one.entries.length))
  for (let page = 0; page <= 5; page++) {
    const there = model.filter(({ pages }) => pages.includes(page))
    expect(new Set(live.onPage(page))).toEqual(new Set(there))
  }
  for (let host = 0; host <= 20; host++) {
    const place = live.around(host)
    if (place === undefined) continue
    expect(model).toContain(place.region)
    expect(place.region.around.get(host)).toBe(place.offset)
  }
}
