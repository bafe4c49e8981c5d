import { describe, expect, test } from 'vitest'
import { chachaBlock, RandomStream } from '#engine/devices/random-stream.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const drawn = (stream: RandomStream, count: number) => {
  const bytes = new Uint8Array(count)
  stream.fill(bytes)
  return hex(bytes)
}
const seed = Uint8Array.from({ length: 32 }, (_, at) => at)

describe('ChaCha20 (RFC 8439)', () => {
  test('section 2.3.2: the block function', () => {
    const block = new Uint8Array(64)
    const nonce = Uint8Array.from([0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0])
    chachaBlock(seed, 1, nonce, block)
    expect(hex(block)).toBe(
      '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e' +
        'd2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e',
    )
  })

  test('appendix A.1, test vector 1: all zero', () => {
    const block = new Uint8Array(64)
    chachaBlock(new Uint8Array(32), 0, new Uint8Array(12), block)
    expect(hex(block).slice(0, 64)).toBe(
      '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7',
    )
    // The first half becomes the next key: a stream draws the second.
    expect(drawn(new RandomStream(new Uint8Array(32)), 32)).toBe(hex(block).slice(64))
  })
})

describe('a random stream', () => {
  test('is the same for the same seed, and never repeats itself', () => {
    const [one, other] = [new RandomStream(seed), new RandomStream(seed)]
    const first = drawn(one, 200)
    expect(drawn(other, 200)).toBe(first)
    expect(drawn(one, 200)).not.toBe(first)
    expect(new Set(first.match(/.{16}/g)).size).toBe(25)
  })

  test('goes on from its key, which what was drawn does not tell', () => {
    const stream = new RandomStream(seed)
    const first = drawn(stream, 96)
    expect(first).not.toContain(hex(stream.key))
    const copy = new RandomStream(stream.key)
    expect(drawn(copy, 70)).toBe(drawn(stream, 70))
  })

  test('a new seed changes it, and does not forget what it was', () => {
    const [reseeded, plain] = [new RandomStream(seed), new RandomStream(seed)]
    const another = new Uint8Array(32).fill(7)
    reseeded.reseed(another)
    const bytes = drawn(reseeded, 32)
    expect(bytes).not.toBe(drawn(plain, 32))
    expect(bytes).not.toBe(drawn(new RandomStream(another), 32))
  })
})
