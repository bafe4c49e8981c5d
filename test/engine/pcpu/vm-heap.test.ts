import fc from 'fast-check'
import { expect, test } from 'vitest'
import { VmHeap } from '#engine/pcpu/vm-heap.ts'

test('law: the first is always the one of the least key, and of those the one put in first', () => {
  const step = fc.record({ item: fc.nat(20), key: fc.nat(5) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new VmHeap<number>()
      let expected: { item: number; key: number }[] = []
      for (const { item, key } of steps) {
        const isIn = expected.some((entry) => entry.item === item)
        expect(heap.remove(item)).toBe(isIn)
        expected = expected.filter((entry) => entry.item !== item)
        if (!isIn) {
          heap.add(item, key)
          expected.push({ item, key })
        }
        const [first] = expected.toSorted((a, b) => a.key - b.key)
        expect([heap.first, heap.firstKey]).toEqual([first?.item, first?.key ?? Infinity])
        expect(heap.size).toBe(expected.length)
      }
    }),
  )
})

test('what is in it twice, or has no number, is a bug', () => {
  const heap = new VmHeap<string>()
  heap.add('a', 1)
  expect(() => heap.add('a', 2)).toThrow('twice')
  expect(() => heap.add('b', Number.NaN)).toThrow('no number')
})
