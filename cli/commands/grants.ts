// godwit token create | list | revoke, share, give: what others and scripts may do in somebody's
// name, and whose a VM is. Secrets are printed once, on stdout. Not here: accounts (accounts.ts).

import { type Command, InvalidArgumentError, Option } from 'commander'
import { forMsMin, type GrantView, Scope } from '#proto/accounts.ts'
import type { Cli } from '../cli.ts'
import { type GlobalOptions, placeOf, withAccounts } from '../connection.ts'
import { withExamples } from '../help.ts'
import { type Column, tableText } from '../table.ts'

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

function periodMs(text: string, most: string): number {
  const [, count, unit = ''] = /^(\d{1,4})([smhd])$/.exec(text) ?? []
  const ms = Number(count) * (unitMs[unit] ?? 0)
  if (ms >= forMsMin && (text === most || ms <= periodMs(most, most))) return ms
  throw new InvalidArgumentError(
    `Write a number and a unit, like 30m, 1h or ${most}: that at most.`,
  )
}

/** @param most what the API grants (TokenRequest, ShareRequest) */
const period = (about: string, standard: string, most: string) =>
  new Option('--for <time>', about)
    .argParser((text) => periodMs(text, most))
    .default(periodMs(standard, most), standard)

function scopes(text: string): Scope[] {
  if (text === 'all') return [...Scope.options]
  const read = text.split(',').map((word) => Scope.safeParse(word.trim()))
  if (read.every(({ success }) => success)) return read.flatMap(({ data }) => data ?? [])
  throw new InvalidArgumentError(`Write all, or some of ${Scope.options.join(', ')}.`)
}

const timeText = (wallMs: number) => new Date(wallMs).toISOString().replace('.000', '')
const columns: readonly Column<GrantView>[] = [
  { title: 'ID', text: ({ id }) => id },
  { title: 'KIND', text: ({ kind }) => kind },
  { title: 'OF', text: ({ account }) => account },
  { title: 'FOR', text: ({ limits }) => limits?.actions.join(',') ?? 'all of the role' },
  { title: 'VM', text: ({ limits }) => limits?.vm?.id ?? '–' },
  { title: 'UNTIL', text: ({ expiresWallMs }) => timeText(expiresWallMs) },
  { title: 'ABOUT', text: ({ label }) => label },
]

export function addGrants(program: Command, cli: Cli): void {
  const token = program
    .command('token')
    .description('secrets for scripts, which may do only what they were made for')
  addTokenCreate(token, cli)
  addTokenList(token, cli)
  addTokenRevoke(token, cli)
  addShare(program, cli)
  addGive(program, cli)
}

interface TokenOptions {
  readonly scope: Scope[]
  readonly vm?: string
  readonly for: number
  readonly label?: string
}

function addTokenCreate(parent: Command, cli: Cli): void {
  const create = parent
    .command('create')
    .description('make a token; it is shown once. Scripts give it in GODWIT_API_TOKEN')
    .requiredOption('--scope <actions>', `all, or some of ${Scope.options.join(',')}`, scopes)
    .option('--vm <vm>', 'for that VM only')
    .addOption(period('how long', '90d', '366d'))
    .option('--label <text>', 'what it is for')
    .action((options: TokenOptions, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        const { scope, vm, label, for: forMs } = options
        const { secret = '', id } = await accounts.makeToken({
          ...{ scope, forMs, ...(label !== undefined && { label }) },
          ...(vm !== undefined && { vm }),
        })
        cli.terminal.write(secret)
        cli.terminal.note(`It is shown once. To end it: godwit token revoke ${id}`)
      }),
    )
  withExamples(create, [
    ['godwit token create --scope see,see-cluster --label metrics', 'for Prometheus'],
    ['godwit token create --scope see,copy --vm kv --for 30d', 'for a backup of kv'],
  ])
}

function addTokenList(parent: Command, cli: Cli): void {
  const list = parent
    .command('list')
    .description('tokens, links and sessions: your own; for an operator all')
    .action((_options: object, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        const rows = await accounts.grants()
        if (rows.length > 0) cli.terminal.write(tableText(columns, rows, cli.terminal.paint))
        else cli.terminal.note('There are none.')
      }),
    )
  withExamples(list, [['godwit token list', 'who may come back how, and until when']])
}

function addTokenRevoke(parent: Command, cli: Cli): void {
  const revoke = parent
    .command('revoke <id...>')
    .description('end tokens, links or sessions, and what is open by them')
    .action((ids: string[], _options: object, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        for (const id of ids) {
          await accounts.revoke(id)
          cli.terminal.write(`${id} is revoked`)
        }
      }),
    )
  withExamples(revoke, [['godwit token revoke 3f9a01c2d4e5', 'at once']])
}

function addShare(program: Command, cli: Cli): void {
  const share = program
    .command('share <vm>')
    .description('make a link to one VM and its console, for somebody without an account')
    .addOption(period('how long it leads there', '1h', '30d'))
    .option('--read-only', 'they may look at the console, and not type')
    .action((vm: string, options: { for: number; readOnly?: boolean }, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        const request = { forMs: options.for, readOnly: options.readOnly === true }
        const { secret = '', id, expiresWallMs } = await accounts.share(vm, request)
        const { url } = placeOf(cli, self.optsWithGlobals<GlobalOptions>())
        // What is after the # stays in the browser: no server and no log sees it.
        cli.terminal.write(`${url}/#link=${secret}`)
        cli.terminal.note(`Until ${timeText(expiresWallMs)}; earlier: godwit token revoke ${id}`)
      }),
    )
  withExamples(share, [
    ['godwit share kv --for 1h', 'whoever has the link may use the console of kv'],
    ['godwit share kv --for 20m --read-only', 'or only look'],
  ])
}

function addGive(program: Command, cli: Cli): void {
  const give = program
    .command('give <vm> [name]')
    .description('a VM is somebody’s from now on; without a name nobody’s but the operators’')
    .action((vm: string, name: string | undefined, _options: object, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        const { owner } = await accounts.give(vm, name ?? null)
        cli.terminal.write(owner ? `${vm} is ${owner}’s` : `${vm} is nobody’s`)
      }),
    )
  withExamples(give, [
    ['godwit give kv ann', 'ann sees it and its console; links to it end'],
    ['godwit give kv', 'it is for operators only'],
  ])
}
