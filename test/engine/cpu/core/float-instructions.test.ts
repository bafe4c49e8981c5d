// What floating-point instructions do besides arithmetic: conversions, order, signs and classes,
// NaNs and their boxes, registers and memory, and mstatus.FS.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Assembler } from '../assembler.ts'
import * as exact from '../exact-float.ts'
import {
  boxed,
  FloatHart,
  floatOff,
  floatOn,
  floatWord,
  fusedWord,
  type Kind,
} from '../float-hart.ts'
import { signed, TestHart, unsigned } from '../test-hart.ts'

const hart = new FloatHart()
const { nx, dz, nv } = exact.flags

// Doubles by their bits.
const [zero, minusZero] = [0n, 1n << 63n]
const [one, minusOne, two] = [0x3ff0n << 48n, 0xbff0n << 48n, 0x4000n << 48n]
const [inf, minusInf] = [0x7ff0n << 48n, 0xfff0n << 48n]
const nan = 0x7ff8n << 48n
const otherNan = 0xfff8_0000_0000_1234n
const signaling = 0x7ff0_0000_0000_0001n
const subnormal = 1n

const binary = (kind: Kind, a: bigint, b: bigint, funct3 = 0) =>
  hart.does(floatWord({ kind, format: 1, funct3 }), { f: [a, b] })

describe('operations on what is no number', () => {
  // tidy: data table
  // biome-ignore format: a table
  const cases: readonly (readonly [string, Kind, bigint, bigint, bigint, number])[] = [
    ['inf + -inf', 'add', inf, minusInf, nan, nv], ['inf - inf', 'sub', inf, inf, nan, nv],
    ['inf + inf', 'add', inf, inf, inf, 0], ['1 - inf', 'sub', one, inf, minusInf, 0],
    ['inf x 0', 'mul', inf, zero, nan, nv], ['inf x -1', 'mul', inf, minusOne, minusInf, 0],
    ['0 / 0', 'div', zero, zero, nan, nv], ['inf / inf', 'div', inf, minusInf, nan, nv],
    ['1 / 0', 'div', one, zero, inf, dz], ['1 / -0', 'div', one, minusZero, minusInf, dz],
    ['inf / 0', 'div', inf, zero, inf, 0], ['1 / -inf', 'div', one, minusInf, minusZero, 0],
    ['NaN + 1', 'add', otherNan, one, nan, 0], ['1 x sNaN', 'mul', one, signaling, nan, nv],
    ['NaN - sNaN', 'sub', nan, signaling, nan, nv],
  ]
  test.each(cases)('%s', (_, kind, a, b, result, flags) => {
    expect(binary(kind, a, b)).toMatchObject({ f: result, fcsr: flags })
  })

  test.each([
    ['-1', minusOne, nan, nv],
    ['-0', minusZero, minusZero, 0],
    ['inf', inf, inf, 0],
    ['-inf', minusInf, nan, nv],
    ['sNaN', signaling, nan, nv],
  ] as const)('the square root of %s', (_, a, result, flags) => {
    const word = floatWord({ kind: 'sqrt', format: 1, rs2: 0, funct3: 0 })
    expect(hart.does(word, { f: [a] })).toMatchObject({ f: result, fcsr: flags })
  })

  test.each([
    ['inf x 0 + NaN is invalid though the NaN is quiet', [inf, zero, nan], nan, nv],
    ['inf x 1 - inf', [inf, one, minusInf], nan, nv],
    ['1 x 1 + inf', [one, one, inf], inf, 0],
    ['NaN x 1 + 1', [nan, one, one], nan, 0],
    ['0 x 1 + -0 is +0', [zero, one, minusZero], zero, 0],
    ['-0 x 1 + -0 is -0', [minusZero, one, minusZero], minusZero, 0],
  ] as const)('%s', (_, f, result, flags) => {
    expect(hart.does(fusedWord(0, 1, 0), { f })).toMatchObject({ f: result, fcsr: flags })
  })
})

