// A coordinator that hangs, or is behind a network that swallows everything: no connection is
// closed, and the page says all the same that what it shows is old, and goes on when it is back.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CoordinatorDouble } from '../coordinator-double/coordinator-double.ts'
import { busyCluster } from '../coordinator-double/views.ts'
import { builtPage, chromiumPath, ownBrowser } from './browser-page.ts'

const browser = ownBrowser()

/** Passes everything on, until it is told to swallow it. */
async function road(port: number) {
  const ends = new Set<Socket>()
  let isSwallowing = false
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(from)
      from.on('data', (bytes) => isSwallowing || to.write(bytes))
      from.on('error', () => undefined)
      from.on('close', () => isSwallowing || to.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const end of ends) end.destroy()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    swallow: (is: boolean) => {
      isSwallowing = is
    },
  }
}

describe.skipIf(!chromiumPath)('a coordinator that says nothing', () => {
  test('is away, what is typed is kept, and it is live when it answers again', async () => {
    const double = await new CoordinatorDouble(busyCluster(), builtPage).listen()
    onTestFinished(() => double.close())
    const { url, swallow } = await road(Number(new URL(double.url).port))
    const page = await browser().newPage()
    onTestFinished(() => page.close())
    await page.goto(`${url}/#/vm/ledger`)
    await page.getByText('godwit-guest 1 workload=kv ready').first().waitFor()
    swallow(true)
    await page.getByText('coordinator away').waitFor()
    await page.getByLabel('A line for the guest').fill('1 ping')
    await page.keyboard.press('Enter')
    await page.getByText('what was typed is sent when it is back').waitFor()
    swallow(false)
    await page.getByText('live', { exact: true }).waitFor()
    await expect.poll(() => double.typed, { timeout: 20_000 }).toBe('1 ping\n')
  })
})
