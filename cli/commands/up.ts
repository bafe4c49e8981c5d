// godwit up: the launcher of a local cluster. The cluster lives as long as this process does.
// With --detach it is a process of its own, which says through a pipe when the cluster is ready.

import { spawn } from 'node:child_process'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { coordinatorName, trustAlso } from '#env/real.ts'
import { faultOf } from '#proto/faults.ts'
import { asNodeId } from '#proto/ids.ts'
import { heartbeatMs, leaseMarginMs, leaseMs } from '#proto/units.ts'
import { ClusterFolder } from '#scenarios/local/cluster-folder.ts'
import { LocalWorld } from '#scenarios/local/local-world.ts'
import type { ClusterSpec } from '#scenarios/world.ts'
import type { Cli } from '../cli.ts'
import { clusterName, clusterWords, type GlobalOptions } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { amount, wholeBetween, withExamples } from '../help.ts'
import { aborted } from '../listing.ts'
import { inMib, inMs } from '../units.ts'

/** Each is a process of some 100 MB; more than a machine carries is a slip of the finger. */
const nodesMax = 100
/** These two are what an agent takes (node-agent/flags.ts). */
const coresMax = 256
const memoryMibMax = 16_777_216
const portMax = 65_535
/** From ten heartbeats of 5 ms to an hour. */
const leaseWithin = wholeBetween(50, 3_600_000)

interface UpOptions extends GlobalOptions {
  readonly nodes: number
  readonly cores: number
  readonly mips: number
  readonly memory: number
  readonly port: number
  readonly lease: number
  readonly rebalance: boolean
  readonly fresh?: boolean
  readonly tls?: boolean
  readonly detach?: boolean
}

export function addUp(program: Command, cli: Cli): void {
  const up = program
    .command('up')
    .description('start a cluster on this machine: a coordinator and nodes, each a process')
    .option('--nodes <n>', 'how many, called n1, n2 …', wholeBetween(1, nodesMax), 3)
    .option('--cores <n>', 'pCPUs of each node', wholeBetween(1, coresMax), 1)
    .option('--mips <n>', 'speed of a core in million instructions a second; 0: full', amount, 0)
    .option(
      '--memory <MiB>',
      'what all VMs of a node may use together',
      inMib(wholeBetween(1, memoryMibMax)),
      1024,
    )
    .option('--port <port>', 'of the page and the API; 0: any', wholeBetween(0, portMax), 7070)
    .option('--lease <ms>', 'how long a node may run VMs unheard', inMs(leaseWithin), leaseMs)
    .option('--no-rebalance', 'do not move VMs from loaded nodes by itself')
    .option('--tls', 'everything over TLS, with certificates in the cluster’s folder')
    .option('--fresh', 'forget the VMs and disks of the last time')
    .option('-d, --detach', 'return when it runs; `godwit down` ends it')
    .action((_options: object, command: Command) => {
      const options = command.optsWithGlobals<UpOptions>()
      return options.detach ? launchDetached(cli, options) : launch(cli, options)
    })
  withExamples(up, [
    ['godwit up', 'three nodes; the page is at http://127.0.0.1:7070/'],
    ['godwit up --nodes 5 --cores 2 --mips 100 -d', 'five slow nodes of two cores, in background'],
    ['godwit up --cluster b --port 0', 'another one beside it'],
  ])
}

const specOf = ({ nodes, cores, mips, memory, lease, rebalance }: UpOptions): ClusterSpec => ({
  nodes: Array.from({ length: nodes }, (_, i) => ({
    id: asNodeId(`n${i + 1}`),
    cores,
    mipsPerCore: mips,
    memoryMib: memory,
  })),
  leaseMs: lease,
  heartbeatMs: Math.min(heartbeatMs, lease / 10),
  marginMs: leaseMarginMs,
  rebalance,
})

