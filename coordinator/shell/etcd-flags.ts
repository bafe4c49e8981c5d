// The flags of one of several coordinators: `--store etcd=URL,URL…` and what goes with it.
// Not here: reading them from the command line (process.ts), etcd itself (etcd-gateway.ts). ms.

import { hostname } from 'node:os'
import { isLoopback } from '#env/loopback.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { EtcdPlace } from './etcd-gateway.ts'

export const etcdUsage = `\
  --store sqlite|etcd=URL,URL   with etcd, one of several coordinators, of which one leads; --data
                         counts for sqlite only (GODWIT_STORE; sqlite)
  --name NAME            of this one among them (GODWIT_NAME; the machine's)
  --advertise URL        where clients, browsers, agents and the others reach it (GODWIT_ADVERTISE;
                         --listen, and then no page is told of it)
  --leader-ttl-ms MS     of the leader's lease in etcd: so long after its end another leads
                         (GODWIT_LEADER_TTL_MS; 4000)
  --etcd-prefix NAME     of this cluster's keys (GODWIT_ETCD_PREFIX; godwit)
  --etcd-ca FILE         whom to trust for https:// (GODWIT_ETCD_CA; the system's authorities)
  --etcd-cert FILE, --etcd-key FILE   who we are (GODWIT_ETCD_CERT, GODWIT_ETCD_KEY; none). A user
                         of etcd is given by GODWIT_ETCD_USER, as NAME:PASSWORD
`

export const etcdFlagNames = [
  'store',
  'name',
  'advertise',
  'leader-ttl-ms',
  'etcd-prefix',
  'etcd-ca',
  'etcd-cert',
  'etcd-key',
] as const
export type EtcdFlag = (typeof etcdFlagNames)[number]
type Read = (flag: EtcdFlag, standard: string) => string

export interface EtcdSettings {
  readonly place: EtcdPlace
  readonly prefix: string
  readonly name: string
  readonly advertise: string | undefined
  readonly ttlMs: number
}

export const leaderTtlMs = 4000
/** Agents keep their leases while another is elected and found; see decision 10. */
export const leaseMsBesides = leaderTtlMs + 4000
/** What passes besides the leader's lease: etcd's own look, ours, the agents' turn and their beat. */
export const takeoverMsBesides = 2000

/** @returns undefined: there is one coordinator, with a file. Throws a FaultError. */
export function readEtcd(read: Read, listensOn: string): EtcdSettings | undefined {
  const store = read('store', 'sqlite')
  if (store === 'sqlite') return undefined
  const urls = /^etcd=(.+)$/.exec(store)?.[1]?.split(',') ?? []
  const scheme = urls[0]?.split(':')[0]
  const isSound = urls.every((url) => /^https?:$/.test(URL.parse(url)?.protocol ?? ''))
  if (urls.length === 0 || !isSound || urls.some((url) => !url.startsWith(`${scheme}:`)))
    throw wrong('--store must be sqlite, or etcd=http://HOST:2379,http://HOST:2379 (or all https)')
  const prefix = read('etcd-prefix', 'godwit')
  if (!/^[\w.-]+$/.test(prefix)) throw wrong('--etcd-prefix must be of letters, digits, ., _ and -')
  const ttlMs = Number(read('leader-ttl-ms', String(leaderTtlMs)))
  if (!(ttlMs >= 2000 && ttlMs <= 60_000)) throw wrong('--leader-ttl-ms must be from 2000 to 60000')
  const file = (flag: EtcdFlag) => read(flag, '') || undefined
  const tls = { caFile: file('etcd-ca'), certFile: file('etcd-cert'), keyFile: file('etcd-key') }
  return {
    place: { urls, ...tls, user: process.env.GODWIT_ETCD_USER },
    ...{ prefix: `${prefix}/`, ttlMs, name: read('name', hostname()) },
    advertise: readAdvertise(read('advertise', ''), listensOn),
  }
}

function readAdvertise(address: string, listensOn: string): string | undefined {
  const url = URL.parse(address)
  if (url && /^https?:$/.test(url.protocol)) return url.origin
  if (address !== '') throw wrong('--advertise must be a URL, for example http://10.0.0.7:7070')
  if (['0.0.0.0', '::'].includes(listensOn))
    throw wrong(`--listen ${listensOn} is no address that others reach: say --advertise URL`)
  return undefined
}

/** What an operator should hear of before an outage; undefined: all is well. */
export function worryOf({ ttlMs, place }: EtcdSettings, leaseMs: number): string | undefined {
  if (leaseMs < ttlMs + takeoverMsBesides)
    return (
      `agents' leases of ${leaseMs} ms may end before another coordinator leads: then every ` +
      `protected VM is restarted. Give --lease-ms ${ttlMs + takeoverMsBesides} or more`
    )
  const isPlain = place.urls.some((url) => url.startsWith('http:') && !isLocal(url))
  if (isPlain)
    return 'etcd is spoken to in plain text: whoever is on that network can take the cluster over'
  return undefined
}

const isLocal = (url: string) => isLoopback(new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'))
const wrong = (text: string) => new FaultError(fault('bad-request', text))
