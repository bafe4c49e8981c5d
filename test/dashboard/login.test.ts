// The built page before the real coordinator, under its content policy, in a real browser: a person
// logs in, sees what is theirs, leaves; and somebody comes by a link. Nothing that the policy
// forbids is tried.

import type { BrowserContextOptions, Page } from 'playwright-core'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  ask,
  hasPeople,
  linkTo,
  passwordOf,
  server,
  vmOf,
  ways,
} from '../coordinator/accounts/people.ts'
import { violations } from './axe.ts'
import { builtPage, chromiumPath, ownBrowser } from './browser-page.ts'
import { focused, hit, tabTo } from './by-keyboard.ts'

const browser = ownBrowser()
hasPeople(builtPage)

/** A browser of its own, as of another person. Whatever the policy forbids ends the test. */
async function open(path = '/', look: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser().newContext(look)
  const page = await context.newPage()
  const wrong: string[] = []
  page.on('pageerror', (error) => wrong.push(error.message))
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) wrong.push(message.text())
  })
  onTestFinished(async () => {
    await context.close()
    expect(wrong).toEqual([])
  })
  await page.goto(server.address + path)
  return page
}
/** As a person does: who is told to wait, after others' failed tries, waits and tries again. */
async function logIn(page: Page, name: string): Promise<void> {
  for (let status = 429, tries = 0; status === 429 && tries < 20; tries++) {
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Password').fill(passwordOf(name))
    const answer = page.waitForResponse('**/v1/login')
    await page.getByRole('button', { name: 'Log in' }).click()
    status = (await answer).status()
    if (status === 429) await page.waitForTimeout(1000)
  }
  await page.getByLabel('Password').waitFor({ state: 'detached' })
}
const tile = (page: Page, name: string) => page.locator(`#tile-${vmOf(name)}`)

