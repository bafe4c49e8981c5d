// The snapshots of a VM on the page: seen, gone back to and dropped, each after it was asked.

import { describe, expect, test } from 'vitest'
import { violations } from './axe.ts'
import { browserPage, chromiumPath } from './browser-page.ts'
import { focused, hit } from './by-keyboard.ts'

const open = browserPage()
const own = { vmId: 'shop', phase: 'ready', takenWallMs: Date.UTC(2026, 3, 11, 9) }
const snapshots = [
  { ...own, name: 'after', isCurrent: true, takenWallMs: own.takenWallMs + 60_000 },
  { ...own, name: 'before' },
]

async function openWith(list: readonly object[]) {
  const { page } = await open({ hash: '#/vm/shop' })
  const asked: string[] = []
  await page.route('**/v1/vms/shop/snapshots', (route) => route.fulfill({ json: list }))
  const told = async (url: RegExp) =>
    page.route(url, async (route) => {
      const request = route.request()
      asked.push(`${request.method()} ${new URL(request.url()).pathname} ${request.postData()}`)
      await route.fulfill({ status: 202, json: {} })
    })
  await told(/snapshots\/\w+$/)
  await told(/restore$/)
  const part = page.locator('details.snapshots')
  await part.locator('summary').click()
  return { page, part, asked, question: page.locator('dialog') }
}

describe.skipIf(!chromiumPath)('the snapshots of a VM', () => {
  test('are there the oldest first, and the VM goes back to one when that is meant', async () => {
    const { page, part, asked, question } = await openWith(snapshots)
    await part.getByText('before').waitFor()
    expect(await part.locator('li b').allInnerTexts()).toEqual(['before', 'after'])
    expect(await part.locator('li').nth(1).innerText()).toContain('the VM came from here')
    expect(await violations(page)).toEqual([])
    await part.getByRole('button', { name: 'Go back to it' }).first().press('Enter')
    await question.getByText('Take shop back to before?').waitFor()
    expect(asked).toEqual([])
    await question.getByRole('button', { name: 'Go back to it' }).click()
    await page.getByRole('status').getByText('shop goes back to before.').waitFor()
    expect(asked).toEqual(['POST /v1/vms/shop/restore {"snapshot":"before"}'])
  })

  test('are dropped one by one, and that there are none is said', async () => {
    const { part, asked, question, page } = await openWith(snapshots)
    await part.getByRole('button', { name: 'Drop' }).first().click()
    await question.getByRole('button', { name: 'Drop' }).click()
    await page.getByRole('status').getByText('before is being dropped.').waitFor()
    expect(asked).toEqual(['DELETE /v1/vms/shop/snapshots/before null'])
    const none = await openWith([])
    await none.part.getByText('There are none.').waitFor()
  })

  test('are gone back to and dropped by keyboard alone, and the focus stays among them', async () => {
    const { page, asked, part } = await openWith(snapshots)
    await part.getByText('before').waitFor()
    await part.locator('summary').focus()
    await hit(page, 'button go back to it: before')
    // What is grave is not the first thing that Enter does.
    await expect.poll(() => focused(page)).toBe('button cancel')
    await page.keyboard.press('Escape')
    await expect.poll(() => focused(page)).toBe('button go back to it: before')
    expect(asked).toEqual([])
    await page.keyboard.press('Enter')
    await expect.poll(() => focused(page)).toBe('button cancel')
    await hit(page, 'button go back to it')
    await expect.poll(() => asked.length).toBe(1)
    await expect.poll(() => focused(page)).toBe('button go back to it: before')
    await hit(page, 'button drop: before')
    await expect.poll(() => focused(page)).toBe('button cancel')
    await hit(page, 'button drop')
    await expect.poll(() => asked[1]).toBe('DELETE /v1/vms/shop/snapshots/before null')
    await expect.poll(() => focused(page)).toBe('summary its snapshots')
  })
})
