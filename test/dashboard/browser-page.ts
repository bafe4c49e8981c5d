// The built page in a real browser, before a coordinator double: built once for each test file that
// asks, opened for each test, and closed after it without an error of the page.

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import type { IdentityView } from '#proto/accounts.ts'
import type { ClusterView } from '#proto/api.ts'
import type { LaboratoryView } from '#proto/laboratory.ts'
import { CoordinatorDouble } from '../coordinator-double/coordinator-double.ts'
import { busyCluster } from '../coordinator-double/views.ts'

export const chromiumPath = [
  process.env.CHROME,
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
  /** Has logged in; absent: nobody has an account. */
  readonly who?: IdentityView
}

/** Registers what builds the page, starts a browser, and ends both. */
export function builtPage(): { readonly outDir: string; readonly browser: Browser } {
  const outDir = mkdtempSync(join(tmpdir(), 'godwit-page-'))
  let browser: Browser
  beforeAll(async () => {
    if (!chromiumPath) return console.warn('The page is not tried: no Chromium here (set CHROME).')
    const configFile = fileURLToPath(new URL('../../dashboard/vite.config.ts', import.meta.url))
    await build({ configFile, logLevel: 'error', build: { outDir, emptyOutDir: true } })
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] })
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(outDir, { recursive: true, force: true })
  })
  return {
    outDir,
    get browser() {
      return browser
    },
  }
}

/** The same before a coordinator double; the function opens a page. */
export function browserPage() {
  const built = builtPage()
  return async (options: PageOptions = {}) => {
    const { view = busyCluster(), size = { width: 1280, height: 900 }, scheme = 'light' } = options
    const double = new CoordinatorDouble(view, built.outDir)
    double.laboratory = options.laboratory
    await double.listen()
    const how = { viewport: size, colorScheme: scheme, hasTouch: options.touch ?? false }
    const page = await built.browser.newPage(how)
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
