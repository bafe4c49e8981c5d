// The map of a VM's pages: what it says to who does not see it, and whether who sees no colours can
// still tell one state from another.

import { describe, expect, test } from 'vitest'
import { asVmId } from '#proto/ids.ts'
import { pageStates, type SightView } from '#proto/sights.ts'
import { browserPage, chromiumPath } from './browser-page.ts'

const open = browserPage()
const vmId = asVmId('shop')

/** A row of 64 cells a state, a page a cell. */
const aRowEach: SightView = {
  pages: {
    ...{ vmId, pageCount: 7 * 64, pagesPerCell: 1 },
    counts: { zero: 64, own: 64, shared: 64, sent: 64, unsent: 64, dirty: 64, absent: 64 },
    runs: pageStates.flatMap((_, state) => [state, 64]),
  },
}

/** The greys of a cell of each row, one text a row: what is left of a picture without colours. */
const greys = `Array.from({ length: 7 }, (_, row) => {
  const canvas = document.querySelector('.page-map > canvas')
  const side = 5 * devicePixelRatio
  const { data } = canvas.getContext('2d').getImageData(10 * side, row * side, side, side)
  return Array.from({ length: side * side }, (_, at) => {
    const [red, green, blue, alpha] = data.subarray(4 * at, 4 * at + 4)
    return Math.round((alpha / 255) * (255 - (0.2126 * red + 0.7152 * green + 0.0722 * blue)) / 32)
  }).join(' ')
})`

describe.skipIf(!chromiumPath)('the map of pages', () => {
  test('says in words what it shows', async () => {
    const some = { zero: 0, own: 9000, shared: 0, sent: 0, unsent: 0, dirty: 1240, absent: 0 }
    const pages = {
      vmId,
      pageCount: 10_240,
      pagesPerCell: 3,
      counts: some,
      runs: [1, 3414],
    }
    const { page } = await open({ hash: '#/vm/shop', sight: { pages } })
    const words =
      'Map of 10,240 pages: 9,000 with content, 1,240 written since they were sent or looked at'
    await page.getByRole('img', { name: words, exact: true }).waitFor()
    const counts = await page.locator('.page-map .counts > div').allInnerTexts()
    expect(counts.map((text) => text.replace(/\s+/g, ' ').trim())).toEqual([
      ...['zero 0 0 %', 'content 9,000 88 %', 'shared 0 0 %', 'sent 0 0 %'],
      ...['to send 0 0 %', 'dirty 1,240 12 %', 'absent 0 0 %'],
    ])
  })

  test.each(['light', 'dark'] as const)(
    'tells its states apart without colour: %s',
    async (scheme) => {
      const { page } = await open({ hash: '#/vm/shop', scheme, sight: aRowEach })
      await page.getByRole('img', { name: /^Map of 448 pages/ }).waitFor()
      await expect.poll(async () => new Set(await page.evaluate<string[]>(greys)).size).toBe(7)
    },
  )
})