async function launch(cli: Cli, options: UpOptions): Promise<void> {
  const interrupted = cli.interrupts.handle()
  const folder = folderFor(cli, options)
  const { terminal } = cli
  const certs = options.tls ? await certificatesFor(folder, specOf(options)) : undefined
  let runs = false
  const world = new LocalWorld({
    folder,
    port: options.port,
    ...(certs !== undefined && { certs }),
    // Before it runs, the failure to start it says the same with its reason.
    onEnd: (id, how) => runs && terminal.note(endText(options, id, how)),
  })
  try {
    const started = world.startCluster(specOf(options))
    await Promise.race([started, aborted(interrupted)])
    if (!interrupted.aborted) {
      runs = true
      terminal.write(welcome(options, world.pageUrl ?? '', folder))
      if (process.connected) process.send?.('ready')
      await aborted(interrupted)
    }
    terminal.note('Stopping the cluster …')
  } catch (thrown) {
    throw new CommandError(exitCode.failed, startFailure(thrown, options.port))
  } finally {
    await stopWorld(world)
  }
  const mend = `godwit up${clusterWords(options)} finds its VMs and disks again.`
  throw new CommandError(exitCode.interrupted, runs ? `It is stopped; ${mend}` : 'It is stopped.')
}

/** Those that are missing or end soon are made. */
async function certificatesFor(folder: ClusterFolder, { nodes }: ClusterSpec): Promise<string> {
  const { Authority, renewWithinMs } = await import('../certs/authority.ts')
  const authority = new Authority(folder.certs)
  if (!authority.isThere) await authority.init([])
  const lasting = authority.show().filter((row) => row.expiresWallMs > Date.now() + renewWithinMs)
  for (const name of [coordinatorName, ...nodes.map(({ id }) => id)])
    if (!lasting.some((row) => row.name === name)) await authority.issue(name)
  trustAlso(authority.caFile)
  return folder.certs
}

const endText = (options: UpOptions, id: string, how: string): string =>
  `${id} has ended (${how}); see: godwit logs${clusterWords(options)} ${id}`

/** A world that leaves something behind is a bug, and the person must know what to look for. */
async function stopWorld(world: LocalWorld): Promise<void> {
  const leftovers = await world.stop()
  if (leftovers.length === 0) return
  throw new CommandError(exitCode.failed, `Still running: ${leftovers.join(', ')}`)
}

function folderFor(cli: Cli, options: UpOptions): ClusterFolder {
  const name = clusterName(options)
  const folder = new ClusterFolder(cli.home, name)
  if (folder.runningState())
    throw new CommandError(
      exitCode.failed,
      `Cluster \`${name}\` runs already. End it: godwit down${clusterWords(options)}`,
    )
  if (options.fresh) folder.removeAll()
  return folder
}

function startFailure(thrown: unknown, port: number): string {
  const { message } = faultOf(thrown)
  const taken = /EADDRINUSE/.test(message)
  return taken ? `Port ${port} is taken by another program. Take another: --port 0` : message
}

function welcome(options: UpOptions, pageUrl: string, folder: ClusterFolder): string {
  const nodes = options.nodes === 1 ? '1 node' : `${options.nodes} nodes`
  const which = clusterWords(options)
  return [
    `Cluster \`${clusterName(options)}\` runs: a coordinator and ${nodes}.`,
    `  page   ${pageUrl}`,
    `  logs   ${folder.logs}`,
    `  try    godwit run${which} kv --args 'workload=kv' --disk 16`,
    `  stop   ${options.detach ? '' : 'Ctrl-C, or '}godwit down${which}`,
  ].join('\n')
}

/**
 * The same command without --detach, in a session of its own; ready when it says so. Whoever
 * interrupts before that ends what was begun.
 */
async function launchDetached(cli: Cli, options: UpOptions): Promise<void> {
  const interrupted = cli.interrupts.handle()
  const folder = folderFor(cli, options)
  mkdirSync(folder.logs, { recursive: true })
  const logFile = join(folder.logs, 'launcher.log')
  const log = openSync(logFile, 'w')
  const args = process.argv.slice(1).filter((arg) => arg !== '--detach' && arg !== '-d')
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    env: { ...process.env, GODWIT_ENDS_WITH_PARENT: '' },
  })
  const end = () => child.kill('SIGTERM')
  if (interrupted.aborted) end()
  else interrupted.addEventListener('abort', end, { once: true })
  const code = await new Promise<number | null>((resolve) => {
    child.once('message', () => interrupted.aborted || resolve(0))
    child.once('exit', (exit) => resolve(exit))
  })
  if (interrupted.aborted) throw new CommandError(exitCode.interrupted, 'It is stopped.')
  if (code !== 0)
    throw new CommandError(exitCode.failed, readFileSync(logFile, 'utf8').trim() || 'It ended.')
  child.disconnect()
  child.unref()
  const state = folder.runningState()
  cli.terminal.write(welcome(options, `${state?.apiUrl}/`, folder))
}
