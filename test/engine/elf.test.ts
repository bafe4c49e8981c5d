// What an ELF file says (System V ABI, ELF-64 Object File Format), and that no bytes whatever do
// more than be refused by name.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BootError } from '#engine/boot-error.ts'
import { isElf, readElf } from '#engine/elf.ts'
import { type ElfParts, elfFile } from './elf-file.ts'

const code = Uint8Array.of(0x6f, 0, 0, 0)
const plain: ElfParts = {
  entry: 0x8000_0000,
  segments: [
    { physical: 0x8000_0000, bytes: code },
    { physical: 0x8000_1000, bytes: Uint8Array.of(7), memoryBytes: 0x800 },
  ],
  symbols: { start: 0x8000_0000, tohost: 0x8000_1400 },
}

describe('a program', () => {
  test('is its segments, its entry and its symbols', () => {
    const elf = readElf(elfFile(plain))
    expect(elf.segments).toEqual([
      { gpa: 0x8000_0000, bytes: code, memoryBytes: 4 },
      { gpa: 0x8000_1000, bytes: Uint8Array.of(7), memoryBytes: 0x800 },
    ])
    expect(elf.entryGpa).toBe(0x8000_0000)
    expect(elf.symbol('tohost')).toBe(0x8000_1400)
    expect(elf.symbol('fromhost')).toBeUndefined()
  })

  test('that is linked for virtual addresses lies at its physical ones, and begins there', () => {
    const bytes = new Uint8Array(0x100)
    const segments = [{ virtual: 0xffff_ffc0, physical: 0x8020_0000, bytes }]
    const elf = readElf(elfFile({ entry: 0xffff_ffd0, segments, symbols: { here: 0xffff_ffc8 } }))
    expect(elf.segments[0]?.gpa).toBe(0x8020_0000)
    expect(elf.entryGpa).toBe(0x8020_0010)
    expect(elf.symbol('here')).toBe(0x8020_0008)
  })

  test('that names its first instruction where it lies begins there too', () => {
    const bytes = new Uint8Array(0x100)
    const segments = [{ virtual: 0xffff_ffc0, physical: 0x8020_0000, bytes }]
    expect(readElf(elfFile({ entry: 0x8020_0010, segments })).entryGpa).toBe(0x8020_0010)
  })

  test('what is not to be loaded is left out', () => {
    const note = { physical: 0, bytes: code, kind: 4 }
    const empty = { physical: 0, bytes: new Uint8Array() }
    const elf = readElf(elfFile({ ...plain, segments: [note, empty, ...plain.segments] }))
    expect(elf.segments).toHaveLength(2)
  })
})

describe('is refused with a word of what is wrong', () => {
  const cut = elfFile(plain).slice(0, 70)
  const narrow = elfFile(plain)
  narrow[4] = 1
  const interpreter = { physical: 0, bytes: code, kind: 3 }
  test.each([
    ['of another machine', elfFile({ ...plain, machine: 62 }), 'not for RISC-V'],
    ['of 32 bits', narrow, '64-bit'],
    ['that may lie anywhere', elfFile({ ...plain, kind: 3 }), 'fixed addresses'],
    [
      'that wants a dynamic linker',
      elfFile({ ...plain, segments: [interpreter, ...plain.segments] }),
      '-static',
    ],
    ['without anything to load', elfFile({ ...plain, segments: [] }), 'nothing to load'],
    ['that begins nowhere', elfFile({ ...plain, entry: 0x9000_0000 }), 'none of its segments'],
    ['that was cut in its headers', cut, 'cut'],
    ['that was cut in its segments', elfFile(plain).slice(0, -1), 'beyond the file'],
  ])('a program %s', (_, file, why) => {
    expect(() => readElf(file)).toThrow(BootError)
    expect(() => readElf(file)).toThrow(why)
  })

  test('law: any bytes behind the magic, and any file with bytes changed', () => {
    const whole = elfFile(plain)
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), fc.nat(whole.length), (changes, length) => {
        const file = whole.slice(0, length)
        for (const [at, byte] of changes) if (at < length) file[at] = byte
        if (!isElf(file)) return
        try {
          readElf(file).symbol('tohost')
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(BootError)
        }
      }),
    )
  })
})
