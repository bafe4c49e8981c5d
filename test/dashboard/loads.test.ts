// The graphs of loads in a panel: what they say in words, what they draw, that the numbers beside
// them are those of what is pointed at, and that nothing moves when they come.
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { graphText, marksOf } from '#dashboard/loads-model.ts'
import { percentText } from '#proto/quantity.ts'
import { eventView } from '../coordinator-double/views.ts'
import { browserPage, chromiumPath } from './browser-page.ts'

const open = browserPage()

/** How many different colours the canvas of a graph has: an empty one has one. */
const coloursOf = (page: Page, graph: number) =>
  page.evaluate<number>(`(() => {
    const canvas = document.querySelectorAll('.loads canvas')[${graph}]
    if (!canvas) return 0
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    return new Set(new Uint32Array(data.buffer)).size
  })()`)

test('a graph in words: each line from least to most, and now', () => {
  const lines = [
    ['used', [3, null, 98]],
    ['wanted', [4, 120, null]],
    ['drawn', [null, null, null]],
  ] as const
  const graph = { title: 'CPU', lines, text: percentText }
  expect(graphText(graph, [0, 300_000, 600_000])).toBe(
    'CPU, the last 10 minutes: used 3 % to 98 %, now 98 %; ' +
      'wanted 4 % to 120 %, now not known; drawn not known',
  )
})

test('what changed a load is marked, and what somebody else did is not', () => {
  const events = [
    { ...eventView(1, 'migration-queued', ''), vmId: 'a' },
    { ...eventView(2, 'migration-done', ''), vmId: 'a' },
    { ...eventView(3, 'migration-done', ''), vmId: 'b' },
    { ...eventView(4, 'vm-crashed', ''), vmId: 'a', nodeId: 'n1' },
  ]
  const [done, , crashed] = events.slice(1)
  expect(marksOf(events, ({ vmId }) => vmId === 'a')).toEqual([
    { wallMs: done?.wallMs, tone: 'move' },
    { wallMs: crashed?.wallMs, tone: 'bad' },
  ])
})

describe.skipIf(!chromiumPath)('in the page', () => {
  test.each(['#/vm/shop', '#/node/n1'])('%s: three graphs, drawn and said', async (hash) => {
    const { page } = await open({ hash })
    const graphs = page.locator('.loads').getByRole('img')
    await expect.poll(() => graphs.count()).toBe(3)
    await page.getByRole('img', { name: /^CPU, the last 30 minutes: used \d+ % to/ }).waitFor()
    for (const graph of [0, 1, 2])
      await expect.poll(() => coloursOf(page, graph)).toBeGreaterThan(20)
  })

  test('the cluster has a place for its own: four graphs', async () => {
    const { page } = await open()
    await page.getByRole('link', { name: 'Load', exact: true }).click()
    await page.getByRole('img', { name: /^Power, the last 30 minutes: drawn .* slept/ }).waitFor()
    for (const graph of [0, 1, 2, 3])
      await expect.poll(() => coloursOf(page, graph)).toBeGreaterThan(20)
  })

  test('the numbers are those of the moment that is pointed at, in all graphs', async () => {
    const { page } = await open({ hash: '#/vm/shop' })
    await page.getByRole('img', { name: /^CPU, the last/ }).waitFor()
    await expect.poll(() => coloursOf(page, 0)).toBeGreaterThan(20)
    const numbers = () => page.locator('.loads figcaption').allInnerTexts()
    const now = await numbers()
    const canvas = page.locator('.loads .u-over').first()
    await canvas.scrollIntoViewIfNeeded()
    await canvas.hover({ position: { x: 40, y: 20 } })
    await page.locator('.loads h3', { hasText: /at .*\d\d:\d\d/ }).waitFor()
    const then = await numbers()
    expect(then).toHaveLength(3)
    for (const [graph, text] of then.entries()) expect(text).not.toBe(now[graph])
    await page.mouse.move(0, 0)
    await expect.poll(numbers).toEqual(now)
  })

  test('nothing moves when they come', async () => {
    const { page } = await open()
    let answer = () => {}
    const held = new Promise<void>((resolve) => (answer = resolve))
    await page.route('**/loads', async (route) => {
      await held
      await route.continue()
    })
    await page.locator('#tile-shop').click()
    const facts = page.locator('.panel > .facts')
    await page.getByRole('img', { name: 'CPU: not known yet' }).waitFor()
    const before = await facts.boundingBox()
    answer()
    await page.getByRole('img', { name: /^CPU, the last/ }).waitFor()
    await expect.poll(() => coloursOf(page, 0)).toBeGreaterThan(20)
    expect(await facts.boundingBox()).toEqual(before)
  })
})
