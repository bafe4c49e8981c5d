// The story on the page: what a link to one event shows, and that a list which holds still says how
// much waits, and lets go. Not here: which events are wanted (story-model.test.ts).
import { describe, expect, test } from 'vitest'
import { clusterView, eventView } from '../coordinator-double/views.ts'
import { browserPage, chromiumPath } from './browser-page.ts'
import { focused } from './by-keyboard.ts'

const open = browserPage()

const events = (count: number, first = 1) =>
  Array.from({ length: count }, (_, n) =>
    eventView(first + n, 'vm-running', `VM v${first + n} runs.`),
  )

describe.skipIf(!chromiumPath)('all events', () => {
  test('show the one that an address names, however many are newer', async () => {
    const view = clusterView({ events: events(700) })
    const { page } = await open({ view, hash: '/#/events?at=40' })
    await page.locator('li[aria-current=true]').getByText('VM v40 runs.').waitFor()
    await page.getByRole('button', { name: '39 older' }).waitFor()
  })

  test('hold still under a pointer, say how many wait, and go on when it has left', async () => {
    const { page, double } = await open({
      view: clusterView({ events: events(9) }),
      hash: '/#/events',
    })
    await page.getByText('VM v9 runs.').hover()
    double.change({ events: events(11) })
    await page.getByRole('button', { name: '2 new' }).click()
    await page.getByText('VM v11 runs.').waitFor()
    await page.mouse.move(5, 5)
    double.change({ events: events(12) })
    await page.getByText('VM v12 runs.').waitFor()
  })

  test('that waited are shown by keyboard, and the focus stays at the list', async () => {
    const { page, double } = await open({
      view: clusterView({ events: events(9) }),
      hash: '/#/events',
    })
    await page.locator('.events li a').first().focus()
    double.change({ events: events(11) })
    await page.getByRole('button', { name: '2 new' }).press('Enter')
    await page.getByText('VM v11 runs.').waitFor()
    expect(await page.evaluate('document.activeElement.tagName')).toBe('OL')
    await page.keyboard.press('Tab')
    await expect.poll(() => focused(page)).toMatch(/^a event 11,/)
  })
})

test.skipIf(!chromiumPath)(
  'beside the cluster it is said how many wait, also when as many fall out at the other end',
  async () => {
    const { page, double } = await open({ view: clusterView({ events: events(200) }) })
    await page.locator('.story').hover()
    double.change({ events: events(200, 4) })
    await page.getByText('3 new').waitFor()
    await page.mouse.move(5, 5)
    await page.locator('.story').getByText('VM v203 runs.').waitFor()
  },
)
