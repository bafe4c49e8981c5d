// Templates on the page: made of a snapshot, seen, begun from and removed.

import { describe, expect, test } from 'vitest'
import type { IdentityView } from '#proto/accounts.ts'
import { RunRequest, TemplateRequest } from '#proto/api.ts'
import { templateLettersMax } from '#proto/ids.ts'
import { templateView } from '../coordinator-double/views.ts'
import { browserPage, chromiumPath } from './browser-page.ts'
import { focused, hit } from './by-keyboard.ts'

const open = browserPage()
const lamp = templateView('lamp', { about: 'A shop with its data', owner: 'anna' })
const late = templateView('late', { phase: 'making', owner: 'anna' })

async function openTemplates(
  list = [lamp, late],
  who?: IdentityView,
  size = { width: 1280, height: 900 },
) {
  const { page, double } = await open({ hash: '#/templates', size, ...(who && { who }) })
  const asked: { readonly did: string; readonly body: unknown }[] = []
  await page.route(/\/v1\/templates(\/\w+)?$/, (route) => {
    const request = route.request()
    if (request.method() === 'GET') return route.fulfill({ json: list })
    const did = `${request.method()} ${new URL(request.url()).pathname}`
    asked.push({ did, body: request.postDataJSON() })
    return route.fulfill({ status: 202, json: {} })
  })
  return { page, double, asked, dialog: page.getByRole('dialog') }
}

describe.skipIf(!chromiumPath)('templates', () => {
  test('are listed, and a new VM begins from one, by keyboard', async () => {
    const { page, double, dialog } = await openTemplates()
    await page.getByText('A shop with its data').waitFor()
    expect(await page.getByRole('button', { name: 'New VM of late' }).isDisabled()).toBe(true)
    await page.getByRole('button', { name: 'New VM of lamp' }).press('Enter')
    await dialog.getByText('A new VM of lamp').waitFor()
    expect(await dialog.getByLabel('Name').inputValue()).toBe('lamp')
    await dialog.getByLabel('Where').selectOption('n2')
    await dialog.getByLabel('Name').press('Enter')
    await page.waitForURL(/#\/vm\/lamp$/)
    expect(double.orders).toMatchObject([{ method: 'POST', path: '/v1/vms' }])
    expect(double.orders[0]?.body).toEqual({
      ...{ id: 'lamp', spec: {}, template: 'lamp', startOn: 'n2' },
    })
    expect(RunRequest.safeParse(double.orders[0]?.body).success).toBe(true)
  })

  test('take no name that a VM has', async () => {
    const { page, double, dialog } = await openTemplates([templateView('shop')])
    await page.getByRole('button', { name: 'New VM of shop' }).click()
    expect(await dialog.getByLabel('Name').inputValue()).toMatch(/^shop-\d$/)
    await dialog.getByLabel('Name').fill('shop')
    await dialog.getByRole('button', { name: 'Start' }).click()
    await dialog.getByRole('alert').getByText('There is a VM shop already').waitFor()
    expect(double.orders).toEqual([])
  })

  test('are removed when that is meant', async () => {
    const list = [lamp, late]
    const { page, asked, dialog } = await openTemplates(list)
    await page.getByRole('button', { name: 'Remove lamp' }).press('Enter')
    // What is grave is not the first thing that Enter does.
    await expect.poll(() => focused(page)).toBe('button cancel')
    await hit(page, 'button remove')
    await page.getByRole('status').getByText('Template lamp is being removed.').waitFor()
    expect(asked).toMatchObject([{ did: 'DELETE /v1/templates/lamp' }])
    expect(await dialog.count()).toBe(0)
    list.length = 0
    await page.getByText('There are none.').waitFor()
    expect(await focused(page)).toBe('h2 templates')
  })

  test('can be begun from in a narrow window, whatever they are called', async () => {
    const name = 'a'.repeat(templateLettersMax)
    const long = templateView(name, { about: 'A shop with all of its data. '.repeat(6) })
    for (const width of [380, 1280]) {
      const { page } = await openTemplates([long], undefined, { width, height: 800 })
      for (const word of ['New VM of', 'Remove']) {
        const box = await page.getByRole('button', { name: `${word} ${name}` }).boundingBox()
        expect((box?.x ?? width) + (box?.width ?? 0)).toBeLessThan(width)
      }
    }
  })

  test('that there are none is said, and how one is made', async () => {
    const { page } = await openTemplates([])
    await page.getByText('There are none. One is made of a snapshot').waitFor()
  })

  test('are there to look at for a viewer, and to begin from for who may not remove', async () => {
    const viewer = await openTemplates([lamp], { name: 'vera', role: 'viewer', open: false })
    await viewer.page.getByText('A shop with its data').waitFor()
    expect(await viewer.page.locator('table button').count()).toBe(0)
    const other = await openTemplates([lamp], { name: 'bert', role: 'person', open: false })
    await other.page.getByRole('button', { name: 'New VM of lamp' }).waitFor()
    expect(await other.page.locator('table button').count()).toBe(1)
  })

  test('are made of a snapshot, which is told, and seen then', async () => {
    const { page, asked, dialog } = await openTemplates()
    const before = { vmId: 'shop', name: 'before', phase: 'ready', takenWallMs: 1 }
    await page.route('**/v1/vms/shop/snapshots', (route) => route.fulfill({ json: [before] }))
    await page.evaluate("location.hash = '#/vm/shop'")
    await page.locator('details.snapshots summary').click()
    await page.getByRole('button', { name: 'Template…: before' }).click()
    await dialog.getByText('A template of shop as in before').waitFor()
    await dialog.getByLabel('Name of the template').fill('Lamp')
    await dialog.getByRole('button', { name: 'Make it' }).click()
    await dialog.getByRole('alert').getByText('A name is of a-z').waitFor()
    await dialog.getByLabel('Name of the template').fill('lamp')
    await dialog.getByLabel('What it is').fill('Our shop')
    await dialog.getByRole('button', { name: 'Make it' }).click()
    await page.waitForURL(/#\/templates$/)
    await page.getByRole('status').getByText('Template lamp is being made.').waitFor()
    expect(await focused(page)).toBe('h2 templates')
    expect(asked).toEqual([
      {
        did: 'POST /v1/templates',
        body: { name: 'lamp', about: 'Our shop', vm: 'shop', snapshot: 'before' },
      },
    ])
    expect(TemplateRequest.safeParse(asked[0]?.body).success).toBe(true)
  })
})
