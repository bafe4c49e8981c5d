// godwit migrate | clone | cancel | rebalance: what moves VMs. The first two show how it goes until
// it has ended.

import { writeFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import type { ForecastView, MigrationView } from '#proto/api.ts'
import { faultOf } from '#proto/faults.ts'
import { encodingWishes, MigrationParams, migrationModes, stuckPolicies } from '#proto/messages.ts'
import { migrationHasEnded } from '#proto/state.ts'
import { streamsMax } from '#proto/units.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { follow } from '../follow.ts'
import { forecastLines } from '../forecast-text.ts'
import { amount, downtime, textOrJson, wholeBetween, wholeWithin, withExamples } from '../help.ts'
import { writeJson } from '../json-output.ts'
import { outcomeLines, progressLine, progressStep } from '../migration-progress.ts'
import { inMBPerSec } from '../units.ts'

/** What one request may ask for (CloneRequest in proto/api.ts). */
const clonesMax = 256

interface MoveOptions {
  readonly downtime?: number
  readonly bandwidth?: number
  readonly rounds?: number
  readonly verify?: MigrationParams['verify']
  readonly mode?: MigrationParams['mode']
  readonly whenStuck?: MigrationParams['whenStuck']
  readonly encoding?: MigrationParams['encoding']
  readonly streams?: number
  readonly forecast?: boolean
  readonly force?: boolean
  readonly pageLog?: string
  readonly wait: boolean
  readonly output: 'text' | 'json'
}

const withMoveOptions = (command: Command): Command =>
  command
    .addOption(downtime('pause the VM for at most about so long'))
    .option('--bandwidth <MB/s>', 'send at most so fast; 0: no limit', inMBPerSec(amount))
    .addOption(
      new Option('--encoding <how>', 'how pages travel; auto: as is best on this link').choices(
        encodingWishes,
      ),
    )
    .option(
      '--streams <n>',
      'so many links carry its pages side by side (1)',
      wholeBetween(1, streamsMax),
    )
    .option(
      '--rounds <n>',
      'give up pre-copy after so many rounds',
      wholeWithin(MigrationParams.shape.roundsMax.unwrap()),
    )
    .addOption(
      new Option('--verify <how>', 'full: hash all of the RAM on both ends besides').choices([
        'incremental',
        'full',
      ]),
    )
    .option('--no-wait', 'return as soon as the coordinator has accepted it')
    .addOption(textOrJson('how to print what came of it'))

function addRelocate(program: Command, cli: Cli): void {
  const relocate = program
    .command('relocate <vm> [node]')
    .description('stop a VM and boot it on another node: cold, when it need not go on')
    .action((vm: string, node: string | undefined, _options: object, self: Command) =>
      withApi(cli, self, async (api) => {
        const { epoch } = await api.relocate(vm, node)
        const said = await follow(
          cli,
          api,
          ({ vms }) => {
            const now = vms.find(({ id }) => id === vm)
            if (now?.phase === 'failed')
              throw new CommandError(exitCode.failed, `${vm}: ${now.fault?.message}`)
            const runs = now?.phase === 'running' && now.epoch > epoch
            return runs ? `${vm} has booted on ${now.nodeId}` : undefined
          },
          { onInterrupt: `${vm} goes on without you; see: godwit vms` },
        )
        cli.terminal.write(said)
      }),
    )
  withExamples(relocate, [
    ['godwit relocate db n2', 'like stop and start; its disk goes along'],
    ['godwit migrate db n2', 'without stopping it'],
  ])
}

export function addMoveCommands(program: Command, cli: Cli): void {
  addRelocate(program, cli)
  addMigrate(program, cli)
  addClone(program, cli)
  addCancel(program, cli)
  addPostCopy(program, cli)
  addRebalance(program, cli)
}

function addMigrate(program: Command, cli: Cli): void {
  const migrate = program
    .command('migrate <vm> [node]')
    .description('move a running VM to another node, while it runs')
    .action((vm: string, to: string | undefined, options: MoveOptions, command: Command) =>
      withApi(cli, command, async (api) => {
        const where = to === undefined ? {} : { to }
        const force = options.force ? { force: true } : {}
        const request = { ...where, ...force, params: paramsOf(options) }
        refuseUnwritten(options)
        if (options.forecast) return showForecast(cli, await api.forecast(vm, request), options)
        const begun = await api.migrate(vm, request).catch((thrown) => hopelessHere(thrown, vm))
        await showMigration(cli, api, begun, options)
      }),
    )
  migrate
    .option('--forecast', 'only say how it would go; nothing is moved')
    .option('--page-log <file>', 'write down which pages were sent when, and why')
    .option('--force', 'try it, even if the forecast is that it would be given up')
    .addOption(new Option('--mode <how>', 'how its pages go there').choices(migrationModes))
    .addOption(
      new Option('--when-stuck <what>', 'if it writes faster than pages are sent').choices(
        stuckPolicies,
      ),
    )
  withExamples(withMoveOptions(migrate), [
    ['godwit migrate kv n2', 'move kv to n2, and show rounds, pages and downtime'],
    ['godwit migrate kv', 'to the node that suits it best'],
    ['godwit migrate kv n2 --verify full', 'and compare a hash of all of its RAM'],
    ['godwit migrate kv n2 --mode post-copy', 'it runs there soon, and fetches the rest'],
    ['godwit migrate kv n2 --when-stuck throttle', 'slow it down rather than stop it for long'],
    ['godwit migrate kv n2 --forecast', 'how long, how many bytes, how long a pause'],
    ['godwit migrate kv n2 --page-log kv.json', 'and godwit heat-map kv.json draws it'],
    ['godwit migrate kv n2 --no-wait -o json', 'only start it; print the migration'],
  ])
}

/** Only the end of a migration has a page log. */
function refuseUnwritten({ pageLog, wait, forecast }: MoveOptions): void {
  if (pageLog === undefined || (wait && !forecast)) return
  const why = forecast ? '--forecast moves nothing' : 'with --no-wait nobody waits for its end'
  throw new CommandError(exitCode.usage, `--page-log: ${why}, so there is nothing to write`)
}

/** What the refusal advises, as it is said on this command line. */
function hopelessHere(thrown: unknown, vm: string): never {
  const { code, message } = faultOf(thrown)
  if (code !== 'not-converging') throw thrown
  const ways = ['--when-stuck throttle', '--mode post-copy', '--downtime 500ms', '--force']
  const lines = ways.map((way) => `  godwit migrate ${vm} ${way}`)
  throw new CommandError(exitCode.failed, [message, ...lines].join('\n'))
}

interface CloneOptions extends MoveOptions {
  readonly independent?: boolean
  readonly count: number
  readonly to?: string
  readonly name?: string
}

function addClone(program: Command, cli: Cli): void {
  const clone = program
    .command('clone <vm>')
    .description('make running copies of a running VM, each with an identity of its own')
    .option('-n, --count <n>', 'how many', wholeBetween(1, clonesMax), 1)
    .option('--to <node>', "where; left out: the parent's node if there is room")
    .option('--name <name>', 'what to call them: NAME-1, NAME-2 …; left out: VM-1, VM-2 …')
    .option('--independent', 'all pages of its own; without, they come when it touches them')
    .action((vm: string, options: CloneOptions, command: Command) =>
      withApi(cli, command, async (api) => {
        const ids = freeNames(options.name ?? vm, options.count, await api.vms())
        const request = {
          ids,
          params: { ...paramsOf(options), ...(options.independent ? { independent: true } : {}) },
          ...(options.to ? { to: options.to } : {}),
        }
        const { migration } = await api.clone(vm, request)
        await showMigration(cli, api, migration, options)
      }),
    )
  withExamples(withMoveOptions(clone), [
    ['godwit clone web', 'one copy, web-1, on the same node'],
    ['godwit clone web --count 10 --to n3', 'ten of them on n3'],
    ['godwit clone web --independent', 'one that does not need web any more'],
  ])
}

function addCancel(program: Command, cli: Cli): void {
  const cancel = program
    .command('cancel <migration>')
    .description('stop a migration; the VM goes on where it is')
    .action((id: string, _options: object, command: Command) =>
      withApi(cli, command, async (api) => {
        await api.cancel(id)
        cli.terminal.note(`${id} is being cancelled.`)
      }),
    )
  withExamples(cancel, [['godwit cancel m-12', 'ids stand in `godwit migrations`']])
}

function addPostCopy(program: Command, cli: Cli): void {
  const postCopy = program
    .command('post-copy <migration>')
    .description('let a migration under way go on as post-copy at once')
    .action((id: string, _options: object, command: Command) =>
      withApi(cli, command, async (api) => {
        await api.postCopy(id)
        cli.terminal.note(`${id} goes on as post-copy.`)
      }),
    )
  withExamples(postCopy, [['godwit post-copy m12', 'its VM runs there now, and fetches the rest']])
}

function addRebalance(program: Command, cli: Cli): void {
  const rebalance = program
    .command('rebalance')
    .description('spread the load now, by migrations')
    .action((_options: object, command: Command) =>
      withApi(cli, command, async (api) => {
        const { moves, scoreBefore, scoreAfter } = await api.rebalance()
        for (const { vmId, from, to, why } of moves)
          cli.terminal.write(`${vmId} ${from} → ${to}  ${why}`)
        const score = `score ${scoreBefore.toFixed(3)} → ${scoreAfter.toFixed(3)}`
        cli.terminal.note(moves.length > 0 ? score : `Nothing to gain by moving (${score}).`)
      }),
    )
  withExamples(rebalance, [['godwit rebalance', 'prints the moves and why, and starts them']])
}

/** The next free names after a base: web-1, web-2 … */
export function freeNames(
  base: string,
  count: number,
  taken: readonly { readonly id: string }[],
): string[] {
  const used = new Set(taken.map(({ id }) => id))
  const names: string[] = []
  for (let n = 1; names.length < count; n++) {
    const name = `${base}-${n}`
    if (!used.has(name)) names.push(name)
  }
  return names
}

function paramsOf(options: MoveOptions): Partial<MigrationParams> {
  const { downtime, bandwidth, rounds, verify, mode, whenStuck, encoding, streams } = options
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(whenStuck === undefined ? {} : { whenStuck }),
    ...(encoding === undefined ? {} : { encoding }),
    ...(streams === undefined ? {} : { streams }),
    ...(options.pageLog === undefined ? {} : { pageLog: true }),
    ...(downtime === undefined ? {} : { downtimeMsMax: downtime }),
    ...(bandwidth === undefined ? {} : { bandwidthBytesPerSecMax: bandwidth * 1e6 }),
    ...(rounds === undefined ? {} : { roundsMax: rounds }),
    ...(verify === undefined ? {} : { verify }),
  }
}

