// A VM that a person starts from the page: names, mistakes and requests; and the form, by keyboard.

import { describe, expect, test } from 'vitest'
import { RunRequest } from '#proto/api.ts'
import { nameLettersMax, templateLettersMax } from '#proto/ids.ts'
import {
  freeName,
  type KindName,
  kinds,
  limitsMib,
  mistakeIn,
  requestOf,
  templateNameOf,
} from '../../dashboard/new-vm.ts'
import { browserPage, chromiumPath } from './browser-page.ts'

const names = Object.keys(kinds) as KindName[]
const wanted = (kind: KindName) => ({ ...kinds[kind].is, name: kind, node: '' })
const nobody = new Set<string>()

test('a name that nobody has is offered', () => {
  expect(freeName('store', nobody)).toBe('store')
  expect(freeName('store', new Set(['store', 'store-2', 'store-4']))).toBe('store-3')
})

test('a template is offered the name of its VM, as far as the coordinator has room for it', () => {
  expect(templateNameOf('shop')).toBe('shop')
  expect(templateNameOf('a'.repeat(nameLettersMax))).toBe('a'.repeat(templateLettersMax))
  expect(templateNameOf(`${'a'.repeat(templateLettersMax - 1)}-bbb`)).toMatch(/^a+$/)
})

test('each kind as it is offered is a request that the coordinator understands', () => {
  for (const kind of names) {
    expect(mistakeIn(wanted(kind), nobody)).toBeUndefined()
    const { id, spec, startOn } = RunRequest.parse(requestOf({ ...wanted(kind), node: 'n2' }))
    expect({ id, startOn, image: spec.image }).toEqual({
      ...{ id: kind, startOn: 'n2', image: kinds[kind].is.image },
    })
  }
})

test('the limits are those of the coordinator', () => {
  for (const [least, most] of [limitsMib.memory, limitsMib.disk])
    for (const [value, isGood] of [
      [least, true],
      [most, true],
      [least - 1, false],
      [most + 1, false],
    ] as const) {
      const one = {
        ...wanted('store'),
        ...(least === 0 ? { diskMib: value } : { memoryMib: value }),
      }
      expect(RunRequest.safeParse(requestOf(one)).success).toBe(isGood)
      expect(mistakeIn(one, nobody) === undefined).toBe(isGood)
    }
})

test('what is wrong is told with what would be right', () => {
  const said = (part: object) => mistakeIn({ ...wanted('store'), ...part }, new Set(['shop']))
  expect(said({ name: 'My VM' })).toMatch(/a-z, 0-9 and -/)
  expect(said({ name: 'shop-' })).toMatch(/no - at either end/)
  expect(said({ name: 'shop' })).toMatch(/already: choose another/)
  expect(said({ screen: 'large' })).toMatch(/800x600/)
})

const open = browserPage()

describe.skipIf(!chromiumPath)('the form', () => {
  test('keeps what was filled in when a press beside it meets the page', async () => {
    const { page } = await open()
    await page.getByRole('button', { name: 'New VM' }).click()
    const name = page.getByRole('dialog').getByLabel('Name')
    await name.fill('my-shop')
    await page.mouse.click(5, 400)
    expect(await name.inputValue()).toBe('my-shop')
    await page.keyboard.press('Escape')
    await expect.poll(() => name.count()).toBe(0)
  })

  test('keeps a name of one’s own when another guest is chosen', async () => {
    const { page } = await open()
    await page.getByRole('button', { name: 'New VM' }).click()
    const dialog = page.getByRole('dialog')
    const name = dialog.getByLabel('Name')
    await dialog.getByLabel('What it does').selectOption('desk')
    expect(await name.inputValue()).toBe('desk')
    await name.fill('my-desk')
    await dialog.getByLabel('What it does').selectOption('store')
    expect(await name.inputValue()).toBe('my-desk')
  })

  test('opens by a key, starts a VM by Enter, and shows it', async () => {
    const { page, double } = await open()
    await page.keyboard.press('n')
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('What it does').selectOption('desk')
    expect(await dialog.getByLabel('Name').inputValue()).toBe('desk')
    await dialog.getByLabel('Name').press('Enter')
    await page.waitForURL(/#\/vm\/desk$/)
    expect(double.orders).toMatchObject([
      {
        ...{ method: 'POST', path: '/v1/vms' },
        body: { id: 'desk', spec: { args: 'workload=desktop', screen: '800x600' } },
      },
    ])
  })

  test('keeps what was filled in when it is refused, and says why', async () => {
    const { page, double } = await open()
    await page.getByRole('button', { name: 'New VM' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('shop')
    await dialog.getByRole('button', { name: 'Start' }).click()
    await dialog.getByRole('alert').getByText('There is a VM shop already').waitFor()
    expect(await dialog.getByLabel('Name').inputValue()).toBe('shop')
    await page.keyboard.press('Escape')
    expect(double.orders).toEqual([])
  })
})
