// What a guest has said and nobody may see yet: it goes out in order, as far as a checkpoint was
// kept, and once.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HeldOutput } from '#node-agent/replication/held-output.ts'

const console = { outputEnd: 0, accepted: 0, screenAccepted: 0 }
const frame = (n: number) => Uint8Array.of(n & 0xff, n >> 8)
type Held = ReturnType<HeldOutput['release']>[number]
const framesOf = (held: Held) => ('frames' in held ? held.frames : [])
const everything = { batches: Number.POSITIVE_INFINITY }

test('what came before a mark goes out with it, and what came behind it waits', () => {
  const output = new HeldOutput()
  output.hold({ frames: [frame(1)], lost: 0 })
  const mark = output.mark(console)
  output.hold({ frames: [frame(2)], lost: 3 })
  expect(output.release(mark)).toEqual([{ frames: [frame(1)], lost: 0 }])
  expect(output.release(mark)).toEqual([])
  expect(output.release(everything)).toEqual([{ frames: [frame(2)], lost: 3 }])
})

test('an older mark than what has gone out lets nothing out', () => {
  const output = new HeldOutput()
  const early = output.mark(console)
  output.hold({ frames: [frame(1)], lost: 0 })
  output.release(output.mark(console))
  output.hold({ frames: [frame(2)], lost: 0 })
  expect(output.release(early)).toEqual([])
})

test('what is too much is lost, as on any network, and counted; room that is free again is used', () => {
  const output = new HeldOutput()
  const many = Array.from({ length: 4096 }, (_, n) => frame(n))
  output.hold({ frames: many, lost: 0 })
  output.hold({ frames: [frame(1), frame(2)], lost: 1 })
  const [first, second] = output.release(everything)
  expect(first && framesOf(first)).toHaveLength(4096)
  expect(second).toEqual({ frames: [], lost: 3 })
  output.hold({ frames: [frame(9)], lost: 0 })
  expect(output.release(everything)).toEqual([{ frames: [frame(9)], lost: 0 }])
})

test('law: all of it, once, in order, and none before its mark', () => {
  const acts = fc.array(fc.constantFrom('hold', 'mark', 'release'), { maxLength: 60 })
  fc.assert(
    fc.property(acts, (doing) => {
      const output = new HeldOutput()
      const marks: { readonly batches: number; readonly held: number }[] = []
      const out: number[] = []
      let held = 0
      let released = 0
      for (const act of doing) {
        if (act === 'hold') output.hold({ frames: [frame(held++)], lost: 0 })
        if (act === 'mark') marks.push({ ...output.mark(console), held })
        const mark = act === 'release' ? marks.shift() : undefined
        if (!mark) continue
        released = mark.held
        for (const batch of output.release(mark)) out.push(...framesOf(batch).map(([n = 0]) => n))
        expect(out).toEqual(Array.from({ length: released }, (_, n) => n))
      }
      for (const batch of output.release(everything))
        out.push(...framesOf(batch).map(([n = 0]) => n))
      expect(out).toEqual(Array.from({ length: held }, (_, n) => n))
    }),
  )
})
