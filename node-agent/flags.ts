// How an agent process is told what it is: flags, and environment variables for containers. Pure:
// argv and env in, settings or a sentence of what is wrong out. A flag wins over its variable.
// Not here: reading files (process.ts). The token is never a flag: a process list is no place for a
// secret.

import { isLoopback } from '#env/loopback.ts'
import { namePattern } from '#proto/ids.ts'

export interface Settings {
  readonly node: string
  readonly coordinators: readonly string[]
  readonly listen: string
  readonly advertise: string | undefined
  readonly tokenFile: string | undefined
  readonly token: string | undefined
  /** undefined: links are in plain text. */
  readonly certs: string | undefined
  readonly cores: number
  readonly mips: number
  readonly memoryMib: number
  /** All migrations from here together; 0 = no limit. */
  readonly migrationBytesPerSecMax: number
  readonly disks: string
  readonly images: string
  /** undefined: no metrics port. */
  readonly metricsPort: number | undefined
  readonly metricsHost: string
  /** It may be broken on purpose, by whoever knows the token, at its metrics port. */
  readonly isLaboratory: boolean
  readonly logLevel: string
}

const flags = {
  node: { variable: 'GODWIT_NODE', fallback: undefined, what: 'ID: name of this node' },
  coordinator: {
    variable: 'GODWIT_COORDINATOR',
    fallback: 'ws://127.0.0.1:7070/agent',
    what: 'ws://HOST:PORT/agent; of several coordinators, all of them: URL,URL',
  },
  listen: {
    variable: 'GODWIT_LISTEN',
    fallback: 'ws://127.0.0.1:0',
    what: 'ws://HOST:PORT for other nodes; port 0 = any',
  },
  advertise: {
    variable: 'GODWIT_ADVERTISE',
    fallback: '',
    what: 'ws://HOST:PORT by which other nodes reach it, if different',
  },
  'token-file': {
    variable: 'GODWIT_TOKEN_FILE',
    fallback: '',
    what: 'FILE with the shared secret (or the variable GODWIT_TOKEN)',
  },
  certs: {
    variable: 'GODWIT_CERTS',
    fallback: '',
    what: 'FOLDER with ca.pem and NODE.pem (godwit certs): all links over TLS',
  },
  open: {
    variable: 'GODWIT_OPEN',
    fallback: 'no',
    what: 'yes: the network is trusted, links to it may be in plain text',
  },
  cores: { variable: 'GODWIT_CORES', fallback: '1', what: 'N: threads that run guests' },
  mips: {
    variable: 'GODWIT_MIPS',
    fallback: '0',
    what: 'M: millions of guest instructions a second and core; 0 = all it can',
  },
  memory: { variable: 'GODWIT_MEMORY', fallback: '1024', what: 'MIB: RAM for all VMs together' },
  'migration-bandwidth': {
    variable: 'GODWIT_MIGRATION_BANDWIDTH',
    fallback: '0',
    what: 'MB/S of all migrations from here together; 0 = no limit',
  },
  disks: {
    variable: 'GODWIT_DISKS',
    fallback: '.godwit/disks',
    what: "FOLDER of the cluster's disk store, shared by all nodes",
  },
  images: {
    variable: 'GODWIT_IMAGES',
    fallback: '.godwit/images',
    what: 'FOLDER of the images that were pulled: godwit image pull',
  },
  'metrics-port': {
    variable: 'GODWIT_METRICS_PORT',
    fallback: '',
    what: 'PORT for /metrics and /healthz; 0 = any',
  },
  'metrics-host': { variable: 'GODWIT_METRICS_HOST', fallback: '127.0.0.1', what: 'HOST of it' },
  laboratory: {
    variable: 'GODWIT_LABORATORY',
    fallback: 'no',
    what: 'yes: whoever has the token may break it on purpose, at its metrics port',
  },
  'log-level': { variable: 'GODWIT_LOG_LEVEL', fallback: 'info', what: 'debug|info|warn|error' },
} as const
type Flag = keyof typeof flags

