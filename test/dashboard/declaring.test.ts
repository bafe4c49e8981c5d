// What a person declares on the page: the requests that become of the forms, and the forms.

import { describe, expect, test } from 'vitest'
import type { VmView } from '#proto/api.ts'
import { HaPolicy, HaRule, haSettingsDefault } from '#proto/ha.ts'
import { noRule, policyChangeOf, policyOf, ruleOf, wantedOf } from '../../dashboard/declaring.ts'
import { busyCluster, vmView } from '../coordinator-double/views.ts'
import { violations } from './axe.ts'
import { browserPage, chromiumPath } from './browser-page.ts'
import { focused } from './by-keyboard.ts'

describe('a policy', () => {
  const vm: VmView = vmView('shop', {})
  const changed = (part: object, of = vm) => policyChangeOf(of, { ...policyOf(of), ...part })

  test('that was not changed says nothing', () => {
    expect(changed({})).toEqual({ value: {} })
    const kept = { ...vm, policy: HaPolicy.parse({ protection: 'checkpoint', relocations: 2 }) }
    expect(changed({}, kept)).toEqual({ value: {} })
  })

  test('says what was changed, and nothing else', () => {
    expect(changed({ priority: 200, locked: true })).toEqual({
      value: { priority: 200, locked: true },
    })
    expect(changed({ protection: 'continuous', checkpointMs: 50 })).toEqual({
      value: { protection: 'continuous' },
    })
    expect(changed({ protection: 'checkpoint', checkpointMs: 900 })).toEqual({
      value: { protection: 'checkpoint', checkpointMs: 900 },
    })
  })

  test('says how often, also as the level has it, where something else was said before', () => {
    const often = { ...vm, policy: HaPolicy.parse({ protection: 'checkpoint', checkpointMs: 900 }) }
    expect(changed({ protection: 'continuous', checkpointMs: 50 }, often)).toEqual({
      value: { protection: 'continuous', checkpointMs: 50 },
    })
    expect(changed({ protection: 'continuous', checkpointMs: 900 }, often)).toEqual({
      value: { protection: 'continuous' },
    })
  })

  test('of who starts before it: by names, and nobody where nothing is written', () => {
    expect(changed({ after: 'db group:stores' })).toEqual({
      value: { after: ['db', 'group:stores'] },
    })
    const kept = { ...vm, policy: HaPolicy.parse({ after: ['db', 'group:stores'] }) }
    expect(policyOf(kept).after).toBe('db, group:stores')
    expect(changed({ after: 'db,group:stores' }, kept)).toEqual({ value: {} })
    expect(changed({ after: '' }, kept)).toEqual({ value: { after: [] } })
    expect(changed({ after: 'My VM' })).toMatchObject({ mistake: /^Write VMs by their names/ })
  })

  test('of relocations: a number, or as if never said; and what is neither is told', () => {
    const kept = { ...vm, policy: HaPolicy.parse({ relocations: 2 }) }
    expect(changed({ relocations: ' ' }, kept)).toEqual({ value: { relocations: null } })
    expect(changed({ relocations: '3' }, kept)).toEqual({ value: { relocations: 3 } })
    expect(changed({ relocations: 'many' })).toMatchObject({
      mistake: /^Starts on other nodes .* 0 to 100/,
    })
    expect(changed({ priority: 5000 })).toMatchObject({ mistake: /^The priority .* 0 to 1,000/ })
  })
})

describe('a rule', () => {
  const apart = { ...noRule, name: 'apart', vms: 'shop, ledger' }
  const home = { ...apart, name: 'home', kind: 'node-affinity' as const, nodes: 'n1:2 n2' }

  test('is read from its fields, and written into them', () => {
    for (const wanted of [apart, home, { ...apart, kind: 'keep-together' as const }]) {
      const read = ruleOf(wanted)
      expect(HaRule.safeParse('value' in read && read.value).success).toBe(true)
      expect('value' in read && ruleOf(wantedOf(read.value))).toEqual(read)
    }
    expect(ruleOf(home)).toMatchObject({
      value: { nodes: [{ id: 'n1', priority: 2 }, { id: 'n2' }], vms: ['shop', 'ledger'] },
    })
  })

  test('that makes no sense is told', () => {
    expect(ruleOf({ ...apart, vms: 'shop' })).toEqual({
      mistake: 'Write VMs by their names, and groups as group:NAME: two VMs, or a group, at least.',
    })
    expect(ruleOf({ ...home, vms: '' })).toMatchObject({ mistake: /one VM, or a group, at least/ })
    // A blank behind the colon makes no node out of the priority.
    for (const nodes of ['', 'n1:x', 'n1:', 'n1: 2, n2: 1'])
      expect(ruleOf({ ...home, nodes })).toMatchObject({ mistake: /^Write nodes .* n1:2, n2/ })
  })
})

