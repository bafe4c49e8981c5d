import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Plic } from '#engine/devices/plic.ts'

const supervisor = 1
const threshold = 0x20_0000 + 0x1000 * supervisor
const claim = threshold + 4
const enableOf = (source: number) => 0x2000 + 0x80 * supervisor + 4 * (source >> 5)

function board() {
  const seen = { machine: false, supervisor: false }
  const plic = new Plic([
    (level) => {
      seen.machine = level
    },
    (level) => {
      seen.supervisor = level
    },
  ])
  return { plic, seen }
}

function enable(plic: Plic, source: number, priority: number): void {
  plic.write(4 * source, 4, priority)
  const register = enableOf(source)
  plic.write(register, 4, (plic.read(register, 4) ?? 0) | (1 << (source & 31)))
}

describe('PLIC (specification 1.0.0)', () => {
  test('an enabled line of a priority above the threshold interrupts S-mode alone', () => {
    const { plic, seen } = board()
    enable(plic, 10, 1)
    plic.line(10)(true)
    expect(seen).toEqual({ machine: false, supervisor: true })
    plic.write(threshold, 4, 1)
    expect(seen.supervisor).toBe(false)
  })

  test('priority 0 never interrupts, and a source that is not enabled neither', () => {
    const { plic, seen } = board()
    enable(plic, 10, 0)
    plic.write(4 * 11, 4, 7)
    plic.line(10)(true)
    plic.line(11)(true)
    expect(seen.supervisor).toBe(false)
    expect(plic.read(claim, 4)).toBe(0)
    expect(plic.read(0x1000, 4)).toBe((1 << 10) | (1 << 11))
  })

  test('claim takes the highest priority, and the lowest number among equals', () => {
    const { plic } = board()
    for (const [source, priority] of [
      [40, 2],
      [12, 2],
      [3, 1],
    ] as const) {
      enable(plic, source, priority)
      plic.line(source)(true)
    }
    expect([
      plic.read(claim, 4),
      plic.read(claim, 4),
      plic.read(claim, 4),
      plic.read(claim, 4),
    ]).toEqual([12, 40, 3, 0])
  })

  test('a level that lasts asks again on completion, one that fell does not', () => {
    const { plic, seen } = board()
    enable(plic, 1, 1)
    plic.line(1)(true)
    expect(plic.read(claim, 4)).toBe(1)
    expect(seen.supervisor).toBe(false)
    plic.write(claim, 4, 1)
    expect(seen.supervisor).toBe(true)
    plic.read(claim, 4)
    plic.line(1)(false)
    plic.write(claim, 4, 1)
    expect(seen.supervisor).toBe(false)
  })

  test('a request once made stays pending when its line falls', () => {
    const { plic, seen } = board()
    enable(plic, 1, 1)
    plic.line(1)(true)
    plic.line(1)(false)
    expect(seen.supervisor).toBe(true)
    expect(plic.read(claim, 4)).toBe(1)
  })

  test('an edge that comes while the one before is served asks again on completion, once', () => {
    const { plic, seen } = board()
    enable(plic, 10, 1)
    const [line, before] = [plic.edge(10), plic.capture()]
    const pulse = () => {
      line(true)
      line(false)
    }
    pulse()
    expect(plic.read(claim, 4)).toBe(10)
    pulse()
    pulse()
    expect([seen.supervisor, plic.read(claim, 4)]).toEqual([false, 0])
    const copy = board()
    copy.plic.edge(10)
    copy.plic.restore(plic.capture())
    for (const each of [plic, copy.plic]) {
      each.write(claim, 4, 10)
      expect(each.read(claim, 4)).toBe(10)
      each.write(claim, 4, 10)
      expect(each.read(claim, 4)).toBe(0)
      expect(each.capture()).toEqual(before)
    }
  })

  test('completion of a source that is not enabled is ignored', () => {
    const { plic, seen } = board()
    enable(plic, 1, 1)
    plic.line(1)(true)
    plic.read(claim, 4)
    plic.write(enableOf(1), 4, 0)
    plic.write(claim, 4, 1)
    enable(plic, 1, 1)
    expect(seen.supervisor).toBe(false)
  })

  test('law: no register access of a guest breaks it, and a copy has the same registers', () => {
    const access = fc.record({
      offset: fc.oneof(
        fc.integer({ min: 0, max: 0x20_4000 / 4 }).map((word) => 4 * word),
        fc.constantFrom(threshold, claim, 0x2000, 0x2080, 0x1000, 40, 44),
      ),
      value: fc.nat(0xffff_ffff),
      line: fc.integer({ min: 1, max: 95 }),
      level: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(access, { maxLength: 60 }), (accesses) => {
        const { plic, seen } = board()
        for (const { offset, value, line, level } of accesses) {
          plic.write(offset, 4, value)
          plic.line(line)(level)
          plic.read(offset, 4)
        }
        const copy = board()
        copy.plic.restore(plic.capture())
        expect(copy.plic.capture()).toEqual(plic.capture())
        expect(copy.seen).toEqual(seen)
      }),
      { numRuns: 100 },
    )
  })
})
