// The pager: what a VM waits for comes first, what lies behind it next, and at last everything. The
// source is scripted: it answers when the test says so.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import type { BroughtPages, PageSource, Urgency } from '#engine/memory/page-source.ts'
import { Pager } from '#engine/memory/pager.ts'
import { coreModule, pageBytes } from '../cpu/test-hart.ts'

interface Asked {
  readonly pages: readonly number[]
  readonly urgency: Urgency
  answer(): void
  fail(why: Error): void
}

/** Page n is filled with n, but for every seventh, which is zero. */
const filled = (pages: readonly number[]): BroughtPages => {
  const content = pages.filter((page) => page % 7 !== 0)
  const bytes = new Uint8Array(content.length * pageBytes)
  for (const [at, page] of content.entries()) bytes.fill(page, at * pageBytes, (at + 1) * pageBytes)
  const zeroPages = Uint32Array.from(pages.filter((page) => page % 7 === 0))
  return { pages: Uint32Array.from(content), bytes, zeroPages }
}

function pagerOf(pageCount: number, how: 'now' | 'as-touched' = 'now') {
  const memory = WasmGuestMemory.create(coreModule, pageCount * pageBytes)
  memory.makeAbsent(new Uint8Array(pageCount / 8).fill(0xff))
  const asked: Asked[] = []
  const waited: string[] = []
  const source: PageSource = {
    waits: (page) => waited.push(`waits ${page}`),
    came: (pages) => waited.push(`came ${pages}`),
    request: (pages, urgency) => {
      const { promise, resolve, reject } = Promise.withResolvers<BroughtPages>()
      const list = [...pages]
      asked.push({
        ...{ pages: list, urgency, fail: reject },
        answer: () => resolve(filled(list)),
      })
      return promise
    },
  }
  const present: number[] = []
  const told = (pages: Uint32Array) => present.push(...pages)
  const pager = new Pager({ memory, source, how, present: told })
  return { memory, pager, asked, present, waited }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
const urgent = (asked: readonly Asked[]) => asked.filter(({ urgency }) => urgency === 'urgent')

describe('as touched', () => {
  test('nothing is brought but what is touched, with little beside it, until all is wanted', async () => {
    const { pager, asked, memory } = pagerOf(512, 'as-touched')
    const done = pager.run()
    await turn()
    expect(asked).toEqual([])
    pager.touched(100)
    expect(asked.map(({ pages }) => pages)).toEqual([[100, 101, 102, 103]])
    asked[0]?.answer()
    await turn()
    expect(memory.absentPages).toBe(508)
    pager.complete()
    for (let n = 1; memory.absentPages > 0; n++) {
      asked[n]?.answer()
      await turn()
    }
    expect(await done).toBe('done')
  })
})

describe('a page that a VM waits for', () => {
  test('is asked for at once and alone, and right behind it those that lie beside it', async () => {
    const { pager, asked, present, memory } = pagerOf(512)
    const done = pager.run()
    pager.touched(300)
    const [one, beside, ...more] = asked.filter(({ urgency }) => urgency !== 'background')
    expect([one, more]).toMatchObject([{ urgency: 'urgent', pages: [300] }, []])
    expect(beside).toMatchObject({ urgency: 'beside' })
    expect(beside?.pages).toHaveLength(15)
    expect(beside?.pages.slice(0, 2)).toEqual([301, 302])
    one?.answer()
    await turn()
    expect([present, memory.isAbsent(300), memory.isAbsent(299)]).toEqual([[300], false, true])
    pager.stop()
    expect(await done).toBe('stopped')
  })

  test('that came while the news of it was under way, is told to be present', () => {
    const { pager, asked, present, memory } = pagerOf(64)
    memory.bringZero(Uint32Array.of(5))
    pager.touched(5)
    expect([asked, present]).toEqual([[], [5]])
  })

  test('is not asked for again when it comes right behind another one', async () => {
    const { pager, asked, present, waited } = pagerOf(512)
    void pager.run()
    pager.touched(300)
    pager.touched(310)
    expect(urgent(asked)).toHaveLength(1)
    asked.find(({ urgency }) => urgency === 'beside')?.answer()
    await turn()
    expect(present).toEqual([310])
    expect(waited).toEqual(['waits 300', 'waits 310', 'came 310'])
    pager.stop()
  })

  test('is told though it came in the background', async () => {
    const { pager, asked, present } = pagerOf(64)
    void pager.run()
    pager.touched(3)
    asked.find(({ urgency }) => urgency === 'background')?.answer()
    await turn()
    expect(present).toEqual([3])
  })

  test('moves the background on to what lies behind it', async () => {
    const { pager, asked } = pagerOf(1024)
    void pager.run()
    expect(asked[0]?.pages[0]).toBe(0)
    pager.touched(700)
    asked[0]?.answer()
    await turn()
    expect(asked.at(-1)).toMatchObject({ urgency: 'background' })
    expect(asked.at(-1)?.pages[0]).toBe(716)
    pager.stop()
  })
})

test('all of RAM comes, whatever is touched meanwhile and in whatever order answers come', async () => {
  const story = fc.array(fc.record({ touch: fc.nat(255), answer: fc.nat(9) }), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      const { pager, asked, present, memory } = pagerOf(256)
      const done = pager.run()
      const open = () => {
        for (const each of asked.splice(0)) each.answer()
      }
      const touched = new Set<number>()
      for (const { touch, answer } of steps) {
        pager.touched(touch)
        touched.add(touch)
        const [one] = asked.splice(answer % Math.max(1, asked.length), 1)
        one?.answer()
        await turn()
      }
      for (let turns = 0; memory.absentPages > 0; turns++) {
        expect(turns).toBeLessThan(100)
        open()
        await turn()
      }
      expect(await done).toBe('done')
      for (const page of touched) expect(present).toContain(page)
      const whole = WasmGuestMemory.create(coreModule, 256 * pageBytes)
      const all = filled(Array.from({ length: 256 }, (_, page) => page))
      whole.store(all.pages, all.bytes)
      expect(memory.fullHash()).toBe(whole.fullHash())
    }),
    { numRuns: 30 },
  )
})

test('it is done when nothing is absent, though an answer is still to come', async () => {
  const { pager, asked } = pagerOf(16)
  const done = pager.run()
  for (let page = 0; page < 16; page++) pager.touched(page)
  for (const each of asked) if (each.urgency !== 'background') each.answer()
  expect(await done).toBe('done')
})

test('pages that are lost end it, and it says why', async () => {
  const { pager, asked } = pagerOf(64)
  const done = pager.run()
  pager.touched(9)
  urgent(asked)[0]?.fail(new Error('the pack is gone'))
  await expect(done).rejects.toThrow('the pack is gone')
})
