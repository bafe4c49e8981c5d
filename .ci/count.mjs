// Sums up the test runners' reports: node .ci/count.mjs REPORTS-FOLDER FAILED-STEP...
// Prints the one line that CI reads, `N passed, N failed`, and exits with 1 if anything failed.
// Plain JavaScript for any Node: it must count even when the install has failed.
// A failed step whose report counts no failed test (it crashed, or is no test run) counts as one.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder, ...failedSteps] = process.argv.slice(2)

/** Step → the report it writes. A step that is not here has no tests of its own to count. */
const reportOfStep = { tests: 'tests.json', 'docker tests': 'docker.json' }

function countsOf(file) {
  const path = join(folder, file)
  if (!existsSync(path)) return { passed: 0, failed: 0, skipped: 0 }
  const report = JSON.parse(readFileSync(path, 'utf8'))
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

const counts = Object.values(reportOfStep).map(countsOf)
const sum = (key) => counts.reduce((total, count) => total + count[key], 0)

const uncounted = failedSteps.filter((step) => {
  const file = reportOfStep[step]
  return file === undefined || countsOf(file).failed === 0
})
for (const step of uncounted) console.log(`failed step: ${step}`)
if (sum('skipped') > 0) console.log(`${sum('skipped')} tests were skipped; each says why above.`)

const failed = sum('failed') + uncounted.length
console.log(`${sum('passed')} passed, ${failed} failed`)
process.exit(failed > 0 || sum('passed') === 0 ? 1 : 0)
