// Nodes that were on, drawn over the hours of the day.

import { expect, test } from 'vitest'
import { markupOfLines } from '#scenarios/experiments/pictures.ts'

const measures = {
  ...{ energyKwh: 1, migrations: 1, slatah: 0, pdm: 0, slav: 0, esv: 0, shutdowns: 0, nodesOn: 1 },
}
const outcome = (variant: string, lookEverySec: number, nodesOn: readonly number[]) => ({
  ...{ variant, day: 'one', seed: 0, measures, nodesOn, lookEverySec },
})
const variants = ['dvfs', 'thr-mmt', 'godwit', 'npa']
const html = markupOfLines(variants, [
  outcome('dvfs', 300, [4, 3, 2, 1]),
  outcome('godwit', 100, [4, 4, 4, 3, 3, 3, 2, 2, 2, 1, 1, 1]),
  outcome('npa', 300, [800, 800, 800, 800]),
])

test('every variant has its line, by time and not by how often was looked', () => {
  const lines = [...html.matchAll(/<title>([^<]+)<\/title><polyline[^>]*points="([^"]+)"/g)]
  expect(lines.map(([, name]) => name)).toEqual(['dvfs', 'godwit'])
  const lastOf = (n: number) => lines[n]?.[2]?.split(' ').at(-1)
  expect(lastOf(0)).toBe(lastOf(1))
})

test('the axis tells the hour', () => {
  const hours = [...html.matchAll(/class="axis"[^>]*>([^<]+)</g)].map(([, text]) => text)
  expect(hours).toEqual(['0 h', '0.1 h', '0.2 h', '0.3 h'].slice(0, hours.length))
  expect(hours.length).toBeGreaterThan(2)
})