export const usage = [
  'node-agent/main.ts: one node of a Godwit cluster',
  ...Object.entries(flags).map(([name, { what }]) => `  --${name} ${what}`),
].join('\n')

/** @returns a sentence that names the mend when something is wrong */
export function readSettings(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Settings | { readonly wrong: string } {
  const given = parse(argv)
  if (typeof given === 'string') return { wrong: given }
  const text = (flag: Flag): string =>
    given.get(flag) ?? env[flags[flag].variable] ?? flags[flag].fallback ?? ''
  const wrong = check(text)
  if (wrong !== undefined) return { wrong }
  const metricsPort = text('metrics-port')
  return {
    node: text('node'),
    coordinators: listOf(text('coordinator')),
    listen: text('listen'),
    advertise: text('advertise') || undefined,
    tokenFile: text('token-file') || undefined,
    token: env.GODWIT_TOKEN,
    certs: text('certs') || undefined,
    cores: Number(text('cores')),
    mips: Number(text('mips')),
    memoryMib: Number(text('memory')),
    migrationBytesPerSecMax: Number(text('migration-bandwidth')) * 1e6,
    disks: text('disks'),
    images: text('images'),
    metricsPort: metricsPort === '' ? undefined : Number(metricsPort),
    metricsHost: text('metrics-host'),
    isLaboratory: text('laboratory') === 'yes',
    logLevel: text('log-level'),
  }
}

function parse(argv: readonly string[]): Map<Flag, string> | string {
  const given = new Map<Flag, string>()
  for (let at = 0; at < argv.length; at += 2) {
    const name = argv[at] ?? ''
    const flag = name.replace(/^--/, '')
    if (!name.startsWith('--') || !Object.hasOwn(flags, flag))
      return `${name} is no flag.\n${usage}`
    const value = argv[at + 1]
    if (value === undefined) return `${name} wants a value: ${flags[flag as Flag].what}`
    given.set(flag as Flag, value)
  }
  return given
}

const listOf = (text: string): string[] => text.split(',').map((part) => part.trim())

const addresses = (text: (flag: Flag) => string) =>
  (['coordinator', 'listen', 'advertise'] as const).flatMap((flag) =>
    listOf(text(flag)).map((address) => [flag, address] as const),
  )

function check(text: (flag: Flag) => string): string | undefined {
  if (!namePattern.test(text('node')))
    return `--node ${text('node') || '(missing)'}: use 1-63 of a-z, 0-9 and -, not - at either end`
  for (const [flag, address] of addresses(text)) {
    if (address !== '' && !/^wss?:\/\//.test(address))
      return `--${flag} ${address}: write it as ws://host:port`
  }
  const wrong = checkLinks(text)
  if (wrong !== undefined) return wrong
  const bounds = [
    ['cores', 1, 256, true],
    ['mips', 0, 1e6, false],
    ['memory', 1, 1 << 24, true],
    ['migration-bandwidth', 0, 1e6, false],
    ['metrics-port', 0, 65535, true],
  ] as const
  for (const [flag, min, max, whole] of bounds) {
    const value = Number(text(flag))
    if (!(value >= min && value <= max) || (whole && !Number.isInteger(value)))
      return `--${flag} ${text(flag)}: use a ${whole ? 'whole ' : ''}number from ${min} to ${max}`
  }
  return undefined
}

/** What crosses a network is encrypted, or said to be trusted. */
function checkLinks(text: (flag: Flag) => string): string | undefined {
  for (const [flag, address] of addresses(text)) {
    if (address === '') continue
    const isTls = address.startsWith('wss:')
    if (isTls !== (text('certs') !== ''))
      return `--${flag} ${address}: wss:// and --certs belong together`
    const host = URL.parse(address)?.hostname.replace(/^\[(.*)\]$/, '$1') ?? ''
    if (!isTls && !isLoopback(host) && text('open') !== 'yes')
      return `--${flag} ${address} crosses a network in plain text: --certs FOLDER, or --open yes`
  }
  return undefined
}
