// Whole tasks by keyboard alone: what is needed is reached by Tab, done by Enter, and afterwards
// the focus is somewhere from which a person goes on. Nothing keeps the keyboard for good.
// Source: WCAG 2.2, success criteria 2.1.1, 2.1.2 and 2.4.3.

import { describe, expect, test } from 'vitest'
import { laboratoryView } from '../coordinator-double/views.ts'
import { browserPage, chromiumPath } from './browser-page.ts'
import { focused, hit, tabTo } from './by-keyboard.ts'

const open = browserPage()
const laboratory = laboratoryView('n1', 'n2', 'n3', 'n4')

describe.skipIf(!chromiumPath)('by keyboard alone', () => {
  test('a VM is opened, cloned ten times, and snapshotted', async () => {
    const { page, double } = await open()
    await page.keyboard.press('/')
    await page.keyboard.type('shop')
    await page.keyboard.press('Enter')
    await expect.poll(() => focused(page)).toBe('h2 shop')
    await hit(page, 'button ×10')
    // Enter in a field is what its form does.
    await hit(page, 'input how many clones')
    await expect.poll(() => focused(page)).toBe('button clone ×10')
    await page.keyboard.press('Enter')
    await expect.poll(() => double.orders.map(({ path }) => path)).toEqual(['/v1/vms/shop/clone'])
    await expect.poll(() => focused(page)).toBe('input how many clones')
    await tabTo(page, 'button snapshot', 'Shift+Tab')
    await page.keyboard.press('Enter')
    await expect.poll(() => double.orders.length).toBe(2)
    expect(await focused(page)).toBe('button snapshot')
  })

  test('a node is killed when that is meant, and the focus is not lost with its button', async () => {
    const { page, double } = await open({ laboratory })
    await hit(page, 'button skip to the nodes')
    await hit(page, 'a n2')
    await expect.poll(() => focused(page)).toBe('h2 n2')
    await hit(page, 'button kill')
    await expect.poll(() => focused(page)).toBe('button cancel')
    await page.keyboard.press('Enter')
    await expect.poll(() => focused(page)).toBe('button kill')
    expect(double.orders).toEqual([])
    await page.keyboard.press('Enter')
    await expect.poll(() => focused(page)).toBe('button cancel')
    await hit(page, 'button kill')
    await page.getByRole('button', { name: 'Start again' }).waitFor()
    expect(double.orders.map(({ body }) => body)).toEqual([{ do: 'kill' }])
    // Its button is gone: the panel has the focus, and what may be done now is the next things.
    await expect.poll(() => focused(page)).toBe('h2 n2')
    await hit(page, 'button start again')
    await expect.poll(() => double.orders.length).toBe(2)
  })

  test('a link is cut and healed by one button', async () => {
    const { page, double } = await open({ laboratory })
    await page.keyboard.press('2')
    await hit(page, 'button cut the link between n1 and n2')
    await expect.poll(() => focused(page)).toBe('button cancel')
    await hit(page, 'button cut')
    await expect.poll(() => focused(page)).toBe('button heal the link between n1 and n2')
    await page.keyboard.press('Enter')
    await expect
      .poll(() => double.orders.map(({ body }) => body))
      .toEqual([
        { do: 'cut-link', to: 'n2' },
        { do: 'heal-link', to: 'n2' },
      ])
  })

  test('the story is filtered, an event of it is linked, and all of it is shown again', async () => {
    const { page } = await open()
    await page.keyboard.press('3')
    await tabTo(page, 'select about')
    await page.keyboard.press('t')
    await expect.poll(() => page.evaluate('location.hash')).toBe('#/events?kind=trouble')
    await tabTo(page, 'input text')
    await page.keyboard.type('fenced')
    await hit(page, 'a event 8, 2026-11-23 09:14:12')
    const hash = () => page.evaluate('location.hash')
    await expect.poll(hash).toBe('#/events?kind=trouble&text=fenced&at=8')
    await tabTo(page, 'button show all', 'Shift+Tab')
    await page.keyboard.press('Enter')
    await expect.poll(hash).toBe('#/events')
    expect(await focused(page)).toBe('select node')
  })

  test('a terminal is entered, where Tab is the guest’s, and left again', async () => {
    const { page, double } = await open({ hash: '#/vm/ledger' })
    await page.getByText('godwit-guest 1 workload=kv ready').first().waitFor()
    await tabTo(page, 'textarea terminal input')
    await page.keyboard.type('1 ping')
    await page.keyboard.press('Tab')
    await expect.poll(() => double.typed).toBe('1 ping\t')
    await page.keyboard.press('Control+]')
    await expect.poll(() => focused(page)).toBe('input a line for the guest')
    await page.keyboard.press('Escape')
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('tile-ledger')
  })
})