function showForecast(cli: Cli, view: ForecastView, { output }: MoveOptions): void {
  if (output === 'json') writeJson(cli.terminal, view)
  else for (const line of forecastLines(view)) cli.terminal.write(line)
}

async function showMigration(
  cli: Cli,
  api: ApiClient,
  accepted: MigrationView,
  options: MoveOptions,
): Promise<void> {
  const ended = options.wait ? await followMigration(cli, api, accepted) : accepted
  if (options.wait && options.pageLog !== undefined)
    writeFileSync(options.pageLog, JSON.stringify(await api.pageLog(ended.id)))
  if (options.output === 'json') writeJson(cli.terminal, ended)
  else
    cli.terminal.write(options.wait ? outcomeLines(ended).join('\n') : `${ended.id} is accepted.`)
  if (options.wait && ended.phase !== 'done') throw new CommandError(exitCode.failed, '')
}

/** One line drawn in place before a person; elsewhere a plain line for each phase and round. */
async function followMigration(
  cli: Cli,
  api: ApiClient,
  accepted: MigrationView,
): Promise<MigrationView> {
  const live = cli.terminal.notesInteractive ? cli.terminal.live('stderr') : undefined
  let step = ''
  const look = (view: { migrations: readonly MigrationView[] }) => {
    const migration = view.migrations.find(({ id }) => id === accepted.id)
    if (!migration || migrationHasEnded(migration.phase)) return migration
    if (live) live.draw(progressLine(migration))
    else if (progressStep(migration) !== step) cli.terminal.note(progressLine(migration))
    step = progressStep(migration)
    return undefined
  }
  const onInterrupt = `${accepted.id} goes on without you; to stop it: godwit cancel ${accepted.id}`
  try {
    return await follow(cli, api, look, { onInterrupt })
  } finally {
    live?.clear()
  }
}
