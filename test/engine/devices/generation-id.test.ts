import { describe, expect, test } from 'vitest'
import { GenerationId } from '#engine/devices/generation-id.ts'

function device(first: number) {
  const seen: boolean[] = []
  let id = Uint8Array.from({ length: 16 }, (_, at) => first + at)
  const generation = new GenerationId(
    () => id,
    (level) => seen.push(level),
  )
  const become = (next: Uint8Array<ArrayBuffer>) => {
    id = next
  }
  return { generation, seen, become }
}

describe('the generation id', () => {
  test('is the 16 bytes, however they are read, and zeros beyond', () => {
    const { generation } = device(1)
    expect([0, 1, 15, 16].map((offset) => generation.read(offset, 1))).toEqual([1, 2, 16, 0])
    expect(generation.read(2, 2)).toBe(0x0403)
    expect(generation.read(4, 4)).toBe(0x0807_0605)
    expect(generation.readWide(8)).toBe(0x100f_0e0d_0c0b_0a09n)
    expect(generation.readWide(16)).toBe(0n)
  })

  test('cannot be written', () => {
    expect(device(1).generation.write()).toBe(false)
  })

  test('another one is announced by an edge, and is there by then', () => {
    const { generation, seen, become } = device(1)
    become(new Uint8Array(16).fill(7))
    generation.announce()
    expect(seen).toEqual([true, false])
    expect(generation.read(0, 4)).toBe(0x0707_0707)
  })
})
