// The coordinator's process: flags (or GODWIT_… variables, for containers) → a running server,
// until SIGTERM. Prints one line, `coordinator listening on http://host:port`, when it serves.
// Everything else goes to the log. Exit codes: 0 stopped, 1 could not start, 2 wrong flags, 70 a
// bug (the store is sound: start it again).

import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { makeSecretFile } from '#env/real/secret-file.ts'
import { Credentials, coordinatorName, realEnv, realTracer } from '#env/real.ts'
import { FaultError, fault, faultOf } from '#proto/faults.ts'
import { defaultSettings, type Settings } from './core/cluster-state.ts'
import {
  type EtcdSettings,
  etcdFlagNames,
  etcdUsage,
  leaseMsBesides,
  readEtcd,
  worryOf,
} from './shell/etcd-flags.ts'
import { etcdGateway } from './shell/etcd-gateway.ts'
import { etcdHealth } from './shell/etcd-health.ts'
import { fenceDevice } from './shell/fence-devices.ts'
import { launcherAt } from './shell/launcher.ts'
import { type ServerOptions, startServer } from './shell/server.ts'
import { OneOfSeveral } from './shell/several.ts'
import { openSqliteStore } from './shell/sqlite-store.ts'

const usage = `usage: node coordinator/main.ts [flags]
  --listen HOST:PORT     where to serve (GODWIT_LISTEN; 127.0.0.1:7070; port 0: any)
  --data FILE            the store, or :memory: (GODWIT_DATA; godwit.db)
${etcdUsage}\
  --token-file FILE      the agents' shared secret (GODWIT_TOKEN_FILE; or GODWIT_TOKEN itself)
  --certs FOLDER         ca.pem and coordinator.pem (godwit certs): everything over TLS, and agents
                         must show certificates (GODWIT_CERTS; none)
  --operator-secret FILE whoever shows what is in it is an operator; made when it is not there
                         (GODWIT_OPERATOR_SECRET; none)
  --open yes             serve a network that is trusted: without TLS and, as long as there are no
                         accounts, to everybody (GODWIT_OPEN; no)
  --lease-ms MS          how long a node runs protected VMs unanswered (GODWIT_LEASE_MS; 2500, and
                         8000 with several coordinators)
  --heartbeat-ms MS      how often agents report (GODWIT_HEARTBEAT_MS; 250)
  --margin-ms MS         waited after a lease before recovery (GODWIT_MARGIN_MS; 500)
  --migrations-max N     at once in the cluster (GODWIT_MIGRATIONS_MAX; 4)
  --migrations-per-node N  out of a node, and into one (GODWIT_MIGRATIONS_PER_NODE; 1)
  --rebalance on|off     (GODWIT_REBALANCE; on)
  --page-logs on|off     write every migration down page by page (GODWIT_PAGE_LOGS; off)
  --fence DEVICE         process (kills agents on this machine), or a command that is given the
                         node's name and exits 0 when it is surely off (GODWIT_FENCE; none)
  --fence-after-ms MS    asked after so long without a word (GODWIT_FENCE_AFTER_MS; 1000)
  --laboratory URL       the launcher that breaks this cluster's nodes when a person at the page
                         asks (GODWIT_LABORATORY; none: nodes cannot be broken from the page)
  --dashboard FOLDER     the built page (GODWIT_DASHBOARD; dashboard/dist)
  --log LEVEL            debug, info, warn, error, silent (GODWIT_LOG; info)
`

const flags = [
  'listen',
  'data',
  'token-file',
  'operator-secret',
  'certs',
  'open',
  'lease-ms',
  'heartbeat-ms',
  'margin-ms',
  'migrations-max',
  'migrations-per-node',
  'rebalance',
  'page-logs',
  'fence',
  'fence-after-ms',
  'laboratory',
  'dashboard',
  'log',
  ...etcdFlagNames,
] as const
type Flag = (typeof flags)[number]
type Read = (flag: Flag, standard: string) => string

const wrongFlag = (text: string) => new FaultError(fault('bad-request', text))

function readFlags(args: readonly string[]): Read {
  const options = Object.fromEntries(flags.map((flag) => [flag, { type: 'string' as const }]))
  const given = parseArgs({ args: [...args], options, strict: true }).values
  return (flag, standard) => {
    const variable = process.env[`GODWIT_${flag.replaceAll('-', '_').toUpperCase()}`]
    return String(given[flag] ?? variable ?? standard)
  }
}

function readMs(read: Read, flag: Flag, standardMs: number): number {
  const ms = Number(read(flag, String(standardMs)))
  if (Number.isFinite(ms) && ms >= 1 && ms <= 3_600_000) return ms
  throw wrongFlag(`--${flag} must be a number of milliseconds from 1 to 3600000`)
}

function readCount(read: Read, flag: Flag, standard: number): number {
  const count = Number(read(flag, String(standard)))
  if (Number.isInteger(count) && count >= 1 && count <= 64) return count
  throw wrongFlag(`--${flag} must be a whole number from 1 to 64`)
}

function readSwitch(read: Read, flag: Flag, standard: 'on' | 'off'): boolean {
  const given = read(flag, standard)
  if (given !== 'on' && given !== 'off') throw wrongFlag(`--${flag} must be on or off`)
  return given === 'on'
}