describe('order', () => {
  const order = (funct3: number, a: bigint, b: bigint) => {
    const { x, fcsr } = binary('compare', a, b, funct3)
    return [x, fcsr]
  }
  const [le, lt, eq] = [0, 1, 2]

  test('of numbers is that of JavaScript', () => {
    const view = new DataView(new ArrayBuffer(8))
    const bits = (n: number) => {
      view.setFloat64(0, n)
      return view.getBigUint64(0)
    }
    const double = fc.double({ noNaN: true })
    fc.assert(
      fc.property(double, fc.oneof(double, fc.constantFrom(0, -0)), (a, b) => {
        expect(order(le, bits(a), bits(b))).toEqual([BigInt(a <= b), 0])
        expect(order(lt, bits(a), bits(b))).toEqual([BigInt(a < b), 0])
        expect(order(eq, bits(a), bits(b))).toEqual([BigInt(a === b), 0])
        expect(binary('minmax', bits(a), bits(b), 0).f).toBe(bits(Math.min(a, b)))
        expect(binary('minmax', bits(a), bits(b), 1).f).toBe(bits(Math.max(a, b)))
      }),
      { numRuns: 500 },
    )
  })

  test('a NaN has no place in it, and only equality bears a quiet one', () => {
    expect(order(eq, nan, nan)).toEqual([0n, 0])
    expect(order(eq, signaling, one)).toEqual([0n, nv])
    expect(order(lt, nan, one)).toEqual([0n, nv])
    expect(order(le, one, nan)).toEqual([0n, nv])
  })

  test('the least of a number and a NaN is the number, of two NaNs the canonical one', () => {
    expect(binary('minmax', nan, one)).toMatchObject({ f: one, fcsr: 0 })
    expect(binary('minmax', one, signaling, 1)).toMatchObject({ f: one, fcsr: nv })
    expect(binary('minmax', otherNan, otherNan)).toMatchObject({ f: nan, fcsr: 0 })
  })
})

test('signs are copied, turned and multiplied, of NaNs too, and no flag is raised', () => {
  const signs = [0, 1, 2].map((kind) => binary('sgnj', signaling, minusOne, kind))
  const minus = signaling | minusZero
  expect(signs.map(({ f }) => f)).toEqual([minus, signaling, minus])
  expect(signs.map(({ fcsr }) => fcsr)).toEqual([0, 0, 0])
})

test('every number is of one of ten classes', () => {
  const all = [
    minusInf,
    minusOne,
    subnormal | minusZero,
    minusZero,
    zero,
    subnormal,
    one,
    inf,
    signaling,
    nan,
  ]
  const word = floatWord({ kind: 'toX', format: 1, funct3: 1, rs2: 0 })
  expect(all.map((bits) => hart.does(word, { f: [bits] }).x)).toEqual(
    all.map((_, n) => 1n << BigInt(n)),
  )
})

/** The integers of conversions, in the order of the rs2 field. */
const integers = [
  { name: 'w', min: -(2n ** 31n), max: 2n ** 31n - 1n, bits: 32 },
  { name: 'wu', min: 0n, max: 2n ** 32n - 1n, bits: 32 },
  { name: 'l', min: -(2n ** 63n), max: 2n ** 63n - 1n, bits: 64 },
  { name: 'lu', min: 0n, max: 2n ** 64n - 1n, bits: 64 },
] as const
const mode = fc.constantFrom(...Object.values(exact.roundings))
/** A word in a register is sign-extended, whatever it means. */
const inRegister = (value: bigint, bits: number) => unsigned(BigInt.asIntN(bits, value))

