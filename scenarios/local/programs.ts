// The programs of a local cluster and how they are told what to do: their files, flags and ready
// lines. Not here: when they are started and stopped (local-world.ts).

import { fileURLToPath } from 'node:url'
import type { ClusterSpec, NodeSpec } from '../world.ts'
import type { ChildPlan } from './child.ts'
import type { ClusterFolder } from './cluster-folder.ts'

export interface Programs {
  readonly coordinator: string
  readonly agent: string
  /** The built page that the coordinator serves. */
  readonly dashboard: string
}

const fileOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

export const programs: Programs = {
  coordinator: fileOf('coordinator/main.ts'),
  agent: fileOf('node-agent/main.ts'),
  dashboard: fileOf('dashboard/dist'),
}

/**
 * A cold start takes 0.3 s here; a machine that is busy with ten others gets patience, a hang does
 * not.
 */
const readyMsMax = 30_000

interface CoordinatorDoors {
  readonly port: number
  readonly laboratory: string
  readonly certs?: string | undefined
}

const certsFlags = (certs: string | undefined) => (certs === undefined ? [] : ['--certs', certs])

/**
 * `port` 0: the system chooses one. `laboratory`: where the launcher takes what a person at the page
 * wants broken. Its ready line holds the URL of the API.
 */
export function coordinatorPlan(
  { coordinator, dashboard }: Programs,
  folder: ClusterFolder,
  spec: ClusterSpec,
  { port, laboratory, certs }: CoordinatorDoors,
): ChildPlan {
  return {
    name: 'coordinator',
    main: coordinator,
    args: [
      ...['--listen', `127.0.0.1:${port}`, '--data', folder.database],
      ...['--token-file', folder.tokenFile, '--dashboard', dashboard],
      ...['--operator-secret', folder.operatorSecretFile, ...certsFlags(certs)],
      ...['--lease-ms', String(spec.leaseMs), '--heartbeat-ms', String(spec.heartbeatMs)],
      ...(laboratory === '' ? [] : ['--laboratory', laboratory]),
      ...['--margin-ms', String(spec.marginMs), '--rebalance', spec.rebalance ? 'on' : 'off'],
      ...(spec.pageLogs ? ['--page-logs', 'on'] : []),
      ...(spec.fenceAfterMs === undefined
        ? []
        : ['--fence', 'process', '--fence-after-ms', String(spec.fenceAfterMs)]),
    ],
    logFile: folder.logFile('coordinator'),
    readyLine: /coordinator listening on (https?:\/\/\S+)/,
    readyMsMax,
  }
}

/**
 * Ports as the network's doors give them. Its ready line holds where its peer port and its metrics
 * are.
 */
export function agentPlan(
  { agent }: Programs,
  folder: ClusterFolder,
  node: NodeSpec,
  doors: {
    readonly coordinatorPort: number
    readonly peerPort: number
    readonly certs?: string | undefined
  },
): ChildPlan {
  const ws = doors.certs === undefined ? 'ws' : 'wss'
  return {
    name: `node ${node.id}`,
    main: agent,
    args: [
      ...['--node', node.id, '--coordinator', `${ws}://127.0.0.1:${doors.coordinatorPort}/agent`],
      ...['--listen', `${ws}://127.0.0.1:0`],
      ...['--advertise', `${ws}://127.0.0.1:${doors.peerPort}`, ...certsFlags(doors.certs)],
      ...['--token-file', folder.tokenFile, '--disks', folder.disks, '--metrics-port', '0'],
      ...['--cores', String(node.cores), '--mips', String(node.mipsPerCore)],
      ...['--memory', String(node.memoryMib), '--images', folder.images],
      ...['--laboratory', 'yes'],
    ],
    logFile: folder.logFile(node.id),
    readyLine: /^agent \S+ listening on (wss?:\/\/[^\s,]+), metrics on (http:\/\/\S+)/,
    readyMsMax,
  }
}
