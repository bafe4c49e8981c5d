// Moving a VM by hand on the page: carried with a mouse or a finger, or by keyboard. What is seen
// before the drop, what is asked then, and what is told at the end.
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import {
  busyCluster,
  doneMigration,
  forecastView,
  migrationView,
} from '../coordinator-double/views.ts'
import { browserPage, chromiumPath, nodeCard, tile } from './browser-page.ts'

const open = browserPage()
const viewer = { name: 'vera', role: 'viewer', open: false } as const

async function middleOf(page: Page, nodeId: string) {
  const box = await nodeCard(page, nodeId).boundingBox()
  if (!box) throw new Error(`${nodeId} is not to be seen`)
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
}

async function carry(page: Page, vmId: string, nodeId: string) {
  await tile(page, vmId).hover()
  await page.mouse.down()
  const { x, y } = await middleOf(page, nodeId)
  await page.mouse.move(x, y, { steps: 5 })
}

describe.skipIf(!chromiumPath)('a VM that is carried to another node', () => {
  test('shows what it would be there before it is dropped, and what it was afterwards', async () => {
    const { page, double } = await open()
    await carry(page, 'shop', 'n2')
    await nodeCard(page, 'n2').getByText('Move to n2').waitFor()
    const seen = await nodeCard(page, 'n2').locator('.drop').innerText()
    expect(seen).toContain('9.6 ms')
    expect(seen).toContain('4.3 ms to 16.7 ms')
    await nodeCard(page, 'n3').getByText('Not here: n3 is suspect: it takes no VMs.').waitFor()
    expect(double.orders).toEqual([])
    await page.mouse.up()
    await page.getByText('shop is on n2: downtime 9.4 ms').waitFor()
    expect(double.orders).toEqual([
      { method: 'POST', path: '/v1/vms/shop/migrate', body: { to: 'n2' } },
    ])
    expect(await page.getByRole('dialog').count()).toBe(0)
  })

  test('is not moved where it may not go, and the reason is told', async () => {
    const { page, double } = await open()
    await carry(page, 'shop', 'n4')
    await nodeCard(page, 'n4').getByText('Not here').waitFor()
    await page.mouse.up()
    await page.getByRole('status').getByText('n4 is fenced: it takes no VMs.').waitFor()
    expect(double.orders).toEqual([])
  })

  test('stays where it is when Escape is pressed, or it is dropped beside', async () => {
    const { page, double } = await open()
    await carry(page, 'shop', 'n2')
    await page.locator('#carried span').waitFor()
    await page.keyboard.press('Escape')
    expect(await page.locator('#carried').count()).toBe(0)
    await page.mouse.up()
    await carry(page, 'shop', 'n2')
    await page.mouse.move(640, 20)
    await page.mouse.up()
    expect(double.orders).toEqual([])
    expect(await page.getByRole('dialog').count()).toBe(0)
    // What the pointer did before is no reason not to heed a key.
    await tile(page, 'shop').focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog', { name: 'shop' }).waitFor()
  })

  test('cannot be taken up when its phase does not allow it', async () => {
    const { page } = await open()
    await carry(page, 'proof', 'n2')
    await page.getByText('proof is paused by an operator: it cannot move now.').waitFor()
    expect(await page.locator('#carried').count()).toBe(0)
  })

  test('is carried with a finger after a short hold', async () => {
    const { page, double } = await open({ touch: true })
    const client = await page.context().newCDPSession(page)
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', x = 0, y = 0) =>
      client.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: type === 'touchEnd' ? [] : [{ x, y }],
      })
    const from = await tile(page, 'shop').boundingBox()
    if (!from) throw new Error('shop is not to be seen')
    const to = await middleOf(page, 'n2')
    await touch('touchStart', from.x + 20, from.y + 20)
    await page.locator('#carried span').waitFor()
    await touch('touchMove', to.x - 5, to.y)
    await touch('touchMove', to.x, to.y)
    await nodeCard(page, 'n2').getByText('Move to n2').waitFor()
    await touch('touchEnd')
    await expect.poll(() => double.orders.length).toBe(1)
  })
})

describe.skipIf(!chromiumPath)('a VM that has moved', () => {
  test('tells all that was sent, and no downtime of a forecast that it would not arrive', async () => {
    const view = busyCluster()
    const never = { expected: 0, low: 0, high: 0 }
    const forecast = { ...forecastView(), verdict: 'hopeless', way: 'given-up', downtimeMs: never }
    // With what came after the switchover, which its rounds know nothing of.
    const moved = doneMigration('m-1', { vmId: 'shop', bytes: 43_600_000, forecast } as never)
    const { page } = await open({ view: { ...view, migrations: [moved] }, hash: '#/vm/shop' })
    const last = page.getByRole('region', { name: 'Its last migration' })
    expect(await last.innerText()).toMatch(/9.4 ms downtime; it was expected to fail/)
    expect(await last.innerText()).toContain('43.6 MB')
    const history = await page.getByRole('row', { name: 'shop n1 → n2' }).innerText()
    expect(history).not.toMatch(/\b0 ms/)
  })

  test('is told to be on its way for a time that nobody knows, when its forecast is over', async () => {
    const forecast = { ...forecastView(), totalMs: { expected: 1, low: 1, high: 1 } }
    const moving = migrationView('m-1', { vmId: 'shop', round: 2, forecast })
    const { page } = await open({ view: { ...busyCluster(), migrations: [moving] } })
    const moves = page.getByRole('region', { name: 'Moving now' })
    await moves.getByText('round 2').waitFor()
    await page.waitForTimeout(50)
    expect(await moves.innerText()).toMatch(/Time to go\s+not known yet/)
  })
})

