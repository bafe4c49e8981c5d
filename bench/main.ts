// Every benchmark of this folder, one after the other, each in a process of its own so that none
// warms or burdens the next. A benchmark is a file with one claim; its header says how it measures.
// All of them together take a few minutes, so each is run less often then than when it is named.
// Not here: numbers (docs/benchmarks.md has the last). Run: npm run bench [-- NAME …]

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

/** What makes a benchmark short; the others are. */
// tidy: data table
const briefly: Record<string, readonly string[]> = {
  cpu: ['--runs', '1'],
  clone: ['--runs', '2'],
  'dirty-tracking': ['--runs', '1', '--only', 'core,memory'],
  'linux-boot': ['--runs', '1'],
  migration: ['--runs', '1', '--only', 'idle,w16-r20k,w240-r20k'],
  moving: ['--runs', '1'],
  screen: ['--runs', '2'],
  protection: ['--turns', '1'],
  page: ['--runs', '1', '--seconds', '5'],
  simulation: ['--minutes', '3', '--only', 'failover,hour'],
  v86: ['--runs', '1'],
}

const folder = import.meta.dirname
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && file !== basename(import.meta.filename))
  .map((file) => file.slice(0, -'.ts'.length))
const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !names.includes(name))

if (unknown.length > 0) {
  console.error(`No benchmark ${unknown.join(', ')}; there are: ${names.join(', ')}.`)
  process.exitCode = 2
} else {
  for (const name of asked.length > 0 ? asked : names) {
    console.log(`--- ${name}`)
    const args = asked.length > 0 ? [] : (briefly[name] ?? [])
    const { status } = spawnSync(process.execPath, [join(folder, `${name}.ts`), ...args], {
      stdio: 'inherit',
    })
    if (status !== 0) process.exitCode = 1
  }
}
