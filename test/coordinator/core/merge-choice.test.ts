// The choice of the layers that are merged next: what it may never do, and what it costs over a
// long life, counted in what is written.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mergeLayersAbove } from '#coordinator/core/limits.ts'
import { chooseMerge, type LayerToWeigh } from '#coordinator/core/merge-choice.ts'

const many = mergeLayersAbove / 2
const layer = (name: string, weight = 1, namedBy: LayerToWeigh['namedBy'] = 'nobody') => ({
  ...{ name, weight, namedBy },
})
const layers = fc
  .array(
    fc.record({
      weight: fc.integer({ min: 1, max: 1000 }),
      namedBy: fc.constantFrom('nobody', 'snapshots', 'others'),
    }),
    { minLength: 2, maxLength: 62 },
  )
  .map((all) => all.map((one, n) => ({ name: `l${n}`, ...one })) as LayerToWeigh[])

test('law: what is chosen is adjacent and in order; of two or more layers some are', () => {
  fc.assert(
    fc.property(layers, fc.integer({ min: 2, max: 20 }), (all, few) => {
      const chosen = chooseMerge(all, few)
      expect(chosen.length).toBeGreaterThanOrEqual(2)
      const from = all.findIndex(({ name }) => name === chosen[0])
      const there = all.slice(from, from + chosen.length).map(({ name }) => name)
      expect(chosen).toEqual(there)
    }),
  )
})

test('of less than two layers none are merged', () => {
  expect(chooseMerge([], many)).toEqual([])
  expect(chooseMerge([layer('only')], many)).toEqual([])
})

test('a large old layer is left alone as long as there are enough young ones', () => {
  const young = Array.from({ length: 12 }, (_, n) => layer(`y${n}`))
  expect(chooseMerge([layer('old', 500), ...young], many)).toEqual(young.map(({ name }) => name))
})

test('what is shared with another VM is copied last', () => {
  const all = Array.from({ length: 20 }, (_, n) => layer(`l${n}`, 1, n < 9 ? 'others' : 'nobody'))
  expect(chooseMerge(all, many)).toEqual(all.slice(9).map(({ name }) => name))
  const mostly = Array.from({ length: 16 }, (_, n) =>
    layer(`l${n}`, n === 14 ? 9 : 1, n < 14 ? 'others' : 'nobody'),
  )
  expect(chooseMerge(mostly, many)).toEqual(expect.arrayContaining(['l0', 'l13']))
})

test('of equal ones the youngest are taken, and all of them', () => {
  const all = Array.from({ length: 16 }, (_, n) => layer(`l${n}`))
  expect(chooseMerge(all, many)).toHaveLength(16)
})

/** A disk that gets one layer after the other; each holds one block that no other has. */
function live(layersMade: number, base: readonly LayerToWeigh[] = []) {
  let sealed: LayerToWeigh[] = [...base]
  let [written, longest] = [0, 0]
  for (let n = 0; n < layersMade; n++) {
    sealed.push(layer(`l${n}`))
    longest = Math.max(longest, sealed.length + 1)
    if (sealed.length + 1 <= mergeLayersAbove) continue
    const chosen = new Set(chooseMerge(sealed, many))
    const weight = sealed.reduce((sum, one) => sum + (chosen.has(one.name) ? one.weight : 0), 0)
    written += weight
    const at = sealed.findIndex(({ name }) => chosen.has(name))
    sealed = sealed.filter(({ name }) => !chosen.has(name))
    sealed.splice(at, 0, layer(`m${n}`, weight))
  }
  return { perLayer: written / layersMade, longest, oldest: sealed[0]?.name }
}

test('law: a block is written log2(n) times in n layers at most, and the disk stays short', () => {
  for (const made of [100, 1000, 10_000]) {
    const { perLayer, longest } = live(made)
    expect(longest).toBe(mergeLayersAbove + 1)
    expect(perLayer).toBeLessThan(Math.log2(made))
  }
})

test("a template's layer lies below all that its VM writes, and is never copied", () => {
  const { oldest, longest, perLayer } = live(5000, [layer('system', 1, 'others')])
  expect([oldest, longest]).toEqual(['system', mergeLayersAbove + 1])
  expect(perLayer).toBeLessThan(Math.log2(5000))
})