describe.each(integers.map((integer, rs2) => ({ ...integer, rs2 })))('conversions: $name', (to) => {
  test.each([
    ['singles', 0, exact.single, boxed],
    ['doubles', 1, exact.double, (bits: bigint) => bits],
  ] as const)('to %s is rounded once', (_, format, of, raw) => {
    fc.assert(
      fc.property(fc.bigInt(to.min, to.max), fc.integer({ min: 0, max: 63 }), mode, (n, by, m) => {
        const value = n >> BigInt(by)
        const word = floatWord({ kind: 'fromInteger', format, funct3: m, rs2: to.rs2 })
        const wanted = exact.round({ numerator: value, denominator: 1n }, m, of)
        const result = hart.does(word, { x: inRegister(value, to.bits) })
        expect(result).toMatchObject({ f: raw(wanted.bits), fcsr: wanted.flags })
      }),
      { numRuns: 500 },
    )
  })

  test('from doubles is rounded once, or the nearest that there is', () => {
    const near = fc.bigInt(to.min - 3n, to.max + 3n)
    const numbers = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.tuple(near, fc.integer({ min: 0, max: 66 })).map(([n, by]) => Number(n) / 2 ** by),
    )
    const view = new DataView(new ArrayBuffer(8))
    fc.assert(
      fc.property(numbers, mode, (number, m) => {
        view.setFloat64(0, number)
        const bits = view.getBigUint64(0)
        const { numerator, denominator } = exact.worthOf(bits, exact.double)
        const whole = exact.roundToWhole({ numerator, denominator }, m)
        const clamped = whole < to.min ? to.min : whole > to.max ? to.max : whole
        const flags = clamped !== whole ? nv : whole * denominator === numerator ? 0 : nx
        const word = floatWord({ kind: 'toInteger', format: 1, funct3: m, rs2: to.rs2 })
        const result = hart.does(word, { f: [bits] })
        expect([result.x, result.fcsr]).toEqual([inRegister(clamped, to.bits), flags])
      }),
      { numRuns: 1000 },
    )
  })

  test('a NaN counts as too large, an infinity as what it is', () => {
    const convert = (bits: bigint) => {
      const word = floatWord({ kind: 'toInteger', format: 1, funct3: 0, rs2: to.rs2 })
      const { x, fcsr } = hart.does(word, { f: [bits] })
      return [x, fcsr]
    }
    expect(convert(otherNan)).toEqual([inRegister(to.max, to.bits), nv])
    expect(convert(inf)).toEqual([inRegister(to.max, to.bits), nv])
    expect(convert(minusInf)).toEqual([inRegister(to.min, to.bits), nv])
  })
})

describe('between the formats', () => {
  const toSingle = (bits: bigint, m = 0) =>
    hart.does(floatWord({ kind: 'convertFormat', format: 0, funct3: m, rs2: 1 }), { f: [bits] })
  const toDouble = (bits: bigint) =>
    hart.does(floatWord({ kind: 'convertFormat', format: 1, funct3: 0, rs2: 0 }), { f: [bits] })

  test('a double becomes the single that it rounds to', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 0xffff_ffff_ffff_ffffn), mode, (bits, m) => {
        fc.pre(exact.isFiniteNumber(bits, exact.double))
        const isMinus = exact.isNegative(bits, exact.double)
        const wanted = exact.round(exact.worthOf(bits, exact.double), m, exact.single, isMinus)
        expect(toSingle(bits, m)).toMatchObject({ f: boxed(wanted.bits), fcsr: wanted.flags })
      }),
      { numRuns: 1000 },
    )
  })

  test('and a single comes back the same', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 0xffff_ffffn), (bits) => {
        fc.pre(exact.isFiniteNumber(bits, exact.single))
        const there = toDouble(boxed(bits))
        expect(there.fcsr).toBe(0)
        expect(toSingle(there.f)).toMatchObject({ f: boxed(bits), fcsr: 0 })
      }),
      { numRuns: 1000 },
    )
  })

  test('NaNs lose what they carry', () => {
    expect(toSingle(otherNan)).toMatchObject({ f: boxed(0x7fc0_0000n), fcsr: 0 })
    expect(toDouble(boxed(0x7f80_0001n))).toMatchObject({ f: nan, fcsr: nv })
  })
})