const open = browserPage()
const rule: HaRule = { kind: 'keep-apart', name: 'far', vms: ['shop', 'ledger'], strict: true }
const withRule = () => ({ ...busyCluster(), rules: [{ rule, broken: [] }] })

describe.skipIf(!chromiumPath)('the form', () => {
  test('of a policy sends what was changed, and says why when that is refused', async () => {
    const { page, double } = await open({ hash: '#/vm/shop' })
    await page.getByText('How is it kept running?').click()
    await page.getByRole('button', { name: 'Change…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('When its node is lost, it').selectOption('checkpoint')
    expect(await dialog.getByLabel('A checkpoint every').inputValue()).toBe('5000')
    await dialog.getByLabel('Priority').fill('2000')
    expect(await violations(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Declare' }).click()
    await dialog.getByRole('alert').getByText('The priority is').waitFor()
    await dialog.getByLabel('Priority').fill('200')
    await dialog.getByLabel('Starts after').fill('ledger')
    await dialog.getByLabel('Locked').check()
    await dialog.getByLabel('Priority').press('Enter')
    await page.getByRole('status').getByText('shop: it is declared.').waitFor()
    expect(double.orders).toMatchObject([
      {
        ...{ method: 'PATCH', path: '/v1/vms/shop/ha' },
        body: { protection: 'checkpoint', priority: 200, after: ['ledger'], locked: true },
      },
    ])
  })

  test('of a rule declares a new one, and changes it', async () => {
    const { page, double } = await open({ view: withRule() })
    await page.getByRole('button', { name: 'New rule…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('What it is about').selectOption('node-affinity')
    await dialog.getByLabel('Name').fill('far')
    await dialog.getByLabel('VMs, or groups').fill('shop')
    await dialog.getByLabel('Nodes, with').fill('n1:2, n2')
    await dialog.getByRole('button', { name: 'Declare' }).click()
    await dialog.getByRole('alert').getByText('There is a rule far already').waitFor()
    await dialog.getByLabel('Name').fill('home')
    await dialog.getByLabel('Name').press('Enter')
    await page.getByRole('status').getByText('Rule home is declared.').waitFor()
    await page.getByRole('button', { name: 'Change rule far' }).click()
    expect(await dialog.getByLabel('VMs, or groups').inputValue()).toBe('shop, ledger')
    await dialog.getByLabel('Strict').uncheck()
    await dialog.getByRole('button', { name: 'Declare' }).click()
    await page.getByRole('status').getByText('Rule far is declared.').waitFor()
    expect(double.orders).toMatchObject([
      { path: '/v1/rules/home', body: { kind: 'node-affinity', strict: false, vms: ['shop'] } },
      { path: '/v1/rules/far', body: { ...rule, strict: false } },
    ])
  })

  test('of a rule knows the rules that came and went meanwhile', async () => {
    const { page, double } = await open({ view: { ...busyCluster(), rules: [] } })
    await page.getByRole('button', { name: 'New rule…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('far')
    double.change(withRule())
    await page.getByText('shop, ledger apart').waitFor()
    await dialog.getByRole('button', { name: 'Declare' }).click()
    await dialog.getByRole('alert').getByText('There is a rule far already').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Change rule far' }).click()
    await dialog.waitFor()
    double.change({ rules: [] })
    await page.getByRole('status').getByText('rule far is not there any more.').waitFor()
    expect([await dialog.count(), double.orders]).toEqual([0, []])
  })

  test('and the rule that is removed leave the focus beside them', async () => {
    const { page, double } = await open({ view: withRule() })
    await page.getByRole('button', { name: 'Remove rule far' }).press('Enter')
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).press('Enter')
    await page.getByRole('status').getByText('Rule far is removed.').waitFor()
    double.change({ rules: [] })
    await expect.poll(() => focused(page)).toBe('h2 what is declared')
  })

  test('is not there for who may not declare; disarming is asked first', async () => {
    const { page, double } = await open({ view: { ...withRule(), ha: haSettingsDefault } })
    await page.getByRole('button', { name: 'Disarm high availability' }).click()
    await page.getByText('Disarm high availability?').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Disarm' }).click()
    await page.getByRole('status').getByText('High availability is disarmed.').waitFor()
    expect(double.orders).toMatchObject([{ path: '/v1/ha', body: { armed: false } }])
    const who = { name: 'vera', role: 'viewer', open: false } as const
    const other = await open({ view: withRule(), who, hash: '#/vm/shop' })
    await other.page.getByText('shop, ledger apart').waitFor()
    await other.page.getByText('How is it kept running?').click()
    for (const name of ['New rule…', 'Change…', 'Disarm high availability'])
      expect(await other.page.getByRole('button', { name }).count()).toBe(0)
  })
})
