// The container of a snapshot and the list of its pages: what is written is read, and whatever else
// the bytes are is refused as a value with a reason.

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { zeroPageDigest } from '#engine/snapshots/digest.ts'
import {
  digestAt,
  laidOver,
  type PageList,
  PageListBuilder,
  pageListSection,
  readPageList,
} from '#engine/snapshots/page-list.ts'
import { SnapshotError } from '#engine/snapshots/section-bytes.ts'
import { decodeSnapshot, encodeSnapshot } from '#engine/snapshots/snapshot-file.ts'
import type { Section } from '#engine/vm-config.ts'
import { realClock } from '#env/real.ts'
import { pagesPerMebibyte } from '#proto/units.ts'
import { memoryMibMax } from '#proto/vm-spec.ts'

const digest = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())
const sections: Section[] = [
  { kind: 'hart', version: 2, bytes: Uint8Array.of(1, 2, 3) },
  { kind: 'virtio-mmio.0', version: 3, bytes: new Uint8Array(0) },
]
const file = () => encodeSnapshot(sections, digest)
/** With a seal that fits: written so, not damaged. */
const sealed = (change: (bytes: Uint8Array) => void) => {
  const bytes = file()
  change(bytes)
  bytes.set(digest(bytes.subarray(0, -32)), bytes.length - 32)
  return decodeSnapshot(bytes, digest)
}

describe('a snapshot file', () => {
  test('is read as it was written', () => {
    expect(decodeSnapshot(file(), digest)).toEqual(sections)
    expect(decodeSnapshot(encodeSnapshot([], digest), digest)).toEqual([])
  })

  test('of another format is refused by name; what is none is told so', () => {
    expect(sealed((bytes) => bytes.set([9], 8))).toMatchObject({
      message: expect.stringMatching(/format 9, this node knows 1/),
    })
    expect(decodeSnapshot(new Uint8Array(200), digest)).toMatchObject({
      message: expect.stringMatching(/no snapshot/),
    })
  })

  test('with sections that do not fit is refused, though its seal does', () => {
    expect(sealed((bytes) => bytes.set([3], 12))).toBeInstanceOf(SnapshotError)
    expect(sealed((bytes) => bytes.set([1], 12))).toBeInstanceOf(SnapshotError)
    expect(sealed((bytes) => bytes.set([0xff, 0xff], 16))).toBeInstanceOf(SnapshotError)
    expect(sealed((bytes) => bytes.set([0xff, 0xff, 0xff], 26))).toBeInstanceOf(SnapshotError)
  })

  test('that was damaged or cut anywhere is an error as a value', () => {
    const whole = file()
    const anyDamage = fc.oneof(
      fc.record({ at: fc.nat(whole.length - 1), bit: fc.nat(7) }),
      fc.record({ cut: fc.nat(whole.length - 1) }),
    )
    fc.assert(
      fc.property(anyDamage, (damage) => {
        const bytes = whole.slice(0, 'cut' in damage ? damage.cut : whole.length)
        if ('at' in damage) bytes[damage.at] = (bytes[damage.at] ?? 0) ^ (1 << damage.bit)
        expect(decodeSnapshot(bytes, digest)).toBeInstanceOf(SnapshotError)
      }),
    )
  })
})

const pageCount = 64
const digestOf = (value: number) => (value === 0 ? zeroPageDigest : digest(Uint8Array.of(value)))
const writes = fc.array(fc.tuple(fc.nat(pageCount - 1), fc.nat(5)), { maxLength: 40 })

function listOf(pages: readonly (readonly [number, number])[], full: boolean): PageList {
  const builder = new PageListBuilder()
  for (const [page, value] of pages) builder.set(page, digestOf(value))
  return builder.finish(full)
}

describe('a list of pages', () => {
  test('over another says what the pages hold that were written last', () => {
    fc.assert(
      fc.property(writes, writes, (before, after) => {
        const held = new Map([...before, ...after])
        const list = laidOver(listOf(before, true), listOf(after, false), true)
        const expected = [...held].filter(([, value]) => value !== 0).sort(([a], [b]) => a - b)
        expect([...list.pages]).toEqual(expected.map(([page]) => page))
        for (const [at, [, value]] of expected.entries())
          expect(digestAt(list, at)).toEqual(digestOf(value))
      }),
    )
  })

  test('is read as it was written', () => {
    fc.assert(
      fc.property(writes, (pages) => {
        const list = listOf(pages, false)
        expect(readPageList(pageListSection(list), pageCount)).toEqual(list)
      }),
    )
  })

  test.each([
    ['of another version', (s: Section) => ({ ...s, version: 2 }), /version 2/],
    ['that is cut', (s: Section) => ({ ...s, bytes: s.bytes.slice(0, -1) }), /ends too early/],
    ['of pages beyond RAM', (s: Section) => change(s, 8, 64), /disorder/],
    ['in disorder', (s: Section) => change(s, 4, 9), /disorder/],
    ['of more pages than RAM has', (s: Section) => change(s, 0, 65), /65 pages/],
  ])('%s is refused', (_what, damage, why) => {
    const section = pageListSection(
      listOf(
        [
          [3, 1],
          [7, 2],
        ],
        true,
      ),
    )
    expect(() => readPageList(damage(section), pageCount)).toThrow(why)
    expect(() => readPageList(damage(section), pageCount)).toThrow(SnapshotError)
  })
})

function change(section: Section, at: number, value: number): Section {
  const bytes = section.bytes.slice()
  new DataView(bytes.buffer).setUint32(at, value, true)
  return { ...section, bytes }
}

test('the pages of the largest VM are listed in the time that a map of them would take', () => {
  const largest = memoryMibMax * pagesPerMebibyte
  const timed = (work: () => unknown) => {
    const beganAtMs = realClock.nowMs()
    work()
    return realClock.nowMs() - beganAtMs
  }
  const mapMs = timed(() => {
    const map = new Map<number, number>()
    for (let page = 0; page < largest; page++) map.set(page, page)
  })
  const builder = new PageListBuilder()
  const listMs = timed(() => {
    for (let page = 0; page < largest; page++) builder.set(page, zeroPageDigest)
    builder.set(7, digestOf(7))
    expect([...builder.finish(true).pages]).toEqual([7])
  })
  expect(listMs).toBeLessThan(mapMs)
})
