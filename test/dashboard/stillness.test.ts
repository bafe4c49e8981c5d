// Nothing jumps: while loads, leases, rounds and events stream in, no part of the page moves that a
// person did not move; and a list that somebody is at holds still until they leave it.
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import type { CoordinatorDouble } from '../coordinator-double/coordinator-double.ts'
import { busyCluster, eventView } from '../coordinator-double/views.ts'
import { browserPage, chromiumPath } from './browser-page.ts'

const open = browserPage()

/**
 * What moved and how far, as the browser counts it: https://wicg.github.io/layout-instability/
 * A number that becomes longer where it stands has one edge where it was, and moves nothing.
 */
const watchShifts = `
  window.shifts = []
  const isMoved = (one, other) =>
    Math.abs(one.y - other.y) > 1 ||
    (Math.abs(one.left - other.left) > 1 && Math.abs(one.right - other.right) > 1)
  const said = (r) => [r.x, r.y, r.width, r.height].map(Math.round).join(' ')
  new PerformanceObserver((list) => {
    for (const { sources } of list.getEntries())
      for (const { node, previousRect, currentRect } of sources)
        if (isMoved(previousRect, currentRect))
          window.shifts.push((node?.className || node?.textContent || node?.nodeName) +
            ': ' + said(previousRect) + ' → ' + said(currentRect))
  }).observe({ type: 'layout-shift', buffered: false })`

/** Loads, leases and pages as different as they can be. */
async function stream(page: Page, double: CoordinatorDouble, times: number) {
  for (let n = 0; n < times; n++) {
    const high = n % 2 === 0
    const { vms, nodes, migrations } = double.view
    double.change({
      vms: vms.map((vm) =>
        vm.load
          ? {
              ...vm,
              load: { ...vm.load, cpuGotPercent: high ? 100 : 0, mips: high ? 12_345 : 0.1 },
            }
          : vm,
      ),
      nodes: nodes.map((node) => ({
        ...node,
        cpuGotPercent: high ? 200 : 0,
        leaseLeftMs: high ? 2500 : 9,
        memoryUsedMib: high ? 12_345 : 1,
      })),
      migrations: migrations.map((move) =>
        move.phase === 'copying'
          ? {
              ...move,
              round: high ? 12 : 1,
              sentPages: high ? 1_234_567 : 1,
              bytes: high ? 9e9 : 1,
            }
          : move,
      ),
    })
    await page.waitForTimeout(60)
  }
}

describe.skipIf(!chromiumPath)('while everything changes', () => {
  test.each(['', '#/vm/shop', '#/vm/ledger', '#/node/n1'])('nothing moves at %s', async (hash) => {
    const { page, double } = await open({ hash })
    await page.waitForTimeout(600)
    await page.evaluate(watchShifts)
    await stream(page, double, 12)
    expect(await page.evaluate('window.shifts')).toEqual([])
  })

  test('a list of events holds still for who is at it, and shows what came after', async () => {
    const { page, double } = await open({ hash: '#/events' })
    const list = page.locator('.events ol')
    await list.getByText('Node n1 is online.').hover()
    await page.waitForTimeout(300)
    await page.evaluate(watchShifts)
    const { events } = busyCluster()
    double.change({ events: [...events, eventView(11, 'node-online', 'Node n9 is online.')] })
    await page.getByRole('button', { name: '1 new' }).waitFor()
    expect(await list.getByText('Node n9 is online.').count()).toBe(0)
    expect(await page.evaluate('window.shifts')).toEqual([])
    await page.mouse.move(1, 1)
    await list.getByText('Node n9 is online.').waitFor()
  })
})
