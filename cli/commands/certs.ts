// godwit certs init | issue | rotate | revoke | show: the certificates of a cluster. Those of a
// local cluster are in its folder; `--folder` says where others are. Processes that have them read
// them again by themselves. Not here: what is in one (certs/authority.ts).

import type { Command } from 'commander'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import type { Authority, CertificateRow } from '../certs/authority.ts'
import type { Cli } from '../cli.ts'
import { clusterName, type GlobalOptions } from '../connection.ts'
import { withExamples } from '../help.ts'
import { type Column, tableText } from '../table.ts'

const dayMs = 86_400_000
const columns: readonly Column<CertificateRow>[] = [
  { title: 'NAME', text: ({ name }) => name },
  { title: 'DAYS LEFT', text: (row) => daysText(row), align: 'right' },
  { title: 'FINGERPRINT', text: ({ fingerprint }) => `${fingerprint}…` },
  { title: 'NAMES IN IT', text: ({ names }) => names || '–' },
]
const daysText = ({ expiresWallMs }: CertificateRow) =>
  String(Math.floor((expiresWallMs - Date.now()) / dayMs))

interface CertsOptions extends GlobalOptions {
  readonly folder?: string
  readonly host?: string[]
  readonly ca?: string
  readonly authority?: boolean
}

export function addCerts(program: Command, cli: Cli): void {
  const certs = program
    .command('certs')
    .description('certificates for TLS: of the coordinator, and of each node')
  addInit(certs, cli)
  addIssue(certs, cli)
  addRotate(certs, cli)
  addRevoke(certs, cli)
  addShow(certs, cli)
}

const where = ['--folder <folder>', 'where they are; the cluster’s own folder if left out'] as const
const more = ['--host <name...>', 'more names or addresses by which it is called'] as const

/** Only these commands make certificates: no other loads what that takes. */
async function authorityOf(cli: Cli, options: CertsOptions): Promise<Authority> {
  const { Authority } = await import('../certs/authority.ts')
  const folder = options.folder ?? new ClusterFolder(cli.home, clusterName(options)).certs
  return new Authority(folder)
}

function addInit(parent: Command, cli: Cli): void {
  const init = parent
    .command('init')
    .description('make the cluster’s own authority, and the coordinator’s certificate')
    .option(...where)
    .option(...more)
    .action(async (_options: object, self: Command) => {
      const options = self.optsWithGlobals<CertsOptions>()
      const authority = await authorityOf(cli, options)
      await authority.init(options.host ?? [])
      cli.terminal.write(`Made. Browsers and \`godwit --ca\` are to trust ${authority.caFile}`)
    })
  withExamples(init, [['godwit certs init --folder certs --host lab.example', 'once a cluster']])
}

function addIssue(parent: Command, cli: Cli): void {
  const issue = parent
    .command('issue <name...>')
    .description('make certificates for nodes, by their names, or for `coordinator`')
    .option(...where)
    .option(...more)
    .action(async (names: string[], _options: object, self: Command) => {
      const options = self.optsWithGlobals<CertsOptions>()
      const authority = await authorityOf(cli, options)
      for (const name of names) {
        await authority.issue(name, options.host)
        cli.terminal.write(`${name}.pem is made: it goes, with ca.pem, to that machine alone`)
      }
    })
  withExamples(issue, [['godwit certs issue --folder certs n1 n2 n3', 'one for each node']])
}

function addRotate(parent: Command, cli: Cli): void {
  const rotate = parent
    .command('rotate')
    .description('make all certificates anew; running processes take them by themselves')
    .option(...where)
    .option('--authority', 'a new authority too; the old one is trusted until the next rotation')
    .action(async (_options: object, self: Command) => {
      const options = self.optsWithGlobals<CertsOptions>()
      const authority = await authorityOf(cli, options)
      const names = await authority.rotate(options.authority === true)
      cli.terminal.write(`made anew: ${names.join(', ')}`)
    })
  withExamples(rotate, [
    ['godwit certs rotate', 'before they end; nothing is restarted'],
    ['godwit certs rotate --authority', 'after a key was lost; twice, and the old one is out'],
  ])
}

function addRevoke(parent: Command, cli: Cli): void {
  const revoke = parent
    .command('revoke <name...>')
    .description('certificates that are trusted no more: links by them end, new ones are refused')
    .option(...where)
    .action(async (names: string[], _options: object, self: Command) => {
      const options = self.optsWithGlobals<CertsOptions>()
      const authority = await authorityOf(cli, options)
      for (const name of names)
        cli.terminal.write(`${name}: ${authority.revoke(name).slice(0, 23)}… is revoked`)
      cli.terminal.note('Copy the file `revoked` to every machine, beside its ca.pem.')
      const there = options.folder === undefined ? '' : ` --folder ${options.folder}`
      const anew = `godwit certs issue${there} ${names.join(' ')}`
      cli.terminal.note(`A new one for who is to come back: ${anew}`)
    })
  withExamples(revoke, [['godwit certs revoke n2', 'its key was lost; nothing is restarted']])
}

function addShow(parent: Command, cli: Cli): void {
  const show = parent
    .command('show')
    .description('which there are, for whom and how long')
    .option(...where)
    .action(async (_options: object, self: Command) => {
      const authority = await authorityOf(cli, self.optsWithGlobals<CertsOptions>())
      cli.terminal.write(tableText(columns, authority.show(), cli.terminal.paint))
    })
  withExamples(show, [['godwit certs show', 'those of the local cluster']])
}
