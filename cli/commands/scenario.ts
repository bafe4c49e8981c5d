// godwit scenario list | run | check | explain | new | schema, and godwit demo: stories with an
// expected end, each in a cluster of its own, found by name in the library or by path. The results
// go to stdout, what happens meanwhile to stderr. Not here: the running (scenarios/run.ts).

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Command, Option } from 'commander'
import { namePattern } from '#proto/ids.ts'
import { ComposeWorld } from '#scenarios/compose/compose-world.ts'
import { nearestName } from '#scenarios/language/nearest-name.ts'
import { firstFiles, storyText } from '#scenarios/language/story.ts'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { LocalWorld } from '#scenarios/local/local-world.ts'
import { openScenarioFolder } from '#scenarios/local/scenario-folder.ts'
import type { Report } from '#scenarios/report/report.ts'
import { reportText } from '#scenarios/report/report-text.ts'
import { type RunOfMany, spreadOf, spreadText } from '#scenarios/report/spread.ts'
import {
  type Mistake,
  mistakeText,
  type Progress,
  type RunOutcome,
  type RunResult,
  readFolder,
  runScenario,
} from '#scenarios/run.ts'
import { scenarioJsonSchema } from '#scenarios/schema.ts'
import type { ScenarioSimWorld } from '#scenarios/sim/scenario-world.ts'
import type { World } from '#scenarios/world.ts'
import type { Cli } from '../cli.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { textOrJson, wholeBetween, withExamples } from '../help.ts'
import { writeJson } from '../json-output.ts'
import { aborted } from '../listing.ts'
import { replayLine } from '../replay-line.ts'
import { ReportFolder } from '../report-folder.ts'
import {
  libraryFolder,
  libraryNames,
  libraryScenarios,
  scenarioFolderOf,
} from '../scenario-library.ts'
import type { Paint } from '../terminal.ts'
import { version } from '../version.ts'
import { addReport } from './report.ts'

const worlds = ['local', 'compose', 'sim'] as const
type WorldName = (typeof worlds)[number]

interface RunOptions {
  readonly update?: boolean
  readonly linger?: boolean
  readonly all?: boolean
  readonly world: WorldName
  readonly image?: string
  readonly reports?: string
  readonly output: 'text' | 'json'
  readonly repeat?: number
  readonly seed?: number
}

export function addScenario(program: Command, cli: Cli): void {
  const scenario = program
    .command('scenario')
    .description('stories with an expected end: run them, check them')
  const list = scenario
    .command('list')
    .alias('ls')
    .description('the scenarios of the library that comes along')
    .addOption(textOrJson())
    .action(({ output }: Pick<RunOptions, 'output'>) => listLibrary(cli, output))
  withExamples(list, [['godwit scenario list', 'what there is, by name']])
  addScenarioRun(scenario, cli)
  const check = scenario
    .command('check <scenario...>')
    .description('read scenarios without running them; mistakes as file:line:column')
    .action((named: string[]) => checkFolders(cli, named.map(scenarioFolderOf)))
  withExamples(check, [
    ['godwit scenario check my-scenario', 'a folder, or a name of the library'],
    ['godwit scenario check scenarios/library/*', 'all of the library'],
  ])
  addExplain(scenario, cli)
  addNew(scenario, cli)
  const schema = scenario
    .command('schema')
    .description('the JSON Schema of scenario.yaml, for editors')
    .action(() => writeJson(cli.terminal, scenarioJsonSchema()))
  addReport(program, cli)
  withExamples(schema, [['godwit scenario schema > scenario.schema.json', 'complete and check']])
}