describe.skipIf(!chromiumPath)('the page of a cluster with accounts', () => {
  test('asks who it is, says what was wrong, and shows a person their own VMs', async () => {
    const page = await open()
    await page.getByLabel('Name').fill('ann')
    await page.getByLabel('Password').fill('a wrong password')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText('name or password is wrong').waitFor()
    await logIn(page, 'ann')
    await page.getByText('live', { exact: true }).waitFor()
    await tile(page, 'ann').waitFor()
    expect(await tile(page, 'bob').count()).toBe(0)
    expect(await page.locator('.who').innerText()).toContain('ann')
    expect(await page.evaluate('document.cookie')).toBe('')
    await page.reload()
    await tile(page, 'ann').click()
    await page.getByLabel('A line for the guest').waitFor()
    const offered = (await page.locator('.actions button').allTextContents()).join(' ')
    expect(offered).toContain('Pause')
    expect(offered).not.toContain('Migrate')
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByLabel('Password').waitFor()
    expect(await page.locator('body').innerText()).not.toContain(vmOf('ann'))
  })

  test('is entered and left by keyboard alone', async () => {
    const page = await open()
    await page.getByLabel('Password').waitFor()
    await expect.poll(() => focused(page)).toBe('input name')
    await page.keyboard.type('bob')
    await tabTo(page, 'input password')
    await page.keyboard.type('a wrong password')
    await hit(page, 'button log in')
    await page.getByText('name or password is wrong').waitFor()
    // Where a person tries again.
    await expect.poll(() => focused(page)).toBe('input password')
    await logIn(page, 'bob')
    await tile(page, 'bob').waitFor()
    await hit(page, 'button log out')
    await page.getByLabel('Password').waitFor()
    await expect.poll(() => focused(page)).toBe('input name')
  })

  test('says that it looks at a password for as long as that takes', async () => {
    const page = await open()
    let goOn = () => {}
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    await page.route('**/v1/login', (route) => held.then(() => route.continue()))
    await page.getByLabel('Name').fill('ann')
    await page.getByLabel('Password').fill('a wrong password')
    await page.keyboard.press('Enter')
    await page.getByRole('status').getByText('Looking whether that is right …').waitFor()
    goOn()
    await page.getByText('name or password is wrong').waitFor()
    expect(await page.getByRole('status').innerText()).toBe('')
  })

  test('is asked in by a form without a violation, wide, narrow, light and dark', async () => {
    const looks: BrowserContextOptions[] = [
      { colorScheme: 'light' },
      { colorScheme: 'dark', viewport: { width: 380, height: 800 } },
    ]
    for (const look of looks) {
      const page = await open('/', look)
      await page.getByLabel('Password').waitFor()
      expect(await violations(page)).toEqual([])
      await page.getByLabel('Name').fill('nobody-of-that-name')
      await page.getByLabel('Password').fill('a wrong password')
      await page.getByRole('button', { name: 'Log in' }).click()
      await page.getByText('name or password is wrong').waitFor()
      expect(await violations(page)).toEqual([])
    }
  })

  test('offers the links between nodes to who may see them, and to nobody else', async () => {
    const page = await open('/#/links')
    await logIn(page, 'ann')
    await tile(page, 'ann').waitFor()
    const links = page.getByRole('link', { name: 'Links' })
    expect(await links.count()).toBe(0)
    const viewer = await open()
    await logIn(viewer, 'vera')
    await viewer.getByRole('link', { name: 'Links' }).click()
    await viewer.getByRole('heading', { name: 'Each link' }).waitFor()
  })

  test('shows a person what they may use and what of it is used, and changes with it', async () => {
    const page = await open()
    await logIn(page, 'ann')
    await tile(page, 'ann').waitFor()
    expect(await page.getByText('What you may use').count()).toBe(0)
    const set = (quota: object) => ask('PUT', '/v1/accounts/ann/quota', ways.olga, quota)
    await set({ vms: 4, memoryMib: 256 })
    await page.getByRole('heading', { name: 'What you may use' }).waitFor()
    await page.getByText('1 of 4', { exact: true }).waitFor()
    await page.getByText('32 of 256 MiB', { exact: true }).last().waitFor()
    await set({ vms: 1 })
    await page.getByText('or ask olga for more').waitFor()
    expect(await violations(page)).toEqual([])
    await set({})
    await page.getByText('What you may use').waitFor({ state: 'detached' })
  })

  test('leads by a link to one VM, keeps its secret out of every address, and ends with it', async () => {
    const link = await linkTo(vmOf('bob'), {}, ways.bob)
    const addresses: string[] = []
    const page = await open('/healthz')
    page.on('request', (request) => addresses.push(request.url()))
    await page.goto(`${server.address}/#link=${link.secret}`)
    await tile(page, 'bob').waitFor()
    expect(await tile(page, 'ann').count()).toBe(0)
    expect(page.url()).toBe(`${server.address}/#/vm/${vmOf('bob')}`)
    expect(addresses.filter((url) => url.split('#')[0]?.includes('gwl_'))).toEqual([])
    expect(await page.locator('.who').innerText()).toContain('by a link')
    await page.getByLabel('A line for the guest').waitFor()
    expect(await page.locator('.actions button').count()).toBe(0)
    await ask('DELETE', `/v1/grants/${link.id}`, ways.bob)
    await page.getByLabel('Password').waitFor()
  })

  test('follows a link that is opened where the page is open: at its form, or by somebody', async () => {
    const link = await linkTo(vmOf('bob'), {}, ways.bob)
    const page = await open()
    await page.getByLabel('Password').waitFor()
    const follow = () => page.evaluate(`location.hash = '#link=${link.secret}'`)
    await follow()
    await tile(page, 'bob').waitFor()
    await page.getByRole('button', { name: 'Leave' }).click()
    await logIn(page, 'ann')
    await tile(page, 'ann').waitFor()
    await follow()
    await tile(page, 'bob').waitFor()
    expect(page.url()).toBe(`${server.address}/#/vm/${vmOf('bob')}`)
    expect(await tile(page, 'ann').count()).toBe(0)
  })

  test('is framed by nobody, and runs no script but its own', async () => {
    const { headers } = await ask('GET', '/')
    expect(headers.get('content-security-policy')).toMatch(/script-src 'self';.*frame-ancestors/)
    expect(headers.get('content-security-policy')).not.toMatch(/unsafe|\*|https?:/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('permissions-policy')).toContain('camera=()')
    const page = await browser().newPage()
    onTestFinished(() => page.close())
    const refused: string[] = []
    page.on('console', (message) => refused.push(message.text()))
    await page.goto(server.address)
    const run = `new Promise((done) => {
      const script = document.createElement('script')
      script.textContent = 'window.wasRun = true'
      document.body.append(script)
      setTimeout('window.wasRun = true', 0)
      const image = new Image()
      image.onerror = () => done([window.wasRun === true, 'blocked'])
      image.onload = () => done([window.wasRun === true, 'loaded'])
      image.src = 'http://127.0.0.1:1/x.png'
    })`
    expect(await page.evaluate(run)).toEqual([false, 'blocked'])
    expect(refused.join()).toMatch(/Content Security Policy/)
  })
})