function readSettings(read: Read, isOneOfSeveral: boolean): Settings {
  const standardMs = isOneOfSeveral ? leaseMsBesides : defaultSettings.leaseMs
  const leaseMs = readMs(read, 'lease-ms', standardMs)
  const heartbeatMs = readMs(read, 'heartbeat-ms', defaultSettings.heartbeatMs)
  const marginMs = readMs(read, 'margin-ms', defaultSettings.marginMs)
  if (heartbeatMs * 3 > leaseMs)
    throw wrongFlag('--lease-ms must be at least three times --heartbeat-ms: beats get lost')
  const migrationsMax = readCount(read, 'migrations-max', defaultSettings.migrationsMax)
  const standard = defaultSettings.migrationsPerNodeMax
  const migrationsPerNodeMax = readCount(read, 'migrations-per-node', standard)
  const queue = { migrationsMax, migrationsPerNodeMax }
  const isFenced = read('fence', 'none') !== 'none'
  const fenceAfterMs = readMs(read, 'fence-after-ms', 1000)
  return {
    ...defaultSettings,
    ...queue,
    ...(isFenced ? { fenceAfterMs } : {}),
    leaseMs,
    heartbeatMs,
    marginMs,
    rebalance: readSwitch(read, 'rebalance', 'on'),
    pageLogs: readSwitch(read, 'page-logs', 'off'),
  }
}

function readToken(read: Read): string {
  const file = read('token-file', '')
  const token = file === '' ? process.env.GODWIT_TOKEN : readFileSync(file, 'utf8')
  if (token?.trim()) return token.trim()
  throw wrongFlag('no token: give --token-file FILE, or set GODWIT_TOKEN')
}

/** Made at the first start: who can read the file owns the cluster. */
function readOperatorSecret(read: Read): string | undefined {
  const file = read('operator-secret', '')
  if (file === '') return undefined
  if (!existsSync(file)) makeSecretFile(file, `gwo_${randomBytes(32).toString('hex')}\n`)
  return readFileSync(file, 'utf8').trim()
}

function credentialsOf(read: Read) {
  const folder = read('certs', '')
  return folder === '' ? {} : { credentials: new Credentials(folder, coordinatorName) }
}

function readOpen(read: Read): boolean {
  const open = read('open', 'no')
  if (open !== 'yes' && open !== 'no') throw wrongFlag('--open must be yes or no')
  return open === 'yes'
}

function readListen(read: Read): { host: string; port: number } {
  const match = /^(.+):(\d{1,5})$/.exec(read('listen', '127.0.0.1:7070'))
  if (!match) throw wrongFlag('--listen must be HOST:PORT, for example 127.0.0.1:7070')
  return { host: (match[1] ?? '').replace(/^\[(.*)\]$/, '$1'), port: Number(match[2]) }
}

function laboratoryOf(read: Read, token: string) {
  const url = read('laboratory', 'none')
  return url === 'none' ? {} : { laboratory: launcherAt(url, token) }
}

function versionOfPackage(): string {
  const file = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

async function main(): Promise<void> {
  const read = readFlags(process.argv.slice(2))
  const token = readToken(read)
  const { host, port } = readListen(read)
  const etcd = readEtcd(read, host)
  const settings = readSettings(read, etcd !== undefined)
  // What it writes, the store above all, is nobody else's to read.
  process.umask(0o077)
  const operatorSecret = readOperatorSecret(read)
  const fence = read('fence', 'none')
  const { clock, random, log } = realEnv('coordinator', read('log', 'info'))
  // The store is sound after a bug and after a full disk: whoever watches this process starts it
  // again.
  const onBug = (thrown: unknown) => {
    log.error('a bug: stopping', { why: thrown instanceof Error ? thrown.stack : String(thrown) })
    process.exit(70)
  }
  process.on('uncaughtException', onBug)
  const tracer = await realTracer('coordinator', log)
  const options = {
    ...{ clock, random, log, tracer, settings, token, host, port, onBug },
    version: versionOfPackage(),
    ...(operatorSecret !== undefined && { operatorSecret }),
    isTrusted: readOpen(read),
    ...credentialsOf(read),
    ...(fence === 'none' ? {} : { fence: fenceDevice(fence) }),
    ...laboratoryOf(read, token),
    dashboard: read('dashboard', fileURLToPath(new URL('../dashboard/dist', import.meta.url))),
  }
  const { address, stop } = await (etcd
    ? serveWithOthers(options, etcd)
    : serveAlone(options, read('data', 'godwit.db')))
  process.stdout.write(`coordinator listening on ${address}\n`)
  const end = () => {
    const stopped = stop().then(() => tracer?.close())
    stopped.then(
      () => process.exit(0),
      (thrown) => onBug(thrown),
    )
  }
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
}

const serveAlone = (options: Omit<ServerOptions, 'store'>, file: string) =>
  startServer({ ...options, store: openSqliteStore(file) })

async function serveWithOthers(options: Omit<ServerOptions, 'store'>, etcd: EtcdSettings) {
  const { place, ...names } = etcd
  const worry = worryOf(etcd, options.settings.leaseMs)
  if (worry !== undefined) options.log.warn('several coordinators', { worry })
  const one = new OneOfSeveral({
    ...options,
    ...names,
    etcd: etcdGateway(place),
    storeHealth: etcdHealth(place),
  })
  return { address: await one.start(), stop: () => one.stop() }
}

if (process.argv.includes('--help')) process.stdout.write(usage)
else
  main().catch((thrown) => {
    const isUsage = thrown instanceof TypeError || faultOf(thrown).code === 'bad-request'
    process.stderr.write(`coordinator: ${faultOf(thrown).message}\n${isUsage ? usage : ''}`)
    process.exit(isUsage ? 2 : 1)
  })
