// One node close up on the page: what an operator may do with it as it stands, and what a
// laboratory offers besides. What disturbs is asked first, with what will happen.
import { describe, expect, test } from 'vitest'
import { busyCluster, laboratoryView } from '../coordinator-double/views.ts'
import { browserPage, chromiumPath, tile } from './browser-page.ts'

const open = browserPage()
const ids = ['n1', 'n2', 'n3', 'n4'] as const

describe.skipIf(!chromiumPath)('a node close up', () => {
  test('offers what its standing allows, and asks before it is emptied', async () => {
    const { page, double } = await open()
    await page.getByRole('link', { name: 'n2' }).click()
    const panel = page.getByRole('dialog', { name: 'n2' })
    expect(await panel.locator('.actions button').allTextContents()).toEqual(['Evacuate'])
    await panel.getByRole('button', { name: 'Evacuate' }).click()
    const asked = page.getByRole('dialog', { name: 'Evacuate n2?' })
    expect(await asked.innerText()).toContain('6 VMs move')
    await asked.getByRole('button', { name: 'Evacuate' }).click()
    await expect
      .poll(() => double.orders.map(({ path }) => path))
      .toEqual(['/v1/nodes/n2/evacuate'])
  })

  test('is asked about no more when it is lost meanwhile', async () => {
    const { page, double } = await open({ hash: '#/node/n2' })
    await page.locator('.panel').getByRole('button', { name: 'Evacuate' }).click()
    const asked = page.getByRole('dialog', { name: 'Evacuate n2?' })
    await asked.waitFor()
    const nodes = double.view.nodes.map((node) =>
      node.id === 'n2' ? { ...node, phase: 'fenced' as const } : node,
    )
    double.change({ nodes })
    await asked.waitFor({ state: 'detached' })
    await page.getByText('it is too late for “Evacuate”').waitFor()
    expect(double.orders).toEqual([])
  })

  test('is put to standby when it is empty, of replicas and of what comes there too', async () => {
    const { page, double } = await open({ hash: '#/node/n2' })
    const offered = page.locator('.panel .actions button')
    const nodes = double.view.nodes.map((node) => ({ ...node, vmCount: 0 }))
    const replica = {
      ...{ id: 'r-1', nodeId: 'n2', phase: 'ready', level: 'continuous', everyMs: 25 },
    }
    const vms = double.view.vms.map((vm) => (vm.id === 'shop' ? { ...vm, replica } : vm))
    const ended = double.view.migrations.filter(({ phase }) => phase !== 'copying')
    double.change({ nodes })
    await page.locator('.panel').getByText('VMs').waitFor()
    expect(await offered.allTextContents()).toEqual(['Evacuate']) // m-5 goes there.
    double.change({ migrations: ended })
    await expect.poll(() => offered.allTextContents()).toEqual(['Evacuate', 'Standby'])
    double.change({ vms: vms as never })
    await expect.poll(() => offered.allTextContents()).toEqual(['Evacuate'])
  })

  test('says how it stands beside that it is online, and whose replicas it keeps', async () => {
    const { page, double } = await open({ hash: '#/node/n2' })
    const panel = page.locator('.panel')
    const replica = { id: 'r-1', nodeId: 'n2', phase: 'ready', level: 'continuous', everyMs: 25 }
    double.changeVm('shop', { replica: replica as never })
    await expect.poll(() => panel.locator('.facts').first().innerText()).toMatch(/Replicas\s+shop/)
    const none = { expected: 0, low: 0, high: 0 }
    const evacuation = { total: 6, left: 0, moving: 0, stuck: [], forMs: 10, etaMs: none }
    const asIs = double.view.nodes
    const change = (some: object) =>
      double.change({ nodes: asIs.map((each) => (each.id === 'n2' ? { ...each, ...some } : each)) })
    change({ evacuation })
    await panel.getByText('n2 is online, and in maintenance').waitFor()
    change({ power: 'standby' })
    await panel.getByText('n2 is online, and in standby').waitFor()
  })

  test('tells a person nothing of what they may not see, and nothing untrue', async () => {
    const who = { name: 'ann', role: 'person', open: false } as const
    const view = busyCluster()
    const vms = view.vms.map((vm) => ({ ...vm, owner: 'ann' }))
    const { page } = await open({ hash: '#/node/n2', who, view: { ...view, vms } })
    const facts = await page.locator('.panel .facts dt').allInnerTexts()
    expect(facts).toEqual(['CPU', 'Wanted', 'Speed', 'Memory', 'VMs', 'Replicas'])
    const said = await page.locator('.sums, .node footer').allInnerTexts()
    expect(said.join(' ')).not.toMatch(/lease|Power|saved/)
    await page.goto(`${page.url().split('#')[0]}#/vm/shop`)
    await page.getByLabel('How many clones').waitFor()
    expect(await page.getByLabel('Node of the clones').count()).toBe(0)
  })

  test('can be linked, and is closed by Escape', async () => {
    const { page } = await open({ hash: '#/node/n3' })
    await page.getByRole('dialog', { name: 'n3' }).waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('open-n3')
    expect(await page.evaluate('location.hash')).toBe('#/')
  })

  test('offers nothing to who may only look, and no VM can be carried by them', async () => {
    const { page } = await open({ laboratory: laboratoryView(...ids) })
    const viewer = { name: 'ada', role: 'viewer', open: false }
    await page.route('**/v1/me', (route) => route.fulfill({ json: viewer }))
    await page.goto(`${page.url().split('#')[0]}?again#/node/n2`)
    await page.getByRole('dialog', { name: 'n2' }).waitFor()
    expect(await page.locator('.panel .actions button').count()).toBe(0)
    await tile(page, 'shop').hover()
    await page.mouse.down()
    await page.mouse.move(600, 300, { steps: 4 })
    expect(await page.locator('#carried').count()).toBe(0)
  })

  test('cannot be broken where the cluster is no laboratory', async () => {
    const { page } = await open({ hash: '#/node/n2' })
    await page.getByRole('dialog', { name: 'n2' }).waitFor()
    expect(await page.getByText('Break on purpose').count()).toBe(0)
  })

  test('is killed in a laboratory after a word of warning, and started again', async () => {
    const { page, double } = await open({
      hash: '#/node/n2',
      laboratory: laboratoryView(...ids),
      view: busyCluster(),
    })
    await page.getByRole('button', { name: 'Kill' }).click()
    const asked = page.getByRole('dialog', { name: 'Kill n2?' })
    expect(await asked.innerText()).toContain('start elsewhere')
    await page.keyboard.press('Escape')
    expect(double.orders).toEqual([])
    await page.getByRole('button', { name: 'Kill' }).click()
    await asked.getByRole('button', { name: 'Kill' }).click()
    await page.getByText('Broken on purpose: its process has ended.').waitFor()
    await page.getByRole('button', { name: 'Start again' }).click()
    await page.getByText('n2 is started again.').waitFor()
    expect(double.orders.map(({ body }) => body)).toEqual([{ do: 'kill' }, { do: 'revive' }])
  })
})
