// Who looks at the page is asked again when the coordinator is back, and when a person comes back
// to the tab: what is offered is theirs. Not here: how one logs in (login.test.ts).

import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import type { IdentityView } from '#proto/accounts.ts'
import { busyCluster, doneMigration, vmView } from '../coordinator-double/views.ts'
import { browserPage, chromiumPath } from './browser-page.ts'

const open = browserPage()
const vera: IdentityView = { name: 'vera', role: 'viewer', open: false }
const olga: IdentityView = { name: 'olga', role: 'operator', open: false }
const newVm = (page: Page) => page.getByRole('button', { name: 'New VM' })
const isNow = (page: Page, who: IdentityView) =>
  page.route('**/v1/me', (route) => route.fulfill({ json: who }))
const comeBack = (page: Page) =>
  page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

describe.skipIf(!chromiumPath)('who looks', () => {
  test('is known later when nobody could say it at first', async () => {
    const { page } = await open()
    await newVm(page).waitFor()
    await isNow(page, vera)
    await comeBack(page)
    await newVm(page).waitFor({ state: 'detached' })
  })

  test('is not told that the coordinator is away where a screen is not theirs to see', async () => {
    const view = busyCluster()
    const desk = vmView('desk', { args: 'workload=desktop', screen: '320x240' })
    const { page } = await open({
      who: vera,
      view: { ...view, vms: [...view.vms, desk] },
      hash: '#/vm/desk',
    })
    await page.getByRole('dialog', { name: 'desk' }).waitFor()
    await page.evaluate("location.hash = '#/vm/desk/screen'")
    await page.getByText('The screen of desk is not yours to see.').waitFor()
    expect(await page.locator('canvas').count()).toBe(0)
  })

  test('is told of a copy without how many, of whose copies nothing is told', async () => {
    const copied = doneMigration('m-1', { purpose: 'clone', vmId: 'shop', cloneIds: [] })
    const { page } = await open({ who: vera, view: { ...busyCluster(), migrations: [copied] } })
    const row = page.getByRole('row', { name: 'shop cloned' })
    expect(await row.innerText()).toMatch(/^shop cloned on n2/)
  })

  test('is another one when another tab has logged them in', async () => {
    const { page } = await open({ who: olga })
    await newVm(page).waitFor()
    await isNow(page, vera)
    await comeBack(page)
    await page.getByText('vera').first().waitFor()
    expect(await newVm(page).count()).toBe(0)
  })
})
