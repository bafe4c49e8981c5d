// Godwit's own coordinator on loads of the published form: it packs, it puts nodes to sleep, and
// what it is measured by is measured alike.
import { expect, test } from 'vitest'
import { runOwn } from '#scenarios/experiments/consolidation/own-coordinator.ts'
import { nodeTurns } from '#scenarios/sim/turns.ts'

const quiet = { percents: new Uint8Array(2).fill(10), everyMs: 300_000 }
const turns = nodeTurns()
const pause = { turns, breathe: async () => {} }
const trial = {
  ...{ variant: 'godwit', seed: 0, nodes: 4 },
  day: { name: 'quiet', traces: [quiet, quiet, quiet, quiet, quiet] },
}
const first = await runOwn({ keepsMemory: false }, trial, pause)

test('quiet VMs end up on few nodes, and the others draw nothing', () => {
  const { measures, nodesOn } = first
  expect(nodesOn[0]).toBe(4)
  expect(nodesOn.at(-1)).toBe(1)
  expect(measures.migrations).toBeGreaterThan(0)
  // Four idle nodes of two kinds would draw 359.4 W at least, for ten minutes.
  expect(measures.energyKwh).toBeLessThan((359.4 * 600) / 3_600_000 / 2)
  // Nothing is short of CPU, and only their downtime is lost.
  expect(measures.slatah).toBe(0)
  expect(measures.pdm).toBeLessThan(0.001)
})

test('when memory counts, as many nodes stay on as it takes', async () => {
  const { nodesOn } = await runOwn({ keepsMemory: true }, trial, pause)
  // 2 · 870, 2 · 1,740 and 1,740 MiB on nodes of 4,096: two of them.
  expect(nodesOn.at(-1)).toBe(2)
})

test('the same seed gives the same run', async () => {
  expect(await runOwn({ keepsMemory: false }, trial, pause)).toEqual(first)
})