/** The library by name: what there is, or one of it, with its page. */
export function addDemo(program: Command, cli: Cli): void {
  const demo = program
    .command('demo [name]')
    .description('play a story of the library and leave its cluster up; without a name: which')
    .addOption(worldOption())
    .action(async (name: string | undefined, { world }: { readonly world: WorldName }) => {
      if (name === undefined) return listLibrary(cli, 'text')
      const path = libraryFolder(name)
      if (!libraryNames().includes(name)) throw new CommandError(exitCode.usage, noDemo(name))
      const options = { world, linger: true, output: 'text' } as const
      const written = new ReportFolder(join(cli.home, 'reports'))
      const passed = await runOne(cli, path, options, written)
      cli.terminal.note(`Report: ${written.finish()}`)
      if (!passed) throw new CommandError(exitCode.unmet, `Not met: ${name}`)
    })
  withExamples(demo, [
    ['godwit demo', 'what there is'],
    ['godwit demo rack-and-upgrade', 'with its page; Ctrl-C ends it'],
  ])
}

function noDemo(name: string): string {
  const near = nearestName(name, libraryNames())
  return `There is no demo \`${name}\`${near ? `; did you mean \`${near}\`?` : ': see godwit demo'}`
}

async function listLibrary(cli: Cli, output: RunOptions['output']): Promise<void> {
  const scenarios = await libraryScenarios()
  if (output === 'json') return writeJson(cli.terminal, scenarios)
  const width = Math.max(...scenarios.map(({ name }) => name.length))
  for (const { name, about } of scenarios)
    cli.terminal.write(`${cli.terminal.paint('bold', name.padEnd(width))}  ${about}`)
}

const worldOption = (): Option =>
  new Option('--world <world>', 'processes on this machine, containers, or simulated time')
    .choices(worlds)
    .default('local')

function addScenarioRun(scenario: Command, cli: Cli): void {
  const run = scenario
    .command('run [scenario...]')
    .description('run scenarios of the library, or folders, each in a cluster of its own')
    .option('--all', 'all of the library that comes along')
    .option('--update', 'write expected.log instead of comparing with it')
    .option('--reports <folder>', 'where to write HTML, JSON and JUnit XML of the runs')
    .option(
      '--repeat <n>',
      "so often, each with the next seed (the scenario's)",
      wholeBetween(1, 1000),
    )
    .option('--seed <n>', "the first seed (the scenario's)", wholeBetween(0, 2 ** 31))
    .option('--linger', 'on a terminal: leave the cluster and its page up until Ctrl-C')
    .addOption(worldOption())
    .option('--image <image>', 'for containers: take this one, and build none')
    .addOption(textOrJson('how to print the report'))
    .action(async (named: string[], options: RunOptions) => {
      const names = options.all ? libraryNames() : named
      if (names.length === 0) throw new CommandError(exitCode.usage, nothingNamed)
      const folders = options.all ? names.map(libraryFolder) : names.map(scenarioFolderOf)
      const beganAtMs = cli.clock.nowMs()
      const failed: string[] = []
      const written = new ReportFolder(options.reports ?? join(cli.home, 'reports'))
      await insistOnSound(folders)
      try {
        for (const folder of folders)
          if (!(await runRepeated(cli, folder, options, written))) failed.push(folder)
      } finally {
        const where = written.finish()
        if (where !== undefined) cli.terminal.note(`Reports: ${where}`)
      }
      const took = ((cli.clock.nowMs() - beganAtMs) / 1000).toFixed(1)
      if (folders.length > 1)
        cli.terminal.note(
          `${folders.length - failed.length} of ${folders.length} passed, ${took} s`,
        )
      if (failed.length > 0) throw new CommandError(exitCode.unmet, `Not met: ${failed.join(', ')}`)
    })
  withExamples(run, [
    ['godwit scenario run tour --linger', 'what `npm start` does'],
    ['godwit scenario run --all --world sim', 'the whole library, in virtual time'],
    [
      'godwit scenario run my-scenario --repeat 20',
      'twenty times: how far downtime and RTO spread',
    ],
    ['godwit scenario run my-scenario --world compose', 'in containers: docs/containers.md'],
    ['godwit scenario run failover blackout -o json', 'reports as data, one a scenario'],
    ['godwit scenario run my-scenario --update', 'accept what happened as what should'],
  ])
}

const nothingNamed =
  'Name a scenario of the library (godwit scenario list), a folder of yours, or --all'

function addExplain(scenario: Command, cli: Cli): void {
  const explain = scenario
    .command('explain <scenario...>')
    .description('tell the story of scenarios in sentences, without running them')
    .action(async (named: string[]) => {
      for (const path of named.map(scenarioFolderOf)) {
        const read = await readFolder(openScenarioFolder(path))
        if ('mistakes' in read) throw mistaken(read.mistakes)
        cli.terminal.write(storyText(read.scenario))
      }
    })
  withExamples(explain, [['godwit scenario explain home-again', 'what happens, what is expected']])
}

function addNew(scenario: Command, cli: Cli): void {
  const create = scenario
    .command('new <folder>')
    .description('begin a scenario: a folder with a small story that runs')
    .action(async (path: string) => {
      if (existsSync(path))
        throw new CommandError(exitCode.usage, `${path} is there already: choose another name`)
      const name = basename(path)
      if (!namePattern.test(name))
        throw new CommandError(exitCode.usage, `\`${name}\` is no name: use a-z, 0-9 and -`)
      mkdirSync(path, { recursive: true })
      for (const [file, text] of Object.entries(firstFiles(name)))
        writeFileSync(join(path, file), text)
      cli.terminal.write(`${path}/scenario.yaml and README.md are written.`)
      cli.terminal.note(`Next: godwit scenario run ${path} --world sim --update`)
    })
  withExamples(create, [['godwit scenario new my-outage', 'then change it, and run it']])
}