describe('singles in registers of 64 bits', () => {
  test('one without its box counts as the canonical NaN', () => {
    const { f, fcsr } = hart.does(floatWord({ kind: 'add', format: 0, funct3: 0 }), {
      f: [0x3f80_0000n, boxed(0x3f80_0000n)],
    })
    expect([f, fcsr]).toEqual([boxed(0x7fc0_0000n), 0])
  })

  test('moves do not look into the box, and sign-extend a word', () => {
    const toX = floatWord({ kind: 'toX', format: 0, funct3: 0, rs2: 0 })
    expect(signed(hart.does(toX, { f: [0x1234_5678_8000_0001n] }).x)).toBe(-0x7fff_ffffn)
    const fromX = floatWord({ kind: 'fromX', format: 0, funct3: 0, rs2: 0 })
    expect(hart.does(fromX, { x: 0x1234_5678_8000_0001n }).f).toBe(boxed(0x8000_0001n))
  })
})

// flw, fld, fsw, fsd of f10 with a1 as the base; the last four are compressed. From binutils 2.44.
const accesses = [
  ['flw', (a: Assembler) => a.word(0x0045a507), 'load', 4, 4],
  ['fld', (a: Assembler) => a.word(0x0085b507), 'load', 8, 8],
  ['fsw', (a: Assembler) => a.word(0x00a5a227), 'store', 4, 4],
  ['fsd', (a: Assembler) => a.word(0x00a5b427), 'store', 8, 8],
  ['c.fld', (a: Assembler) => a.half(0x25e8), 'load', 200, 8],
  ['c.fsd', (a: Assembler) => a.half(0xa5e8), 'store', 200, 8],
  ['c.fldsp', (a: Assembler) => a.half(0x2532), 'load', 264, 8],
  ['c.fsdsp', (a: Assembler) => a.half(0xa62a), 'store', 264, 8],
] as const

describe.each(accesses)('%s', (_, emit, kind, offset, size) => {
  const register = 0xdead_beef_0000_0000n | 0x4048_f5c3n
  const pattern = 0x0123_4567_89ab_cdefn
  const base = 0x8000_1000
  const dwordOf = (gpa: number) => gpa - (gpa % 8)
  const program = (at: number) => {
    const rig = new TestHart((a) => {
      floatOn(a)
      a.word(0xf2060553) // fmv.d.x fa0, a2
      emit(a)
      a.half(1) // c.nop
      a.word(0xe2050653) // fmv.x.d a2, fa0
      a.ecall()
    })
    rig.set('a1', BigInt(at)).set('sp', BigInt(at)).set('a2', register)
    for (const by of [0, 8]) rig.setDword(dwordOf(at + offset) + by, pattern)
    return rig.toEcall()
  }

  test.each([base, base + 4096 - offset - size / 2])('at %i', (at) => {
    const rig = program(at)
    const shift = BigInt(8 * ((at + offset) % 8))
    const [low, high] = [0, 8].map((by) => rig.dword(dwordOf(at + offset) + by))
    const here = BigInt.asUintN(8 * size, (((high ?? 0n) << 64n) | (low ?? 0n)) >> shift)
    if (kind === 'store') expect(here).toBe(BigInt.asUintN(8 * size, register))
    else expect(rig.get('a2')).toBe(size === 4 ? boxed(here) : here)
  })
})

