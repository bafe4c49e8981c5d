// The built page (test/built-first.ts) in a real browser, before a coordinator double: opened for
// each test, and closed after it without an error of the page.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import type { IdentityView } from '#proto/accounts.ts'
import type { ClusterView } from '#proto/api.ts'
import type { LaboratoryView } from '#proto/laboratory.ts'
import type { SightView } from '#proto/sights.ts'
import { CoordinatorDouble } from '../coordinator-double/coordinator-double.ts'
import { busyCluster } from '../coordinator-double/views.ts'

/** The headless shell first: a page in it costs half of one in the whole browser. */
export const chromiumPath = [
  process.env.CHROME,
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path))

export interface PageOptions {
  readonly view?: ClusterView
  readonly size?: { readonly width: number; readonly height: number }
  readonly scheme?: 'light' | 'dark'
  /** After the page's address. */
  readonly hash?: string
  readonly touch?: boolean
  readonly laboratory?: LaboratoryView
  readonly sight?: SightView
  /** Has logged in; absent: nobody has an account. */
  readonly who?: IdentityView
}

/** The folder of the built page. */
export const builtPage = fileURLToPath(new URL('../../dashboard/dist', import.meta.url))

/** Registers what starts a browser, and ends it. */
export function ownBrowser(): () => Browser {
  let browser: Browser
  beforeAll(async () => {
    if (!chromiumPath) return console.warn('The page is not tried: no Chromium here (set CHROME).')
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
  })
  afterAll(() => browser?.close())
  return () => browser
}

/** The same before a coordinator double; the function opens a page. */
export function browserPage() {
  const browser = ownBrowser()
  return async (options: PageOptions = {}) => {
    const { view = busyCluster(), size = { width: 1280, height: 900 }, scheme = 'light' } = options
    const double = new CoordinatorDouble(view, builtPage)
    double.laboratory = options.laboratory
    double.sight = options.sight
    await double.listen()
    const how = { viewport: size, colorScheme: scheme, hasTouch: options.touch ?? false }
    const page = await browser().newPage(how)
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    onTestFinished(async () => {
      await page.close()
      await double.close()
      expect(errors).toEqual([])
    })
    const { who } = options
    if (who) await page.route('**/v1/me', (route) => route.fulfill({ json: who }))
    await page.goto(double.url + (options.hash ?? ''))
    await page
      .getByText(/^live( on .*)?$/)
      .first()
      .waitFor()
    return { double, page }
  }
}

export const tile = (page: Page, id: string): Locator => page.locator(`#tile-${id}`)
export const nodeCard = (page: Page, id: string): Locator => page.locator(`[data-node="${id}"]`)
