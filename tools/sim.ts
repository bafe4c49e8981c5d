// npm run sim: searches seeds for a broken law in the simulated world, or replays one. A failing
// run prints the line that replays it, the shortest list of deeds that still fails, and its
// timeline. Exit codes: 0 nothing was found, 1 a law was broken, 2 wrong flags.

import { parseArgs } from 'node:util'
import { stepText } from '#scenarios/sim/fault-plan.ts'
import { nodePlatform } from '#scenarios/sim/node-platform.ts'
import { addSeen, mustBeSeenOf, runSeed, type SearchEnd, shorten } from '#scenarios/sim/search.ts'
import { modelVms, realGuests, type SearchSubject } from '#scenarios/sim/search-subject.ts'

const usage = `usage: npm run sim -- [flags]
  --seed N      the first seed, or the one to replay (1)
  --runs N      how many seeds (100); 1 prints the whole timeline
  --models      VMs are models: many times as fast, without disks, clones, snapshots, replicas
  --no-shorten  do not look for the shortest list of deeds that fails
`
function timeline({ plan, outcome }: SearchEnd): string {
  const deeds = plan.steps.map(stepText)
  const told = outcome.log.lines.map(({ event, fields }) => `  ${fields.text ?? event}`)
  return ['deeds:', ...deeds, '', 'what happened:', ...told].join('\n')
}

async function tellBroken(
  subject: SearchSubject,
  end: SearchEnd,
  mayShorten: boolean,
): Promise<void> {
  console.log(`\nseed ${end.seed} breaks a law:`)
  for (const wrong of end.outcome.wrong.slice(0, 10)) console.log(`  ${wrong}`)
  const short = mayShorten ? await shorten(subject, end) : end
  console.log(`\n${timeline(short)}\n`)
  for (const wrong of short.outcome.wrong.slice(0, 10)) console.log(`  ${wrong}`)
  const flags = subject.hasGuests ? '' : ' --models'
  console.log(`\nreplay: npm run sim -- --seed ${end.seed} --runs 1${flags}`)
}

const flags = {
  seed: { type: 'string', default: '1' },
  runs: { type: 'string', default: '100' },
  models: { type: 'boolean', default: false },
  'no-shorten': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

/** A search of no seeds finds nothing, and says so as if it had looked. */
function wholeNumber(flag: string, text: string, min: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isSafeInteger(value) && value >= min) return value
  throw new Error(`--${flag} ${text}: a whole number from ${min} on is wanted`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: flags })
  if (values.help) return void process.stdout.write(usage)
  const first = wholeNumber('seed', values.seed, 0)
  const runs = wholeNumber('runs', values.runs, 1)
  const platform = await nodePlatform()
  const subject = values.models ? modelVms(platform.turns) : realGuests(platform)
  const seen = new Map<string, number>()
  const begunAtMs = performance.now()
  let [virtualMs, tried, faults] = [0, 0, 0]
  for (let seed = first; seed < first + runs; seed++) {
    const end = await runSeed(subject, seed)
    virtualMs += end.outcome.virtualMs
    tried += end.outcome.tried
    faults += end.outcome.faults
    addSeen(seen, end.outcome.seen)
    if (runs === 1) console.log(timeline(end))
    if (end.outcome.wrong.length === 0) continue
    await tellBroken(subject, end, !values['no-shorten'])
    process.exitCode = 1
    return
  }
  const s = (performance.now() - begunAtMs) / 1000
  const { user, system } = process.cpuUsage()
  const vms = subject.hasGuests ? 'real guests' : 'models'
  console.log(
    `${runs} seeds with ${vms}, ${tried} faults, of which ${faults} took effect; ` +
      `${(virtualMs / 1000).toFixed(0)} virtual s in ${s.toFixed(0)} s, ` +
      `${((user + system) / 1e6).toFixed(0)} s of a core`,
  )
  for (const [what, count] of [...seen].sort())
    console.log(`  ${String(count).padStart(7)}  ${what}`)
  const missed = mustBeSeenOf(subject).filter((what) => !seen.has(what))
  if (missed.length > 0) console.log(`never seen: ${missed.join(', ')}`)
}

await main().catch((thrown) => {
  process.stderr.write(`${thrown instanceof Error ? thrown.stack : thrown}\n${usage}`)
  process.exitCode = 2
})
