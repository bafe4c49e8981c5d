// Every benchmark of this folder, one after the other, each in a process of its own so that none
// warms or burdens the next. A benchmark is a file with one claim; its header says how it measures.
// All of them together take a few minutes, so each is run less often then than when it is named.
// Not here: numbers (docs/benchmarks.md has the last). Run: npm run bench [-- NAME …]

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { suggestion } from '#scenarios/language/nearest-name.ts'
import { headerOf } from './rig/command-line.ts'

/** What makes a benchmark short; the others are. */
// tidy: data table
const briefly: Record<string, readonly string[]> = {
  cpu: ['--runs', '1'],
  clone: ['--runs', '2'],
  'dirty-tracking': ['--runs', '1', '--only', 'core-long,memory-long'],
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
const unknown = asked.find((name) => !names.includes(name))

/** `migration   our pre-copy takes no longer than …`: the first line of its claim. */
function lineOf(name: string): string {
  const header = headerOf(readFileSync(join(folder, `${name}.ts`), 'utf8'))
  return `  ${name.padEnd(16)}${header.split('\n')[0]?.replace('Claim: ', '')} …`
}

if (asked.includes('--help') || asked.includes('-h')) {
  console.log(`${headerOf(readFileSync(import.meta.filename, 'utf8'))}\n`)
  console.log(names.map(lineOf).join('\n'))
  console.log('\nOf one: node bench/NAME.ts --help')
} else if (unknown !== undefined) {
  console.error(`There is no benchmark ${unknown}${suggestion(unknown, names)}`)
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
