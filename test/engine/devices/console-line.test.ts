import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConsoleLine, inputQueueBytes } from '#engine/devices/console-line.ts'

const text = (line: string) => new TextEncoder().encode(line)

function readAll(line: ConsoleLine): number[] {
  const got: number[] = []
  for (let byte = line.read(); byte !== undefined; byte = line.read()) got.push(byte)
  return got
}

describe('the serial line', () => {
  test('takes what continues, skips what it has, refuses what leaves a gap', () => {
    const line = new ConsoleLine()
    expect(line.accept(0, text('abc'))).toBe(3)
    expect(line.accept(1, text('bcde'))).toBe(5)
    expect(line.accept(0, text('abc'))).toBe(5)
    expect(line.accept(6, text('g'))).toBe(5)
    expect(String.fromCharCode(...readAll(line))).toBe('abcde')
  })

  test('a full queue cuts input short and says when there is room again', () => {
    const line = new ConsoleLine()
    expect(line.accept(0, new Uint8Array(inputQueueBytes + 10))).toBe(inputQueueBytes)
    expect(line.takeRoom()).toBeUndefined()
    for (let n = 0; n < inputQueueBytes / 2; n++) line.read()
    expect(line.takeRoom()).toBe(inputQueueBytes)
    expect(line.takeRoom()).toBeUndefined()
    expect(line.accept(inputQueueBytes, new Uint8Array(10))).toBe(inputQueueBytes + 10)
  })

  test('output is counted from boot', () => {
    const line = new ConsoleLine()
    for (const byte of text('one')) line.write(byte)
    expect(line.takeOutput()?.offset).toBe(0)
    expect(line.takeOutput()).toBeUndefined()
    for (const byte of text('two')) line.write(byte)
    expect(line.takeOutput()).toEqual({ offset: 3, bytes: text('two') })
  })

  test('law: typed again after every move, each byte arrives exactly once', () => {
    const step = fc.record({
      from: fc.nat(300),
      length: fc.nat(60),
      read: fc.nat(40),
      move: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const typed = Uint8Array.from({ length: 400 }, (_, at) => (at * 7) % 251)
        let line = new ConsoleLine()
        const got: number[] = []
        let accepted = 0
        for (const { from, length, read, move } of steps) {
          accepted = line.accept(from, typed.subarray(from, from + length))
          for (let n = 0; n < read; n++) got.push(...[line.read()].filter((b) => b !== undefined))
          if (!move) continue
          const copy = new ConsoleLine()
          copy.restore(line.capture())
          line = copy
        }
        got.push(...readAll(line))
        expect(got).toEqual([...typed.subarray(0, accepted)])
      }),
      { numRuns: 100 },
    )
  })
})