/** As often as is said; what all of them measured is told behind them. */
async function runRepeated(
  cli: Cli,
  path: string,
  options: RunOptions,
  written: ReportFolder,
): Promise<boolean> {
  const read = await readFolder(openScenarioFolder(path))
  if ('mistakes' in read) return runOne(cli, path, options, written)
  const { seed: own, repetitions } = read.scenario
  const { seed: first = own, repeat: count = repetitions } = options
  const runs: RunOfMany[] = []
  for (let n = 0; n < count; n++) {
    let report: Report | undefined
    const passed = await runOne(cli, path, { ...options, seed: first + n }, written, {
      isOneOfMany: count > 1,
      own: read.scenario,
      onReport: (one) => {
        report = one
      },
    })
    if (report) runs.push({ report, passed })
  }
  if (count > 1) presentSpread(cli, runs, options)
  return runs.length === count && runs.every(({ passed }) => passed)
}

function presentSpread(
  { terminal }: Cli,
  runs: readonly RunOfMany[],
  { output }: RunOptions,
): void {
  const spread = spreadOf(runs)
  if (output === 'json') terminal.data(JSON.stringify(spread, null, 2))
  else terminal.write(`\n${spreadText(spread, (style, text) => terminal.paint(style, text))}`)
}

interface OfMany {
  readonly isOneOfMany: boolean
  /** What the scenario itself says. */
  readonly own: { readonly seed: number; readonly repetitions: number }
  onReport(report: Report): void
}

/** False: it ran, and something was not as it should be. */
async function runOne(
  cli: Cli,
  path: string,
  options: RunOptions,
  written: ReportFolder,
  many?: OfMany,
): Promise<boolean> {
  const folder = openScenarioFolder(path)
  // What an earlier one left behind, because it failed, is nobody's to begin with.
  const one = many?.isOneOfMany ? `-${options.seed ?? 1}` : ''
  const place = new ClusterFolder(cli.home, `scenario-${folder.name}-${process.pid}${one}`)
  const write = (outcome: RunOutcome): RunOutcome => {
    const { seed } = outcome.report
    const { world, image } = options
    const replay = replayLine({ path, world, image, seed }, many?.own ?? { seed, repetitions: 1 })
    const ran = { version: version(), world, replay }
    const report = { ...outcome.report, ...ran }
    written.write(report, outcome.recording, ran, many?.isOneOfMany)
    return { ...outcome, report }
  }
  const sim = options.world === 'sim' ? await simWorld() : undefined
  const world = sim ?? realWorld(cli, options, place)
  const running = runScenario(folder, {
    ...{ world, clock: sim?.clock ?? cli.clock, signal: cli.interrupts.handle() },
    update: options.update ?? false,
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    onProgress: (progress) => cli.terminal.note(progressText(cli, progress)),
    beforeStop: (outcome) => present(cli, write(outcome), options, world.pageUrl),
  })
  const result = await (sim ? sim.drive(running) : running)
  if (result.kind === 'run') {
    if (result.leftovers.length > 0) write(result)
    written.ended(result.report)
    many?.onReport(result.report)
  }
  return settle(cli, result, sim ? undefined : place)
}

