import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SectionReader, SectionWriter, SnapshotError } from '#engine/snapshots/section-bytes.ts'
import {
  captureSections,
  restoreSections,
  type Snapshotted,
} from '#engine/snapshots/vm-sections.ts'

class Part implements Snapshotted {
  readonly sectionKind: string
  value = 0

  constructor(kind: string, value = 0) {
    this.sectionKind = kind
    this.value = value
  }

  capture() {
    return new SectionWriter(this.sectionKind, 1).u32(this.value).section()
  }

  restore(section: ReturnType<Part['capture']>) {
    const reader = new SectionReader(section, this.sectionKind, 1)
    this.value = reader.u32()
    reader.end()
  }
}

describe('the bytes of a section', () => {
  test('law: fields come back as they went in', () => {
    fc.assert(
      fc.property(
        fc.nat(255),
        fc.nat(0xffff_ffff),
        fc.maxSafeNat(),
        fc.uint8Array(),
        fc.boolean(),
        (small, word, count, list, flag) => {
          const section = new SectionWriter('x', 3)
            .u8(small)
            .u32(word)
            .count(count)
            .list(list)
            .flag(flag)
            .raw(list)
            .section()
          const reader = new SectionReader(section, 'x', 3)
          expect([reader.u8(), reader.u32(), reader.count(), reader.list(), reader.flag()]).toEqual(
            [small, word, count, list, flag],
          )
          expect(reader.raw(list.length)).toEqual(list)
          reader.end()
        },
      ),
    )
  })

  test('another kind or version is refused by name', () => {
    const section = new SectionWriter('plic', 2).section()
    expect(() => new SectionReader(section, 'plic', 1)).toThrow(
      /"plic" in version 1, not "plic" in version 2/,
    )
    expect(() => new SectionReader(section, 'clint', 2)).toThrow(SnapshotError)
  })

  test('bytes that are missing or left over are refused, and lying lengths and flags too', () => {
    const read = (bytes: number[], use: (reader: SectionReader) => unknown) => () => {
      const reader = new SectionReader(
        { kind: 'x', version: 1, bytes: Uint8Array.from(bytes) },
        'x',
        1,
      )
      use(reader)
      reader.end()
    }
    expect(read([1, 2, 3], (reader) => reader.u32())).toThrow('ends too early')
    expect(read([1, 2, 3], (reader) => reader.u8())).toThrow('2 bytes that nobody reads')
    expect(read([255, 255, 255, 255], (reader) => reader.list())).toThrow('a list of 4294967295')
    expect(read([2], (reader) => reader.flag())).toThrow('a flag of 2')
    expect(read(new Array(8).fill(255), (reader) => reader.count())).toThrow(SnapshotError)
  })
})

describe('the sections of a VM', () => {
  test('each part gets its own, in any order', () => {
    const sections = captureSections([new Part('a', 1), new Part('b', 2)])
    const [a, b] = [new Part('a'), new Part('b')]
    restoreSections([b, a], sections)
    expect([a.value, b.value]).toEqual([1, 2])
  })

  test('unknown, missing and doubled sections are all named, and nothing is touched', () => {
    const sections = captureSections([new Part('a', 1), new Part('gpu', 2), new Part('a', 3)])
    const a = new Part('a')
    const restore = () => restoreSections([a, new Part('b'), new Part('c')], sections)
    expect(restore).toThrow(/unknown: gpu; missing: b, c; more than once: a/)
    expect(a.value).toBe(0)
  })
})