describe('FS, the state of the unit', () => {
  const illegalWord = (word: number, prepare: (a: Assembler) => void) => {
    const rig = new TestHart((a) => {
      a.la('t0', 'handler')
      a.csrrw('zero', 'stvec', 't0')
      prepare(a)
      a.word(word)
      a.li('a0', 0)
      a.ecall()
      a.align(4)
      a.label('handler')
      a.csrrs('a0', 'scause', 'zero')
      a.csrrs('a1', 'stval', 'zero')
      a.ecall()
    }).toEcall()
    return rig.get('a0') === 2n && rig.get('a1') === BigInt(word >>> 0)
  }
  const add = floatWord({ kind: 'add', format: 1, funct3: 0 })
  const readFcsr = 0x003022f3

  test('off: every instruction of the unit is illegal, and so are its CSRs', () => {
    for (const word of [add, fusedWord(0, 1, 0), 0x0085b507, 0x00a5b427, readFcsr]) {
      expect(illegalWord(word, floatOff)).toBe(true)
      expect(
        illegalWord(word, (a) => {
          floatOn(a)
          a.li('a1', 0x8000_1000)
        }),
      ).toBe(false)
    }
  })

  test('reserved rounding modes and encodings are illegal', () => {
    const frm = (n: number) => (a: Assembler) => {
      floatOn(a)
      a.csrrwi('zero', 'frm', n)
    }
    const word = (funct3: number) => floatWord({ kind: 'add', format: 1, funct3 })
    for (const mode of [5, 6]) expect(illegalWord(word(mode), floatOn)).toBe(true)
    for (const mode of [5, 6, 7]) expect(illegalWord(word(7), frm(mode))).toBe(true)
    for (const mode of [5, 6, 7]) expect(illegalWord(word(0), frm(mode))).toBe(false)
    for (const format of [2, 3])
      expect(illegalWord(floatWord({ kind: 'add', format, funct3: 0 }), floatOn)).toBe(true)
    const rootOfTwo = floatWord({ kind: 'sqrt', format: 1, funct3: 0, rs2: 1 })
    expect(illegalWord(rootOfTwo, floatOn)).toBe(true)
    const fourth = floatWord({ kind: 'toInteger', format: 1, funct3: 0, rs2: 4 })
    expect(illegalWord(fourth, floatOn)).toBe(true)
  })

  test('a change of a register or a flag makes it dirty; reading does not', () => {
    const statusAfter = (emit: (a: Assembler) => void) => {
      const rig = new TestHart((a) => {
        floatOn(a)
        emit(a)
        a.csrrs('a0', 'sstatus', 'zero')
        a.ecall()
      })
      const status = rig.set('a1', 0x8000_1000n).toEcall().get('a0')
      return [(status >> 13n) & 3n, status >> 63n]
    }
    const initial = [1n, 0n]
    const dirty = [3n, 1n]
    expect(statusAfter(() => {})).toEqual(initial)
    expect(statusAfter((a) => a.word(0x00a5b427))).toEqual(initial) // fsd
    expect(statusAfter((a) => a.csrrs('a2', 'fcsr', 'zero'))).toEqual(initial)
    const compare = floatWord({ kind: 'compare', format: 1, funct3: 1 })
    expect(statusAfter((a) => a.word(compare))).toEqual(initial)
    expect(statusAfter((a) => a.word(0x0085b507))).toEqual(dirty) // fld
    expect(statusAfter((a) => a.word(add))).toEqual(dirty)
    expect(statusAfter((a) => a.csrrwi('zero', 'fflags', 1))).toEqual(dirty)
  })

  test('the parts of fcsr are CSRs of their own', () => {
    const rig = new TestHart((a) => {
      floatOn(a)
      a.li('t0', -1)
      a.csrrw('zero', 'fcsr', 't0')
      a.csrrwi('a0', 'frm', 2)
      a.csrrwi('a1', 'fflags', 5)
      a.csrrs('a2', 'fcsr', 'zero')
      a.ecall()
    }).toEcall()
    expect([rig.get('a0'), rig.get('a1'), rig.get('a2')]).toEqual([7n, 31n, 0x45n])
  })
})

test('a snapshot carries the registers and fcsr', () => {
  const write = (a: Assembler) => {
    floatOn(a)
    a.word(0xf2060f53) // fmv.d.x f30, a2
    a.csrrwi('zero', 'frm', 3)
    a.ecall()
    a.word(0xe20f0553) // fmv.x.d a0, f30
    a.csrrs('a1', 'fcsr', 'zero')
    a.ecall()
  }
  const from = new TestHart(write).set('a2', two).toEcall()
  const to = new TestHart(write)
  to.core.restore(from.core.capture())
  expect([to.toEcall().get('a0'), to.get('a1')]).toEqual([two, 3n << 5n])
})
