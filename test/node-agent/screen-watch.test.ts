import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { setPage } from '#engine/memory/page-bitmap.ts'
import { ScreenWatch, watchersMax } from '../../node-agent/screen-watch.ts'

const pages = 20
const first = 100
const bitmapOf = (damaged: readonly number[]) => {
  const bitmap = new Uint8Array(32)
  for (const page of damaged) setPage(bitmap, first + page)
  return bitmap
}

describe('who has been shown what', () => {
  test('a new watcher has been shown nothing; then it has only what changes', () => {
    const watch = new ScreenWatch(pages)
    watch.open(7)
    expect(watch.due()).toEqual([{ watcher: 7, pages: [...Array(pages).keys()] }])
    expect(watch.sent(7, [...Array(pages).keys()])).toBe(1)
    watch.damage(bitmapOf([3, 5]), first)
    expect(watch.due()).toEqual([]) // The first is in flight.
    watch.shown(7, 1)
    expect(watch.due()).toEqual([{ watcher: 7, pages: [3, 5] }])
  })

  test('only the frame in flight can be shown, and opening again begins anew', () => {
    const watch = new ScreenWatch(pages)
    watch.open(1)
    watch.sent(1, [0])
    watch.shown(1, 9)
    watch.shown(2, 1)
    expect(watch.due()).toEqual([])
    watch.open(1)
    expect(watch.due()[0]?.pages).toHaveLength(pages)
  })

  test('pages outside the screen are nobody’s', () => {
    const watch = new ScreenWatch(pages)
    watch.open(1)
    watch.sent(1, [...Array(pages).keys()])
    watch.shown(1, 1)
    const bitmap = new Uint8Array(32)
    setPage(bitmap, first - 1)
    setPage(bitmap, first + pages)
    watch.damage(bitmap, first)
    expect(watch.due()).toEqual([])
  })

  test('there is an end to how many may watch', () => {
    const watch = new ScreenWatch(pages)
    for (let n = 0; n < watchersMax; n++) expect(watch.open(n)).toBe(true)
    expect(watch.open(999)).toBe(false)
    expect(watch.open(0)).toBe(true) // Again: it has its place.
    watch.closeAll()
    expect(watch.isWatched).toBe(false)
  })

  test('law: every change reaches every watcher, whatever the order of things', () => {
    const act = fc.oneof(
      fc.record({ damage: fc.array(fc.nat(pages - 1), { maxLength: 5 }) }),
      fc.record({ send: fc.nat(2), most: fc.nat(6) }),
      fc.record({ show: fc.nat(2) }),
    )
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const watch = new ScreenWatch(pages)
        /** What is drawn, and what each has seen of it: a number a page that grows. */
        const drawn = new Array<number>(pages).fill(1)
        const seen = [0, 1, 2].map(() => new Array<number>(pages).fill(0))
        const inFlight: (number | undefined)[] = []
        for (const watcher of [0, 1, 2]) watch.open(watcher)
        const send = (watcher: number, most: number) => {
          const due = watch.due().find((one) => one.watcher === watcher)
          const some = due?.pages.slice(0, most + 1)
          if (!some) return
          for (const page of some) if (seen[watcher]) seen[watcher][page] = drawn[page] ?? 0
          inFlight[watcher] = watch.sent(watcher, some)
        }
        for (const one of acts) {
          if ('damage' in one) {
            for (const page of one.damage) drawn[page] = (drawn[page] ?? 0) + 1
            watch.damage(bitmapOf(one.damage), first)
          } else if ('send' in one) send(one.send, one.most)
          else watch.shown(one.show, inFlight[one.show] ?? -1)
        }
        for (const watcher of [0, 1, 2]) {
          watch.shown(watcher, inFlight[watcher] ?? -1)
          send(watcher, pages)
          expect(seen[watcher]).toEqual(drawn)
        }
      }),
    )
  })
})
