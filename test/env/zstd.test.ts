// What is compressed comes back; what is not what it should be is undefined, never an exception.

import { expect, test } from 'vitest'
import { realZstd } from '#env/real/zstd.ts'

const text = new TextEncoder().encode('many words, many times. '.repeat(500))

test.for([1, -3])('level %i: fewer bytes, and the same again', async (level) => {
  const packed = await realZstd.compress(text, level)
  expect(packed.length).toBeLessThan(text.length / 20)
  expect(new Uint8Array(realZstd.decompress(packed, text.length) ?? [])).toEqual(text)
})

test('another length, a bomb, damage and nothing at all are refused', async () => {
  const packed = await realZstd.compress(text, 1)
  const bomb = await realZstd.compress(new Uint8Array(64 << 20), 1)
  expect(realZstd.decompress(packed, text.length - 1)).toBeUndefined()
  expect(realZstd.decompress(packed, text.length + 1)).toBeUndefined()
  expect(realZstd.decompress(bomb, 4096)).toBeUndefined()
  expect(realZstd.decompress(packed.subarray(0, -3), text.length)).toBeUndefined()
  expect(realZstd.decompress(new Uint8Array(0), 0)).toBeUndefined()
})
