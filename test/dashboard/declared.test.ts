// What was declared, on the page in a real browser: groups, each VM's policy and who said so; the
// layers of its disk, and merging them.

import { describe, expect, test } from 'vitest'
import { type HaGroup, HaPolicy } from '#proto/ha.ts'
import { busyCluster } from '../coordinator-double/views.ts'
import { violations } from './axe.ts'
import { browserPage, chromiumPath, tile } from './browser-page.ts'

const open = browserPage()
const groups: HaGroup[] = [
  { name: 'stores', vms: ['shop', 'ledger'], policy: { priority: 200, restarts: 3 } },
  { name: 'later', vms: [], policy: {} },
]
const disk = { sizeBytes: 1 << 24, layers: ['shop.3', 'shop.9', 'shop.17'] }

const declared = () => {
  const view = busyCluster()
  const policy = HaPolicy.parse({ ...groups[0]?.policy, locked: true })
  return {
    ...view,
    groups,
    vms: view.vms.map((vm) =>
      vm.id === 'shop' ? { ...vm, policy, ownPolicy: { locked: true }, disk } : vm,
    ),
  }
}

describe.skipIf(!chromiumPath)('what was declared', () => {
  test('stands beside the cluster, group by group', async () => {
    const { page } = await open({ view: declared() })
    const text = await page.getByRole('region', { name: 'What is declared' }).innerText()
    expect(text).toContain('stores shop, ledger priority 200, restarts 3')
    expect(text).toContain('later nobody nothing is said of all of them')
  })

  test('of a VM is told part by part, with who said it', async () => {
    const { page } = await open({ view: declared() })
    await tile(page, 'shop').click()
    await page.getByText('How is it kept running?').click()
    expect(await page.locator('.policy p').innerText()).toBe('It is in group stores, with ledger.')
    const row = (name: string) => page.locator('.policy').getByRole('row', { name }).innerText()
    expect(await row('Priority')).toMatch(/200\s+group stores/)
    expect(await row('Locked')).toMatch(/yes\s+this VM/)
    expect(await row('Goes to a better node')).toMatch(/yes\s+default/)
  })
})

describe.skipIf(!chromiumPath)('what was said of a VM itself', () => {
  test('is taken back, so that its group says it again', async () => {
    const { page, double } = await open({ view: declared(), hash: '#/vm/shop' })
    await page.getByText('How is it kept running?').click()
    const back = page.getByRole('button', { name: 'Take back what is said' })
    expect(await back.count()).toBe(1)
    await page.getByRole('button', { name: 'Take back what is said of it itself: Locked' }).click()
    await page.getByText('shop: it is declared.').waitFor()
    expect(double.orders).toMatchObject([{ path: '/v1/vms/shop/ha', body: { locked: null } }])
    double.changeVm('shop', { ownPolicy: undefined })
    await back.waitFor({ state: 'detached' })
    const who = { name: 'vera', role: 'viewer', open: false } as const
    const other = await open({ view: declared(), who, hash: '#/vm/shop' })
    await other.page.getByText('How is it kept running?').click()
    expect(await other.page.getByRole('button', { name: 'Take back' }).count()).toBe(0)
  })
})

describe.skipIf(!chromiumPath)('the layers of a disk', () => {
  test('are made one by the keyboard alone, and what comes of it is said', async () => {
    const { page, double } = await open({ view: declared(), hash: '#/vm/shop' })
    await page.getByText('Its disk: 16 MiB, 3 layers').focus()
    await page.keyboard.press('Enter')
    expect(await page.locator('.layers li').last().innerText()).toContain('what it writes to')
    const merge = page.getByRole('button', { name: 'Merge those below the top' })
    await merge.focus()
    await page.keyboard.press('Enter')
    await page.getByText('shop: the layers of its disk become one.').waitFor()
    expect(double.orders.at(-1)?.path).toBe('/v1/vms/shop/merge')
    await page.getByText('Its disk: 16 MiB, 2 layers').waitFor()
    expect(await merge.count()).toBe(0)
    expect(await page.evaluate('document.activeElement.tagName')).toBe('SUMMARY')
  })

  test('say how far a merge is, and why there is none', async () => {
    const { page, double } = await open({ view: declared(), hash: '#/vm/shop' })
    await page.getByText('Its disk: 16 MiB, 3 layers').click()
    const status = page.locator('.layers [role=status]')
    double.changeVm('shop', { merging: { layers: 2, phase: 'writing' } })
    await status.getByText('2 layers become one').waitFor()
    expect(await page.getByRole('button', { name: 'Merge those' }).count()).toBe(0)
    const replica = { id: 'r-1', nodeId: 'n2', phase: 'ready', everyMs: 5000 } as const
    double.changeVm('shop', { merging: undefined, replica: { ...replica, level: 'checkpoint' } })
    await status.getByText('Its replica on n2 names these layers').waitFor()
  })

  test('and policies are before an accessibility checker without a violation', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      const size = scheme === 'dark' ? { width: 380, height: 800 } : { width: 1280, height: 900 }
      const { page } = await open({ view: declared(), hash: '#/vm/shop', scheme, size })
      for (const text of ['How is it kept running?', 'Its disk: 16 MiB'])
        await page.getByText(text).click()
      expect(await violations(page)).toEqual([])
    }
  })
})
