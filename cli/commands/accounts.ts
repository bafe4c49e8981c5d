// godwit user add | list | remove | password, login, logout, whoami: who may use the cluster. Not
// here: what a role may (proto/accounts.ts), tokens and links (grants.ts), quotas (quota.ts).

import { randomInt } from 'node:crypto'
import { type Command, Option } from 'commander'
import { type AccountView, Role } from '#proto/accounts.ts'
import { quotaText } from '#proto/quotas.ts'
import type { Cli } from '../cli.ts'
import { dayTimeText } from '../columns.ts'
import { type GlobalOptions, placeOf, withAccounts } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { withExamples } from '../help.ts'
import { keepLogin } from '../logins.ts'
import { askSecret } from '../secret-input.ts'
import { type Column, tableText } from '../table.ts'
import { addQuota } from './quota.ts'

const columns: readonly Column<AccountView>[] = [
  { title: 'NAME', text: (account) => account.name },
  { title: 'ROLE', text: (account) => account.role },
  { title: 'MADE', text: (account) => dayTimeText(account.createdWallMs) },
  { title: 'VMS', text: (account) => account.vms.join(', ') || '–' },
  { title: 'QUOTA', text: ({ quota }) => (quota ? quotaText(quota) : '–') },
]

export function addAccounts(program: Command, cli: Cli): void {
  const user = program.command('user').description('who may use the cluster, and as what')
  addUserAdd(user, cli)
  addUserList(user, cli)
  addUserRemove(user, cli)
  addUserPassword(user, cli)
  addQuota(user, cli)
  addLogin(program, cli)
  addLogout(program, cli)
  addWhoami(program, cli)
}

interface AddOptions {
  readonly role: Role
  readonly ask?: boolean
}

function addUserAdd(parent: Command, cli: Cli): void {
  const add = parent
    .command('add <name>')
    .description('make an account; from the first one on, everybody has to log in')
    .addOption(
      new Option('--role <role>', 'what they may do')
        .choices(Role.options)
        .default('person')
        .makeOptionMandatory(),
    )
    .option('--ask', 'ask for the password, instead of making one up')
    .action((name: string, { role, ask }: AddOptions, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        const password = ask ? await askTwice(cli) : madeUp()
        await accounts.add({ name, role, password })
        cli.terminal.write(ask ? `${name}, ${role}` : `${name}, ${role}: ${password}`)
        if (!ask) cli.terminal.note('That password is shown once. Change it: godwit user password')
      }),
    )
  withExamples(add, [
    ['godwit user add olga --role operator', 'the first one: an operator'],
    ['godwit user add ann --role person', 'sees and uses the VMs that are hers'],
    ['godwit user add wall --role viewer', 'sees all, changes nothing'],
  ])
}

function addUserList(parent: Command, cli: Cli): void {
  const list = parent
    .command('list')
    .description('all accounts, with the VMs that are theirs')
    .action((_options: object, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        const rows = await accounts.accounts()
        if (rows.length > 0) cli.terminal.write(tableText(columns, rows, cli.terminal.paint))
        else cli.terminal.note('Nobody has an account: whoever reaches the cluster may use it.')
      }),
    )
  withExamples(list, [['godwit user list', 'who may use the cluster']])
}

function addUserRemove(parent: Command, cli: Cli): void {
  const remove = parent
    .command('remove <name...>')
    .description('take accounts away, with their sessions, tokens and links; their VMs stay')
    .action((names: string[], _options: object, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        for (const name of names) {
          await accounts.remove(name)
          cli.terminal.write(`${name} has no account any more`)
        }
      }),
    )
  withExamples(remove, [['godwit user remove ann', 'at once, wherever she is logged in']])
}

function addUserPassword(parent: Command, cli: Cli): void {
  const password = parent
    .command('password [name]')
    .description('set a password: your own, or as an operator another’s; ends all sessions')
    .action((name: string | undefined, _options: object, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        const me = await accounts.me()
        const isOwn = name === undefined || name === me.name
        const current = isOwn ? await askSecret(cli.terminal, 'The present password: ') : undefined
        const fresh = await askTwice(cli)
        const request = { password: fresh, ...(current !== undefined && { current }) }
        await accounts.setPassword(name ?? me.name, request)
        cli.terminal.write(`${name ?? me.name} has a new password; log in again`)
      }),
    )
  withExamples(password, [
    ['godwit user password', 'your own'],
    ['godwit user password ann', 'as an operator, who may'],
  ])
}

function addLogin(program: Command, cli: Cli): void {
  const login = program
    .command('login <name>')
    .description('log in to the cluster; what follows is done in that name')
    .action((name: string, _options: object, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        const password = await askSecret(cli.terminal, `Password of ${name}: `)
        const { secret, role } = await accounts.logIn({ name, password, as: 'bearer' })
        keepLogin(cli.home, placeOf(cli, self.optsWithGlobals<GlobalOptions>()).name, secret)
        cli.terminal.write(`logged in as ${name}, ${role}, for 12 hours`)
      }),
    )
  withExamples(login, [
    ['godwit login ann', 'asks for the password'],
    ['godwit --api https://lab.example:7070 --ca ca.pem login ann', 'a cluster elsewhere'],
  ])
}

function addLogout(program: Command, cli: Cli): void {
  const logout = program
    .command('logout')
    .description('end the session of `godwit login`')
    .action((_options: object, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        await accounts.logOut()
        keepLogin(cli.home, placeOf(cli, self.optsWithGlobals<GlobalOptions>()).name, undefined)
        cli.terminal.write('logged out')
      }),
    )
  withExamples(logout, [['godwit logout', 'and the secret of it is forgotten']])
}

function addWhoami(program: Command, cli: Cli): void {
  const whoami = program
    .command('whoami')
    .description('as whom the cluster sees you')
    .action((_options: object, self: Command) =>
      withAccounts(cli, self, async (accounts) => {
        const { open, name, role, limits, quota } = await accounts.me()
        const only = limits ? `, for ${limits.actions.join(', ')} only` : ''
        cli.terminal.write(
          open ? 'nobody has an account: you may do all' : `${name}, ${role}${only}`,
        )
        if (quota) cli.terminal.write(quotaText(quota))
      }),
    )
  withExamples(whoami, [['godwit whoami', 'name and role, and what of your quota is used']])
}

async function askTwice(cli: Cli): Promise<string> {
  const password = await askSecret(cli.terminal, 'A new password: ')
  if (process.stdin.isTTY !== true) return password
  if (password === (await askSecret(cli.terminal, 'The same again: '))) return password
  throw new CommandError(exitCode.failed, 'These two differ: nothing was changed.')
}

/** Easy to read aloud and to type; 16 of 31 letters are 79 bits. */
const letters = 'abcdefghijkmnpqrstuvwxyz2345678'
function madeUp(): string {
  const four = () => Array.from({ length: 4 }, () => letters[randomInt(letters.length)]).join('')
  return Array.from({ length: 4 }, four).join('-')
}
