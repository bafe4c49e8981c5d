// Every place of the page before an accessibility checker: no violation, in light and dark, wide
// and narrow, with panels and dialogs open, while a VM is carried, when the coordinator is away.
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { busyCluster, laboratoryView, templateView, vmView } from '../coordinator-double/views.ts'
import { violations } from './axe.ts'
import { browserPage, chromiumPath, nodeCard, tile } from './browser-page.ts'

const open = browserPage()

/** Both schemes and both widths; colours do not know of widths, so not each with each. */
const looks = [
  { colorScheme: 'light', size: { width: 1280, height: 900 } },
  { colorScheme: 'dark', size: { width: 320, height: 800 } },
] as const
const laboratory = laboratoryView('n1', 'n2', 'n3', 'n4')

/** Comes back when what was asked for has been drawn. */
const drawn = 'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))'

interface Place {
  readonly name: string
  readonly hash?: string
  readonly go: (page: Page) => Promise<unknown>
}
const lamp = templateView('lamp', { about: 'A shop with its data' })
/** Places that an address leads to. */
const addresses = [
  ...[
    '#/',
    '#/vm/shop',
    '#/vm/ledger',
    '#/vm/solo',
    '#/node/n2',
    '#/links',
    '#/templates',
    '#/load',
  ],
  ...['#/events?kind=trouble', '#/vm/desk/screen'],
]
const withDesk = () => {
  const view = busyCluster()
  const desk = vmView('desk', { args: 'workload=desktop', screen: '320x240' }, { nodeId: 'n1' })
  return { ...view, vms: [...view.vms, desk] }
}
const places: readonly Place[] = [
  { name: 'keys', go: (page) => page.keyboard.press('?') },
  {
    name: 'what is found',
    go: async (page) => {
      await page.keyboard.press('/')
      await page.keyboard.type('s')
    },
  },
  {
    name: 'a question',
    hash: '#/node/n2',
    go: (page) => page.getByRole('button', { name: 'Kill' }).click(),
  },
  {
    name: 'where to move',
    go: async (page) => {
      await tile(page, 'shop').focus()
      await page.keyboard.press('m')
      await page.getByRole('dialog').getByText('downtime 9.6 ms').waitFor()
    },
  },
  {
    name: 'a screen that is not there',
    go: async (page) => {
      await page.evaluate("location.hash = '#/vm/nobody/screen'")
      await page.getByText('There is no VM nobody now.').waitFor()
    },
  },
  {
    name: 'ten clones',
    hash: '#/vm/shop',
    go: async (page) => {
      await page.getByRole('button', { name: '×10', exact: true }).click()
      await page.getByRole('button', { name: 'Clone ×10' }).click()
    },
  },
  { name: 'a new VM', go: (page) => page.keyboard.press('n') },
  {
    name: 'a VM that is carried',
    go: async (page) => {
      await tile(page, 'shop').hover()
      await page.mouse.down()
      await page.mouse.move(190, 300, { steps: 4 })
      await nodeCard(page, 'n2').locator('.drop .facts').waitFor()
    },
  },
]

describe.skipIf(!chromiumPath)('the page before an accessibility checker', () => {
  const look = async (page: Page, place: string) => {
    for (const { colorScheme, size } of looks) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize(size)
      const found = await violations(page)
      expect({ place, colorScheme, size, found }).toMatchObject({ found: [] })
    }
  }

  // One page for all of them: to open one, and to warm the checker up, takes most of the time.
  test('every address', { timeout: 120_000 }, async () => {
    const { page } = await open({ laboratory, view: withDesk() })
    await page.route('**/v1/templates', (route) => route.fulfill({ json: [lamp] }))
    for (const hash of addresses) {
      await page.evaluate(`location.hash = '${hash}'`)
      await page.evaluate(drawn)
      await look(page, hash)
    }
  })

  test.each(places)('$name', async ({ name, hash = '', go }) => {
    const { page } = await open({ hash, laboratory, view: withDesk() })
    await go(page)
    await look(page, name)
  })

  test('when the coordinator is away', async () => {
    const { page, double } = await open({ hash: '#/vm/shop' })
    await double.close()
    await page.getByText('coordinator away').waitFor()
    expect(await violations(page)).toEqual([])
  })
})
