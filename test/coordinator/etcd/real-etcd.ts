// Debian's etcd for tests, if this machine has it: members as processes on free ports of loopback,
// each with a folder under the system's for temporary files. Not here: what is asked of them.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const hasEtcd = spawnSync('etcd', ['--version']).status === 0

export interface EtcdMembers {
  readonly urls: readonly string[]
  readonly processes: readonly ChildProcess[]
  stop(): Promise<void>
}

/** PEM files, of a member of itself. */
export interface EtcdTls {
  readonly caFile: string
  /** Its key and its certificate. */
  readonly certFile: string
}

/** Ready when it answers. @param tls clients must show a certificate, too @param more flags */
export async function startEtcd(
  count: number,
  tls?: EtcdTls,
  more: readonly string[] = [],
): Promise<EtcdMembers> {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-etcd-'))
  const ports = await freePorts(2 * count)
  const member = (n: number) => ({
    name: `e${n}`,
    client: `${tls ? 'https' : 'http'}://127.0.0.1:${ports[2 * n]}`,
    peer: `http://127.0.0.1:${ports[2 * n + 1]}`,
  })
  const members = Array.from({ length: count }, (_, n) => member(n))
  const all = members.map(({ name, peer }) => `${name}=${peer}`).join(',')
  const processes = members.map(({ name, client, peer }) =>
    spawn(
      'etcd',
      [
        ...['--name', name, '--data-dir', join(folder, name), '--initial-cluster', all],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...(tls ? tlsFlags(tls) : []),
        // A test's data need not outlive the machine, and its disk is shared with other tests.
        ...['--log-level', 'error', '--unsafe-no-fsync', ...more],
      ],
      { stdio: 'ignore' },
    ),
  )
  const urls = members.map(({ client }) => client)
  for (const url of urls) await (tls ? listens(url) : answers(url))
  const stop = async () => {
    await Promise.all(processes.map(ended))
    rmSync(folder, { recursive: true, force: true })
  }
  return { urls, processes, stop }
}

const tlsFlags = ({ caFile, certFile }: EtcdTls): string[] => [
  ...['--cert-file', certFile, '--key-file', certFile],
  ...['--trusted-ca-file', caFile, '--client-cert-auth'],
]

/** Whoever comes without a certificate is turned away: that it listens has to do. */
async function listens(url: string): Promise<void> {
  for (const endMs = Date.now() + 20_000; Date.now() < endMs; ) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    const [event] = await Promise.race([
      once(socket, 'connect').then(() => ['connect']),
      once(socket, 'error').then(() => ['error']),
    ]).catch(() => ['error'])
    socket.destroy()
    if (event === 'connect') return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`etcd at ${url} does not listen`)
}

async function ended(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return
  const exit = new Promise((resolve) => process.once('exit', resolve))
  process.kill('SIGKILL')
  await exit
}

async function answers(url: string): Promise<void> {
  for (const endMs = Date.now() + 20_000; Date.now() < endMs; ) {
    const healthy = await fetch(`${url}/health`).then(
      (answer) => answer.ok,
      () => false,
    )
    if (healthy) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`etcd at ${url} does not answer`)
}

/** All at once, so that none is given twice. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = servers.map(
    (server) =>
      new Promise<number>((resolve) => {
        server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
      }),
  )
  const found = await Promise.all(ports)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return found
}
