// Ethernet between nodes: what was sent arrives, and what was never sent is a named fault.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  batchBytesMax,
  decodeBatch,
  encodeBatches,
  ethernetBytesMax,
  ethernetBytesMin,
} from '#proto/ethernet-batch.ts'
import { frameKind } from '#proto/wire.ts'

const frame = fc.uint8Array({ minLength: ethernetBytesMin, maxLength: ethernetBytesMax })

/** As the channel hands it over. */
const behindKind = (message: Uint8Array) => message.subarray(1)

const segments = fc.constantFrom('', 'shop', '~ann', `~${'a'.repeat(63)}`)

test('all frames arrive, in order and in their segment, in messages that are not too long', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 150, size: 'max' }), segments, (frames, segment) => {
      const messages = encodeBatches(frames, segment)
      const arrived = messages.flatMap((message) => {
        expect(message[0]).toBe(frameKind)
        expect(message.length).toBeLessThanOrEqual(batchBytesMax)
        const decoded = decodeBatch(behindKind(message))
        if ('fault' in decoded) throw new Error(decoded.fault.message)
        expect(decoded.segment).toBe(segment)
        return decoded.frames
      })
      expect(arrived).toEqual(frames)
    }),
    { numRuns: 30 },
  )
})

test('no frame at all is one message: a sign of life', () => {
  const [message, ...more] = encodeBatches([])
  expect(more).toEqual([])
  expect(decodeBatch(behindKind(message as Uint8Array))).toEqual({ segment: '', frames: [] })
})

test('bytes of anybody never throw, and give no frame that cannot be', () => {
  const noise = fc.uint8Array({ maxLength: 4000 })
  const begun = noise.map((bytes) => Uint8Array.of(1, 20, 0, ...bytes))
  const named = noise.map((bytes) => Uint8Array.of(2, 1, 97, 20, 0, ...bytes))
  fc.assert(
    fc.property(fc.oneof(noise, begun, named), (bytes) => {
      const decoded = decodeBatch(bytes)
      if ('fault' in decoded) expect(decoded.fault.code).toBe('bad-frame')
      else
        for (const { length } of decoded.frames) {
          expect(length).toBeGreaterThanOrEqual(ethernetBytesMin)
          expect(length).toBeLessThanOrEqual(ethernetBytesMax)
        }
    }),
  )
})

test('what is wrong is said', () => {
  const whyOf = (...bytes: number[]) => {
    const decoded = decodeBatch(Uint8Array.from(bytes))
    return 'fault' in decoded ? decoded.fault.message : 'nothing'
  }
  expect(whyOf(3)).toContain('its version is 3')
  for (const name of [[0], [5, 97], [1, 0x20], [2, 126], [65, ...new Array(65).fill(97)]])
    expect(whyOf(2, ...name), String(name)).toContain('its segment has no name')
  expect(whyOf(1, 20)).toContain('inside a length')
  expect(whyOf(1, 20, 0, 1, 2)).toContain('inside a frame')
  expect(whyOf(1, 13, 0, ...new Array(13).fill(0))).toContain('a frame of 13 bytes')
  expect(whyOf(1, 0xff, 0xff)).toContain('a frame of 65535 bytes')
  expect(whyOf(...new Array(batchBytesMax).fill(1))).toContain('it has 65536 bytes')
})