/** It brings coordinator, agents and engine along: no other command loads what that takes. */
async function simWorld(): Promise<ScenarioSimWorld> {
  const { nodePlatform } = await import('#scenarios/sim/node-platform.ts')
  const { ScenarioSimWorld } = await import('#scenarios/sim/scenario-world.ts')
  return new ScenarioSimWorld(await nodePlatform())
}

function realWorld(cli: Cli, { world, image }: RunOptions, folder: ClusterFolder): World {
  if (world === 'local') return new LocalWorld({ folder })
  const onProgress = (text: string) => cli.terminal.note(cli.terminal.paint('dim', text))
  const images = existsSync(folder.images) ? { images: folder.images } : {}
  return new ComposeWorld({ folder, onProgress, ...images, ...(image !== undefined && { image }) })
}

async function present(
  cli: Cli,
  outcome: RunOutcome,
  { output, linger }: RunOptions,
  pageUrl: string | undefined,
): Promise<void> {
  const { terminal } = cli
  if (output === 'json') writeJson(terminal, outcome.report)
  else
    terminal.write(`\n${reportText(outcome.report, (style, text) => terminal.paint(style, text))}`)
  if (outcome.expectedLog === 'written') terminal.note('expected.log is written.')
  const isWatched = terminal.interactive && process.stdin.isTTY === true
  if (!linger || !isWatched || pageUrl === undefined) return
  const api = pageUrl.replace(/\/$/, '')
  terminal.note(`The cluster is still up: ${pageUrl}   (godwit --api ${api} vms; Ctrl-C ends it)`)
  await aborted(cli.interrupts.handle())
}

/** Keeps the logs of a run that failed, and says where; a run that passed leaves nothing. */
function settle(cli: Cli, result: RunResult, place: ClusterFolder | undefined): boolean {
  if (result.kind === 'mistakes') throw mistaken(result.mistakes)
  if (result.leftovers.length > 0)
    cli.terminal.note(`Still running: ${result.leftovers.join(', ')}`)
  if (result.kind === 'interrupted') {
    place?.removeAll()
    throw new CommandError(exitCode.interrupted, 'Interrupted; everything is stopped.')
  }
  if (result.passed) {
    place?.removeAll()
    return true
  }
  for (const reason of result.why) cli.terminal.note(reason)
  if (place) cli.terminal.note(`Logs: ${place.logs}`)
  return false
}

const progressPaint: Readonly<Record<Progress['kind'], Paint | undefined>> = {
  cluster: 'dim',
  step: 'bold',
  event: undefined,
  verdict: 'green',
}

function progressText(cli: Cli, { atMs, kind, text, isBad }: Progress): string {
  const at = `${(atMs / 1000).toFixed(1).padStart(5)} s`
  const style = isBad ? 'red' : progressPaint[kind]
  const word = kind.padEnd(7)
  return `${at}  ${style ? cli.terminal.paint(style, word) : word}  ${text}`
}

/** Of several, none is run when one cannot be. */
async function insistOnSound(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const read = await readFolder(openScenarioFolder(path))
    if ('mistakes' in read) throw mistaken(read.mistakes)
  }
}

const mistaken = (mistakes: readonly Mistake[]): CommandError =>
  new CommandError(exitCode.usage, mistakes.map(mistakeText).join('\n'))

async function checkFolders(cli: Cli, paths: readonly string[]): Promise<void> {
  const mistakes: Mistake[] = []
  for (const path of paths) {
    const read = await readFolder(openScenarioFolder(path))
    if ('mistakes' in read) mistakes.push(...read.mistakes)
    else cli.terminal.write(`${path}: ${read.scenario.about}`)
  }
  if (mistakes.length > 0) throw mistaken(mistakes)
}
