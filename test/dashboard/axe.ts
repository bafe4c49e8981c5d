// An accessibility checker (axe) over whatever a browser shows: the rules of WCAG 2.0 to 2.2, A and
// AA, and what is good practice besides. Used for the live page and for reports. Not here: what is
// shown.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
/** What is right need not be listed. */
const options = JSON.stringify({ runOnly: rules, resultTypes: ['violations'] })

/** What is wrong, and where, in a line each. */
export async function violations(page: Page): Promise<string[]> {
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(axe)
  const found = (await page.evaluate(`axe.run(document, ${options})`)) as AxeResults
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
  )
}
