// Nothing lies upon anything else, and no figure breaks off its line: in a large cluster, in front
// of somebody who has logged in, at the widths that people's windows have.

import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import type { ClusterView } from '#proto/api.ts'
import { nameLettersMax } from '#proto/ids.ts'
import { busyCluster, laboratoryView } from '../coordinator-double/views.ts'
import { browserPage, chromiumPath } from './browser-page.ts'

const open = browserPage()
const who = { name: 'olga', role: 'operator', open: false } as const
const widths = [1280, 1500, 1700]

/** Nodes with figures as long as they get. */
function largeCluster(): ClusterView {
  const view = busyCluster()
  const large = { cores: 32, mipsPerCore: 100, memoryMib: 65_536 }
  const nodes = view.nodes.map((node) => ({
    ...{ ...node, capacity: large, memoryReservedMib: 43_210 },
  }))
  const power = { ...view.power, watts: 1840, joules: 51, joulesAllOn: 100 }
  return { ...view, nodes, power }
}

const tops = (page: Page, selector: string) =>
  page
    .locator(selector)
    .evaluateAll((all) => [
      ...new Set(all.map((each) => Math.round(each.getBoundingClientRect().top))),
    ])

/** What is chosen can be read whole where a select without bounds would be no wider. */
const isChoiceCut = (page: Page, selector: string) =>
  page.evaluate(`(() => {
    const select = document.querySelector('${selector}')
    const free = select.cloneNode(true)
    free.value = select.value
    Object.assign(free.style, { maxWidth: 'none', width: 'max-content' })
    for (const option of [...free.options]) if (!option.selected) option.remove()
    select.after(free)
    const [own, wanted] = [select, free].map((each) => each.getBoundingClientRect().width)
    free.remove()
    return own + 1 < wanted
  })()`)

describe.skipIf(!chromiumPath)('the page of a large cluster', () => {
  test.each(widths)('has its sums in one row, %i pixels wide', async (width) => {
    const { page } = await open({ view: largeCluster(), who, size: { width, height: 900 } })
    await page.locator('.who').waitFor()
    await page.locator('.sums > div').first().waitFor()
    expect(await tops(page, '.sums > div')).toHaveLength(1)
    const heights = await page
      .locator('.meter .text')
      .evaluateAll((all) => all.map((each) => Math.round(each.getBoundingClientRect().height)))
    expect(new Set(heights).size).toBe(1)
  })

  test.each([380, 1280])('has room for a name of 63 letters, %i pixels wide', async (width) => {
    const name = 'a'.repeat(nameLettersMax)
    const view = busyCluster()
    const vms = view.vms.map((vm) => (vm.id === 'shop' ? { ...vm, id: name } : vm))
    const size = { width, height: 900 }
    const { page, double } = await open({
      view: { ...view, vms } as never,
      size,
      hash: `#/vm/${name}`,
    })
    // By text that reaches over the edge: what is cut there cannot be read.
    const isCut = (selector: string) =>
      page.locator(selector).evaluate((box) => box.scrollWidth > box.clientWidth)
    expect(await isCut('.panel')).toBe(false)
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    expect(await isCut('dialog')).toBe(false)
    await page.locator('dialog').getByRole('button', { name: 'Stop' }).click()
    await page.locator('.toasts p').waitFor()
    expect(await isCut('.toasts p')).toBe(false)
    expect(double.orders).toHaveLength(1)
  })

  test('has room for the ways of moving, as they are chosen', async () => {
    const { page } = await open({ hash: '#/vm/shop' })
    await page.getByRole('button', { name: 'Migrate…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Move shop to …' })
    const mode = dialog.getByLabel('Mode')
    await mode.selectOption('post-copy')
    expect(await isChoiceCut(page, 'dialog .ways select')).toBe(false)
  })

  test('cuts a link where a narrow window shows it without scrolling', async () => {
    const laboratory = laboratoryView('n1', 'n2', 'n3', 'n4')
    const { page, double } = await open({
      laboratory,
      size: { width: 380, height: 800 },
      hash: '#/links',
    })
    const cut = page.getByRole('button', { name: 'Cut the link between n1 and n2' })
    await cut.waitFor()
    expect((await cut.boundingBox())?.x).toBeLessThan(340)
    await double.close()
    await page.getByText('coordinator away').waitFor()
    expect(await cut.isDisabled()).toBe(true)
  })

  test.each(widths)('has a VM’s panel in which nothing overlaps, %i pixels wide', async (width) => {
    const size = { width, height: 900 }
    const { page } = await open({ view: largeCluster(), who, size, hash: '#/vm/shop' })
    await page.getByRole('button', { name: '×10' }).click()
    const boxes = await page.locator('.panel > *').evaluateAll((all) =>
      all.map((each) => {
        const { top, bottom } = each.getBoundingClientRect()
        return { top, bottom }
      }),
    )
    for (const [at, { bottom }] of boxes.entries())
      expect((boxes[at + 1]?.top ?? Number.POSITIVE_INFINITY) + 1).toBeGreaterThan(bottom)
    expect(await isChoiceCut(page, '[aria-label="Node of the clones"]')).toBe(false)
  })
})
