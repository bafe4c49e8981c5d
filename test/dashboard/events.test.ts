// The story on the page: what a link to one event shows, and that a list which holds still says how
// much waits, and lets go. Not here: which events are wanted (story-model.test.ts).
import { describe, test } from 'vitest'
import { clusterView, eventView } from '../coordinator-double/views.ts'
import { browserPage, chromiumPath } from './browser-page.ts'

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
})
