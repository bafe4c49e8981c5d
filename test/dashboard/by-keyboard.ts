// A page used by keyboard alone: what has the focus, and how one comes to what is needed. Whoever
// opens a dialog by it waits for the dialog's first focus before the next key, as a person does.
// Not here: whole tasks (keyboard.test.ts).

import type { Page } from 'playwright-core'

/** What has the focus, as a screen reader names it: its role and its name. */
export const focused = (page: Page): Promise<string> =>
  page.evaluate(`(() => {
    const at = document.activeElement
    const label = at.getAttribute('aria-label') ?? at.labels?.[0]?.firstChild?.textContent
    return (at.tagName + ' ' + (label ?? at.textContent)).trim().toLowerCase()
  })()`)

const tabsMax = 70

/** Tab after Tab, until what has the focus is named so. */
export async function tabTo(page: Page, name: string, key = 'Tab'): Promise<void> {
  const seen: string[] = []
  for (let n = 0; n < tabsMax; n++) {
    await page.keyboard.press(key)
    seen.push(await focused(page))
    if (seen.at(-1) === name) return
  }
  throw new Error(`${name} is not reached: ${seen.join(', ')}`)
}

/** Tab to it, and Enter. */
export async function hit(page: Page, name: string): Promise<void> {
  await tabTo(page, name)
  await page.keyboard.press('Enter')
}
