// The built page in a real browser, before a coordinator double: what a person sees and can do, by
// keyboard too.
import { describe, expect, test } from 'vitest'
import { busyCluster, clusterView } from '../coordinator-double/views.ts'
import { browserPage, chromiumPath, nodeCard, tile } from './browser-page.ts'

const open = browserPage()

// Skipped, with a word on the console, only where there is no browser.
describe.skipIf(!chromiumPath)('the page', () => {
  test('shows nodes, VMs on them, what moves and what moved', async () => {
    const { page } = await open()
    expect(await page.locator('.node h2').allTextContents()).toEqual([
      ...['n1', 'n2', 'n3', 'n4'],
      'On no node',
    ])
    expect(await tile(page, 'shop-3').ariaSnapshot()).toContain('shop-3 kv 2 % is running, 4 dirty')
    expect(await page.locator('.travel').innerText()).toContain('1,234 of 2,048')
    expect(await page.getByRole('row').count()).toBe(5)
    expect(await page.getByRole('row', { name: 'crunch' }).innerText()).toContain('9.4 ms')
  })

  test('shows who belongs where, who sleeps, and why a VM is where it is', async () => {
    const view = busyCluster()
    const [n1, ...rest] = view.nodes
    if (!n1) throw new Error('it has nodes')
    const rule = { kind: 'keep-apart', name: 'replicas', vms: ['shop-1', 'shop-3'], strict: true }
    const { page } = await open({
      view: {
        ...view,
        nodes: [{ ...n1, power: 'standby' }, ...rest],
        rules: [{ rule: rule as never, broken: ['shop-1, shop-3 on n1'] }],
      },
    })
    await page.route('**/v1/vms/shop-3/why', (route) =>
      route.fulfill({
        json: {
          ...{ vmId: 'shop-3', now: 'shop-3 is running, on n1: it had the least to do' },
          ...{ bound: [], mend: ['add a node'], story: [] },
          nodes: [{ id: 'n2', may: false, text: 'rule replicas keeps shop-3 apart from shop-1' }],
        },
      }),
    )
    expect(await page.locator('.node').first().innerText()).toContain('standby')
    expect(await page.locator('.rules').innerText()).toContain('shop-1, shop-3 on n1')
    await tile(page, 'shop-3').click()
    await page.getByText('Why is it there?').click()
    await page.getByText('it had the least to do').waitFor()
    const why = await page.locator('.why').innerText()
    expect(why).toContain('n2 rule replicas keeps shop-3 apart from shop-1')
    expect(why).toContain('add a node')
  })

  test('says which of several coordinators leads, and nothing where there is one', async () => {
    const { page, double } = await open()
    await page.locator('h1').getByText('0.1.0', { exact: true }).waitFor()
    expect(await page.locator('h1').innerText()).toMatch(/^Godwit *\n? *0\.1\.0$/)
    double.change({ leader: { name: 'c2', term: 7 } })
    await page.locator('h1').getByText('0.1.0, led by c2').waitFor()
  })

  test('follows the cluster as it changes', async () => {
    const { page, double } = await open({ view: clusterView() })
    await page.getByText('No node has joined yet.').waitFor()
    double.change(busyCluster())
    await tile(page, 'shop').waitFor()
    double.changeVm('shop', { nodeId: 'n2', phase: 'paused' })
    await nodeCard(page, 'n2').getByText('paused', { exact: true }).waitFor()
    expect(await nodeCard(page, 'n2').locator('#tile-shop').textContent()).toContain('paused')
  })

  test('does not say that a VM runs whose node is silent', async () => {
    const { page, double } = await open()
    double.changeVm('shop', { isUnknown: true })
    await tile(page, 'shop').getByText('unknown').waitFor()
    expect(await tile(page, 'shop').textContent()).toContain('may run or not')
    expect(await page.locator('.sums').innerText()).toContain('8 of 14, 1 unknown')
    await tile(page, 'shop').click()
    await page.getByText('shop may run or not, for its node is silent').waitFor()
    double.changeVm('shop', { isUnknown: undefined })
    await tile(page, 'shop').getByText('2 %').waitFor()
  })

  test('offers what may be done with a VM now, and nothing else', async () => {
    const { page, double } = await open()
    const buttons = async () => {
      const words = await page.locator('.actions button').allTextContents()
      return words.join(' ')
    }
    await tile(page, 'shop').click()
    expect(await buttons()).toBe('Migrate… Snapshot Pause Stop Clone ×10')
    await tile(page, 'archive').click()
    expect(await buttons()).toBe('Start Remove')
    await tile(page, 'night-job').click()
    expect(await buttons()).toBe('Stop')
    expect(double.orders).toEqual([])
  })

  test('asks once more before it stops a VM, and tells a refusal', async () => {
    const { page, double } = await open()
    await tile(page, 'shop').click()
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    expect(double.asked).toEqual([])
    double.change({ vms: double.view.vms.map((vm) => (vm.id === 'shop' ? { ...vm } : vm)) })
    const dialog = page.getByRole('dialog', { name: 'Stop shop?' })
    expect(await dialog.innerText()).toContain('its disk is kept')
    await dialog.getByRole('button', { name: 'Stop' }).click()
    await page.getByText('shop: stop is accepted.').waitFor()
    await expect.poll(() => double.orders.length).toBe(1)
  })

  test('clones a VM of the longest name under names that are none too long', async () => {
    const view = busyCluster()
    const name = 'a'.repeat(63)
    const vms = [{ ...view.vms.find(({ id }) => id === 'shop'), id: name }]
    const { page, double } = await open({
      view: { ...view, vms: vms as never },
      hash: `#/vm/${name}`,
    })
    await page.getByRole('button', { name: 'Clone', exact: true }).click()
    await expect.poll(() => double.orders[0]?.body).toEqual({ ids: [`${'a'.repeat(61)}-1`] })
  })

  test('finds the first few of many, and says how many more there are', async () => {
    const view = busyCluster()
    const [shop] = view.vms
    const vms = Array.from({ length: 60 }, (_, at) => ({ ...shop, id: `web-${at}` }))
    const { page } = await open({ view: { ...view, vms } as never })
    await page.keyboard.press('/')
    await page.keyboard.type('web')
    await page.getByText('and 52 more').waitFor()
    await page.keyboard.type('-59')
    expect(await page.locator('.find li').allInnerTexts()).toHaveLength(1)
  })

  test('says of who is not there that they are not, in their place', async () => {
    const { page, double } = await open()
    const asked: string[] = []
    page.on('websocket', (socket) => asked.push(socket.url()))
    await page.evaluate("location.hash = '#/vm/nobody'")
    const panel = page.locator('.panel')
    await panel.getByText('There is no VM nobody now.').waitFor()
    expect(asked.filter((url) => url.includes('nobody'))).toEqual([])
    expect(await panel.getByRole('link').getAttribute('href')).toBe('#/events?vm=nobody')
    await tile(page, 'shop').click()
    await page.getByRole('button', { name: 'Migrate…' }).click()
    await page.getByRole('dialog', { name: 'Move shop to …' }).waitFor()
    double.change({ vms: double.view.vms.filter(({ id }) => id !== 'shop') })
    await page.getByRole('status').getByText('shop is not there any more.').waitFor()
    await panel.getByText('There is no VM shop now.').waitFor()
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('panel-title')
  })

  test('stops no other VM that has taken the name while it was asked', async () => {
    const { page, double } = await open()
    await tile(page, 'shop').click()
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: 'Stop shop?' })
    await dialog.waitFor()
    const shop = double.view.vms.find(({ id }) => id === 'shop')
    double.changeVm('shop', {
      identity: { ...shop?.identity, instanceId: '1b6f6c4e-6c0b-4f0c-9c8e-0a5d0f3c1b2a' } as never,
    })
    await page.getByText('shop is not there any more.').waitFor()
    expect(await dialog.count()).toBe(0)
    expect(double.orders).toEqual([])
  })

  test('is worked by keyboard alone', async () => {
    const { page } = await open()
    await tile(page, 'shop').focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog', { name: 'shop' }).waitFor()
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('panel-title')
    await page.keyboard.press('Escape')
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0)
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('tile-shop')
  })

  test('talks with a guest', async () => {
    const { page, double } = await open()
    await tile(page, 'ledger').click()
    await page.getByText('godwit-guest 1 workload=kv ready').first().waitFor()
    await page.getByLabel('A line for the guest').fill('1 ping')
    await page.keyboard.press('Enter')
    await page.getByText('1 pong 4711').first().waitFor()
    expect(double.typed).toBe('1 ping\n')
  })

  test('says that it is stale when the coordinator is away, and comes back by itself', async () => {
    const { page, double } = await open()
    await tile(page, 'shop').click()
    const port = Number(new URL(double.url).port)
    await double.close()
    await page.getByText('coordinator away').waitFor()
    expect(await page.getByRole('button', { name: 'Migrate…' }).isDisabled()).toBe(true)
    expect(await tile(page, 'shop').isVisible()).toBe(true)
    await double.listen(port)
    await page.getByText('live', { exact: true }).waitFor()
    expect(await page.getByRole('button', { name: 'Migrate…' }).isEnabled()).toBe(true)
  })

  test('fits a narrow window: nothing is wider than it', async () => {
    const { page } = await open({ size: { width: 360, height: 740 } })
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
  })
})
