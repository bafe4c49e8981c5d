// Which cluster a command talks to: the one named by --api or --cluster, else the only one that
// runs here. Not here: the API itself (scenarios/api-client.ts), starting a cluster
// (commands/cluster.ts).

import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { realClock, trustAlso } from '#env/real.ts'
import { type FaultCode, FaultError } from '#proto/faults.ts'
import { AccountsClient } from '#scenarios/accounts-client.ts'
import { type ApiClient, HttpApiClient } from '#scenarios/api-client.ts'
import type { ApiWire } from '#scenarios/api-wire.ts'
import { nearestName } from '#scenarios/language/nearest-name.ts'
import {
  ClusterFolder,
  type ClusterState,
  runningClusters,
} from '#scenarios/local/cluster-folder.ts'
import { wireTo } from '#scenarios/several-wire.ts'
import { TemplatesClient } from '#scenarios/templates-client.ts'
import type { Cli } from './cli.ts'
import { CommandError, exitCode } from './exit-code.ts'
import { loginAt } from './logins.ts'

export interface GlobalOptions {
  /** The coordinator's URL, also of a cluster that this machine did not start. */
  readonly api?: string
  readonly cluster?: string
  /** Whom to trust for an API over TLS. */
  readonly ca?: string
}

const exampleUrl = 'http://127.0.0.1:7070'

/** What a local cluster is called when nobody names it. */
export const clusterName = ({ cluster }: GlobalOptions): string => cluster ?? 'default'

/** Behind a command that is meant for it. */
export const clusterWords = ({ cluster }: GlobalOptions): string =>
  cluster === undefined ? '' : ` --cluster ${cluster}`

/** Where the cluster that is meant is, and under which name a login to it is kept. */
export interface Place {
  readonly url: string
  /** Of several coordinators, each one's; the first is `url`. */
  readonly urls: readonly string[]
  readonly name: string
  /** Of a cluster of this machine, to whom may read its folder. */
  readonly operatorSecret?: string | undefined
  readonly caFile?: string | undefined
}

export function placeOf(cli: Cli, options: GlobalOptions): Place {
  const { api } = options
  if (api === undefined) {
    const { apiUrl, cluster, caFile } = localCluster(cli, options)
    const operatorSecret = new ClusterFolder(cli.home, cluster).readOperatorSecret()
    return { url: apiUrl, urls: [apiUrl], name: cluster, operatorSecret, caFile }
  }
  const urls = api.split(',').map(urlOf)
  const { ca: caFile } = options
  const name = urls.map((url) => new URL(url).origin).join(',')
  return { url: urls[0] ?? api, urls, name, operatorSecret: secretByFile(), caFile }
}

function urlOf(text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text.trim().replace(/\/+$/, '')
  throw new CommandError(exitCode.usage, `--api: \`${text}\` is no URL like ${exampleUrl}`)
}

/** Where the coordinator's own file is at hand, as in its container. */
function secretByFile(): string | undefined {
  const file = process.env.GODWIT_OPERATOR_SECRET
  try {
    return file ? readFileSync(file, 'utf8').trim() : undefined
  } catch {
    return undefined
  }
}

/** The way to the cluster that is meant, in the name of whoever has logged in. */
function wireOf(cli: Cli, options: GlobalOptions): ApiWire {
  const { urls, name, operatorSecret, caFile } = placeOf(cli, options)
  if (caFile !== undefined) trustAlso(caFile)
  const secret = process.env.GODWIT_API_TOKEN || loginAt(cli.home, name) || operatorSecret
  // A script that has a trace says so there (OpenTelemetry, environment variable carriers).
  return wireTo(urls, realClock, secret, process.env.TRACEPARENT)
}

/** The API of the cluster that is meant. */
export const connect = (cli: Cli, options: GlobalOptions): ApiClient =>
  cli.api ?? new HttpApiClient(wireOf(cli, options))

/** As withApi, for what is about accounts. */
export const withAccounts = (
  cli: Cli,
  command: Command,
  talk: (accounts: AccountsClient) => Promise<void>,
): Promise<void> =>
  withApi(cli, command, () =>
    talk(new AccountsClient(wireOf(cli, command.optsWithGlobals<GlobalOptions>()))),
  )

/** As withApi, for files of templates. */
export const withTemplates = (
  cli: Cli,
  command: Command,
  talk: (templates: TemplatesClient) => Promise<void>,
): Promise<void> =>
  withApi(cli, command, () =>
    talk(new TemplatesClient(wireOf(cli, command.optsWithGlobals<GlobalOptions>()))),
  )

/** The local cluster that is meant: its processes can be signalled, its logs read. */
export function localCluster(cli: Cli, options: GlobalOptions): ClusterState {
  const running = runningClusters(cli.home)
  const names = running.map(({ cluster }) => cluster)
  if (options.cluster !== undefined) {
    const named = running.find(({ cluster }) => cluster === options.cluster)
    if (named) return named
    const others = names.length > 0 ? ` Running: ${names.join(', ')}.` : ''
    const start = `Start it: godwit up --cluster ${options.cluster}`
    throw new CommandError(
      exitCode.noCluster,
      `No cluster \`${options.cluster}\` runs.${others} ${start}`,
    )
  }
  const [only, another] = running
  if (!only) throw new CommandError(exitCode.noCluster, 'No cluster runs. Start one: godwit up')
  if (!another) return only
  const say = `Several clusters run: ${names.join(', ')}.`
  throw new CommandError(exitCode.usage, `${say} Say which: --cluster ${only.cluster}`)
}

/**
 * Runs a command's part that talks to the cluster; refusals come out in words that help (see
 * explained).
 */
export async function withApi<T>(
  cli: Cli,
  command: Command,
  talk: (api: ApiClient) => Promise<T>,
): Promise<T> {
  const options = command.optsWithGlobals<GlobalOptions>()
  const api = connect(cli, options)
  try {
    return await talk(api)
  } catch (thrown) {
    throw thrown instanceof FaultError ? await explained(thrown, api, command) : thrown
  }
}

/** An unknown name gets the nearest known one, a silent cluster the way to start it. */
async function explained(
  { fault: { code, message: said } }: FaultError,
  api: ApiClient,
  command: Command,
): Promise<CommandError> {
  if (code === 'link-lost') return new CommandError(exitCode.noCluster, silence(said, command))
  const known = await namesFor(code, api)
  const unknown = command.args.find((name) => !known.includes(name)) ?? ''
  const near = nearestName(unknown, known)
  const message = said.replace(/\.$/, '')
  return new CommandError(exitCode.failed, near ? `${message}; did you mean ${near}?` : said)
}

/** A local cluster whose launcher lives has lost its coordinator; another's is out of our hands. */
function silence(said: string, command: Command): string {
  return command.optsWithGlobals<GlobalOptions>().api === undefined
    ? `${said} If it was killed: godwit revive coordinator`
    : said
}

async function namesFor(code: FaultCode, api: ApiClient): Promise<string[]> {
  const names = async (rows: Promise<{ id: string }[]>) => (await rows).map(({ id }) => id)
  try {
    if (code === 'unknown-vm') return await names(api.vms())
    if (code === 'unknown-node') return await names(api.nodes())
    if (code === 'unknown-migration') return await names(api.migrations())
  } catch {
    // The advice is worth nothing if the cluster is gone; the refusal itself is told anyway.
  }
  return []
}