describe.skipIf(!chromiumPath)('a VM that is moved by keyboard', () => {
  test('is asked where to, with forecasts and refusals, and how', async () => {
    const { page, double } = await open()
    await tile(page, 'shop').focus()
    await page.keyboard.press('m')
    const dialog = page.getByRole('dialog', { name: 'Move shop to …' })
    await dialog.getByText('downtime 9.6 ms (4.3 ms to 16.7 ms)').waitFor()
    await dialog.getByText('n4 is fenced: it takes no VMs.').waitFor()
    await dialog.getByLabel('Of the link it takes').selectOption('at most 2 MB/s')
    await dialog.getByRole('button', { name: 'Best node' }).focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await expect.poll(() => double.orders.length).toBe(1)
    expect(double.orders[0]?.body).toEqual({
      to: 'n2',
      params: { bandwidthBytesPerSecMax: 2_000_000 },
    })
  })

  test('goes nowhere when a node that refuses it is chosen; Escape gives the focus back', async () => {
    const { page, double } = await open()
    await tile(page, 'shop').focus()
    await page.keyboard.press('m')
    await page.getByRole('dialog').getByText('n4 is fenced').waitFor()
    await page.keyboard.press('End')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Escape')
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('tile-shop')
    expect(double.orders).toEqual([])
  })

  test('keeps the focus on its tile when it arrives, and beside it when it is gone', async () => {
    const { page, double } = await open()
    const focus = () => page.evaluate('document.activeElement.id')
    await tile(page, 'shop').focus()
    double.changeVm('shop', { nodeId: 'n2' })
    await nodeCard(page, 'n2').locator('#tile-shop').waitFor()
    await expect.poll(focus).toBe('tile-shop')
    await page.keyboard.press('m')
    await expect.poll(focus).toBe('to-')
    double.changeVm('shop', { nodeId: 'n1' })
    await nodeCard(page, 'n1').locator('#tile-shop').waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(focus).toBe('tile-shop')
    double.change({ vms: double.view.vms.filter(({ id }) => id !== 'shop') })
    await expect.poll(focus).toBe('nodes')
  })

  test('is asked anew where it may go when a node is lost meanwhile', async () => {
    const { page, double } = await open()
    await tile(page, 'shop').press('m')
    const dialog = page.getByRole('dialog', { name: 'Move shop to …' })
    await dialog.getByText('downtime 9.6 ms').first().waitFor()
    const nodes = double.view.nodes.map((node) =>
      node.id === 'n2' ? { ...node, phase: 'fenced' as const } : node,
    )
    double.change({ nodes })
    await dialog.getByText('n2 is fenced: it takes no VMs.').waitFor()
  })

  test('is not asked about of who may not say where it runs', async () => {
    const { page } = await open({ who: viewer })
    await tile(page, 'shop').press('m')
    await tile(page, 'shop').press('Enter')
    await page.getByRole('dialog', { name: 'shop' }).waitFor()
    await page.keyboard.press('m')
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    expect(await page.locator('dialog').count()).toBe(1)
  })

  test('is asked about no more when it is gone, and another one takes its name', async () => {
    const { page, double } = await open()
    const dialogs = page.locator('dialog')
    const { vms } = double.view
    await tile(page, 'shop').press('m')
    await dialogs.waitFor()
    double.change({ vms: vms.filter(({ id }) => id !== 'shop') })
    await dialogs.waitFor({ state: 'detached' })
    double.change({ vms })
    await tile(page, 'shop').press('/')
    expect(await dialogs.count()).toBe(0)
  })

  test('says that the coordinator is away, and asks it again when it is back', async () => {
    const { page, double } = await open()
    await tile(page, 'shop').press('m')
    const dialog = page.getByRole('dialog', { name: 'Move shop to …' })
    const port = Number(new URL(double.url).port)
    await double.close()
    await dialog.getByText('The coordinator is away: it cannot move now.').waitFor()
    await dialog.getByLabel('Mode').selectOption('post-copy')
    await dialog.getByText('The coordinator does not answer').first().waitFor()
    await double.listen(port)
    await dialog.getByText('downtime 9.6 ms (4.3 ms to 16.7 ms)').waitFor()
  })
})

describe.skipIf(!chromiumPath)('a VM that moves', () => {
  const changes = (page: Page) => page.locator('.travel button').allTextContents()

  test('may be cancelled and hastened by who says where VMs run, and by nobody else', async () => {
    const { page, double } = await open()
    expect(await changes(page)).toEqual(['Go on as post-copy', 'Cancel'])
    await page.getByRole('button', { name: 'Cancel' }).click()
    await expect.poll(() => double.orders[0]?.path).toBe('/v1/migrations/m-5/cancel')
    const { page: viewers } = await open({ who: viewer })
    await viewers.locator('.travel').waitFor()
    expect(await changes(viewers)).toEqual([])
  })
})
