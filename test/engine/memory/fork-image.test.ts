// Fork images: what a clone reads is what its parent's memory was when it was forked, whatever the
// parent, its devices and its later forks have done since.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ForkImage } from '#engine/memory/fork-image.ts'
import { pageBytes, ramStart, TestHart } from '../cpu/test-hart.ts'

const pageCount = 32
/** The program's own page is the first. */
const pages = fc.integer({ min: 1, max: pageCount - 1 })

/** A guest that stores s1 at s0, each time it is asked to. */
const storing = () =>
  new TestHart(
    (a) => {
      a.label('again')
      a.sd('s1', 0, 's0')
      a.ecall()
      a.jal('zero', 'again')
    },
    { ramBytes: pageCount * pageBytes },
  )

const unused = () => undefined
const pageAt = (page: number) => ramStart + page * pageBytes

/** Each page as the image has it: its first word, undefined for one that was zero. */
function wordsOf(image: ForkImage): (bigint | undefined)[] {
  return Array.from({ length: pageCount }, (_, page) => {
    const bytes = new Uint8Array(pageBytes)
    const isFilled = image.read(page, bytes)
    return isFilled ? new DataView(bytes.buffer).getBigUint64(0, true) : undefined
  })
}

const store = (hart: TestHart, page: number, value: number) =>
  hart
    .set('s0', BigInt(pageAt(page)))
    .set('s1', BigInt(value))
    .toEcall()

/** What the guest sees now, where a page that was never touched reads as zero. */
const wordsNow = (hart: TestHart) =>
  Array.from({ length: pageCount }, (_, page) => hart.dword(pageAt(page)))

const asSeen = (words: readonly (bigint | undefined)[]) => words.map((word) => word ?? 0n)

describe('an image', () => {
  test('has the pages as they were, also those that the guest touches first after it', () => {
    const hart = storing()
    store(hart, 3, 7)
    const image = new ForkImage(hart.memory, undefined, unused)
    hart.core.freeze(image.preserved)
    store(hart, 3, 8)
    store(hart, 4, 9)
    const words = wordsOf(image)
    expect([words[3], words[4], hart.dword(pageAt(3))]).toEqual([7n, undefined, 8n])
  })

  test('law: whoever writes what, and however often it is forked, each has its own instant', () => {
    const writes = fc.array(fc.tuple(pages, fc.nat(1000), fc.boolean()), { maxLength: 30 })
    fc.assert(
      fc.property(fc.array(writes, { minLength: 1, maxLength: 6 }), (rounds) => {
        const hart = storing()
        const log = hart.core.openLog()
        const images: { readonly image: ForkImage; readonly was: readonly bigint[] }[] = []
        for (const round of rounds) {
          for (const [page, value, byDevice] of round) {
            if (byDevice) hart.setDword(pageAt(page), BigInt(value))
            else store(hart, page, value)
          }
          hart.core.takeLog(log)
          const image = new ForkImage(hart.memory, undefined, unused)
          images.at(-1)?.image.continuedBy(image)
          hart.core.freeze(image.preserved)
          images.push({ image, was: wordsNow(hart) })
        }
        for (const { image, was } of images) expect(asSeen(wordsOf(image))).toEqual(was)
      }),
      { seed: 11, numRuns: 150 },
    )
  })

  test('a page that the guest gives up is what it was, for its clones', () => {
    const hart = storing()
    store(hart, 5, 1)
    const image = new ForkImage(hart.memory, undefined, unused)
    hart.core.freeze(image.preserved)
    hart.core.release([{ gpa: pageAt(5), bytes: pageBytes }])
    expect([wordsOf(image)[5], hart.dword(pageAt(5))]).toEqual([1n, 0n])
  })

  test('a page that the guest gives up while it is looked at is not one that nobody wrote', () => {
    const hart = storing()
    store(hart, 5, 1)
    const { memory } = hart
    const image = new ForkImage(memory, undefined, unused)
    hart.core.freeze(image.preserved)
    // Its thread does so between two looks of ours.
    const isTouched = memory.isTouched.bind(memory)
    memory.isTouched = (page) => {
      hart.core.release([{ gpa: pageAt(5), bytes: pageBytes }])
      return isTouched(page)
    }
    expect(image.isUntouched(5)).toBe(false)
    expect(wordsOf(image)[5]).toBe(1n)
  })

  test('the log tells of writes to frozen pages as of others', () => {
    const hart = storing()
    store(hart, 6, 1)
    const log = hart.core.openLog()
    const image = new ForkImage(hart.memory, undefined, unused)
    hart.core.freeze(image.preserved)
    store(hart, 6, 2)
    expect((hart.core.takeLog(log)[0] ?? 0) & (1 << 6)).not.toBe(0)
  })

  test('when it is shared no more, nothing is put aside any more', () => {
    const hart = storing()
    const image = new ForkImage(hart.memory, undefined, unused)
    hart.core.freeze(image.preserved)
    hart.core.freeze(undefined)
    store(hart, 7, 1)
    expect(new Uint8Array(image.preserved.flags)).toEqual(new Uint8Array(pageCount))
  })
})

describe('the image of a clone', () => {
  test('has from the one before what the clone itself does not have yet', () => {
    const parent = storing()
    store(parent, 8, 1)
    store(parent, 9, 2)
    const first = new ForkImage(parent.memory, undefined, unused)
    parent.core.freeze(first.preserved)
    const clone = storing()
    clone.memory.makeAbsentAs(parent.memory)
    clone.memory.bring(Uint32Array.of(9), new Uint8Array(pageBytes).fill(3))
    const second = new ForkImage(clone.memory, first, unused)
    store(parent, 8, 5)
    expect(wordsOf(second).slice(8, 10)).toEqual([1n, 0x0303030303030303n])
  })

  test('makes absent in it what the parent had, also what that has given up since', () => {
    const parent = storing()
    for (const page of [4, 5, 6]) store(parent, page, page)
    const absentIn = (image: ForkImage) => {
      const clone = storing()
      image.makeAbsentIn(clone.memory)
      const isAbsent = [4, 5, 6, 7].map((page) => clone.memory.isAbsent(page))
      return { isAbsent, absentPages: clone.memory.absentPages }
    }
    const giveUp = (page: number) => parent.core.release([{ gpa: pageAt(page), bytes: pageBytes }])
    const first = new ForkImage(parent.memory, undefined, unused)
    parent.core.freeze(first.preserved)
    giveUp(5)
    const second = new ForkImage(parent.memory, undefined, unused)
    first.continuedBy(second)
    parent.core.freeze(second.preserved)
    giveUp(6)
    store(parent, 7, 7)
    expect(absentIn(first).isAbsent.slice(0, 3)).toEqual([true, true, true])
    expect(absentIn(second).isAbsent.slice(0, 3)).toEqual([true, false, true])
    expect(wordsOf(first).slice(4, 8)).toEqual([4n, 5n, 6n, undefined])
    // The program's own page, and one that the parent wrote first after both.
    expect(absentIn(first).absentPages).toBe(5)
  })

  test('keeps it in use as long as it is used itself', () => {
    const ended: string[] = []
    const { memory } = storing()
    const first = new ForkImage(memory, undefined, () => ended.push('first'))
    first.use()
    const second = new ForkImage(memory, first, () => ended.push('second'))
    second.use()
    first.release()
    expect(ended).toEqual([])
    second.release()
    expect(ended).toEqual(['first', 'second'])
  })
})
