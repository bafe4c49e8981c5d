// What the containers of one run are: names, labels, networks, and the words by which Docker is
// told to make each. Pure. Every node is on three networks, because a cut takes the one or the
// other from it and nothing else:
//
//   control   coordinator ↔ nodes                      cut: `coordinator`
//   peers     node ↔ node; they know each other by names that only this network has    cut: `peers`
//   watch     each with this machine alone: the API, and what an agent says that it holds
//
// Only `watch` leads anywhere outside; its name sorts first, by which Docker chooses the gateway
// that published ports need. Containers are what docker-compose.yml makes of them: nobody much, and
// nothing to write to. Not here: when what is done (compose-world.ts).

import type { ClusterSpec, NodeSpec } from '../world.ts'

/** On everything of a run: its id, and the process that answers for it. */
export const runLabel = 'godwit.run'
export const launcherLabel = 'godwit.launcher'

export const coordinatorPort = 7070
const peerPort = 7071
export const metricsPort = 9100
/** What an agent needs besides the RAM of its VMs: itself, its threads, the pages under way. */
const agentMemoryMib = 512
const coordinatorMemoryMib = 1024
/** Threads too: pCPUs and Node's own. */
const pidsMax = 200

export interface RunNames {
  readonly run: string
  readonly launcher: string
  readonly image: string
  /** Folder of images on this machine, when there is one. */
  readonly images: string | undefined
}

export const namesOf = ({ run }: Pick<RunNames, 'run'>) => ({
  watch: `godwit-${run}-a-watch`,
  control: `godwit-${run}-control`,
  peers: `godwit-${run}-peers`,
  data: `godwit-${run}-data`,
  disks: `godwit-${run}-disks`,
  container: (id: string) => `godwit-${run}-${id}`,
})

const labels = ({ run, launcher }: RunNames): string[] => [
  ...['--label', `${runLabel}=${run}`],
  ...['--label', `${launcherLabel}=${launcher}`],
]

/** Containers may talk over two of them; over `watch` only this machine and each. */
export function networkPlans(names: RunNames): string[][] {
  const { watch, control, peers } = namesOf(names)
  const create = ['network', 'create', ...labels(names)]
  return [
    [...create, '--opt', 'com.docker.network.bridge.enable_icc=false', watch],
    [...create, '--internal', control],
    [...create, '--internal', peers],
  ]
}

export const volumePlans = (names: RunNames): string[][] => {
  const { data, disks } = namesOf(names)
  return [data, disks].map((name) => ['volume', 'create', ...labels(names), name])
}

function createContainer(names: RunNames, id: string, memoryMib: number): string[] {
  return [
    ...['create', '--name', namesOf(names).container(id), ...labels(names)],
    ...['--network', namesOf(names).watch, '--init', '--read-only'],
    ...['--tmpfs', '/tmp', '--tmpfs', '/home/node:uid=1000,gid=1000'],
    ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges:true'],
    ...['--pids-limit', String(pidsMax), '--memory', `${memoryMib}m`],
    // The token is not said here: every user of the machine can read a command's words.
    ...['--env', 'GODWIT_TOKEN', '--env', 'GODWIT_OPEN=yes'],
  ]
}

/** `port` 0: Docker chooses one on this machine. */
export function coordinatorPlan(names: RunNames, spec: ClusterSpec, port: number): string[] {
  const { data } = namesOf(names)
  return [
    ...createContainer(names, 'coordinator', coordinatorMemoryMib),
    ...['--publish', `127.0.0.1:${port || ''}:${coordinatorPort}`, '--volume', `${data}:/data`],
    ...[names.image, 'coordinator', '--rebalance', spec.rebalance ? 'on' : 'off'],
    ...['--lease-ms', String(spec.leaseMs), '--heartbeat-ms', String(spec.heartbeatMs)],
    ...['--margin-ms', String(spec.marginMs), '--page-logs', spec.pageLogs ? 'on' : 'off'],
  ]
}

/** Who owns the volume is an operator: the image says where the coordinator keeps that secret. */
export const operatorSecretPlan = (names: RunNames): string[] => [
  ...['exec', namesOf(names).container('coordinator'), 'cat', '/data/operator-secret'],
]

export function agentPlan(names: RunNames, node: NodeSpec): string[] {
  const { disks } = namesOf(names)
  return [
    ...createContainer(names, node.id, node.memoryMib + agentMemoryMib),
    ...['--publish', `127.0.0.1::${metricsPort}`, '--volume', `${disks}:/disks`],
    ...(names.images === undefined ? [] : ['--volume', `${names.images}:/images:ro`]),
    ...[names.image, 'agent', '--node', node.id, '--metrics-host', '0.0.0.0'],
    ...['--coordinator', `ws://coordinator:${coordinatorPort}/agent`],
    ...['--advertise', `ws://${peerName(node.id)}:${peerPort}`],
    ...['--cores', String(node.cores), '--mips', String(node.mipsPerCore)],
    ...['--memory', String(node.memoryMib), '--images', '/images'],
  ]
}

/** By which peers find a node, on their network and on no other. */
const peerName = (id: string): string => `peer-${id}`

export type CutNetwork = 'control' | 'peers'

/** Into one of the networks that can be cut. */
export function connectPlan(names: RunNames, id: string, network: CutNetwork): string[] {
  const known = namesOf(names)
  const alias = network === 'peers' ? peerName(id) : id
  return ['network', 'connect', '--alias', alias, known[network], known.container(id)]
}

export function disconnectPlan(names: RunNames, id: string, network: CutNetwork): string[] {
  const known = namesOf(names)
  return ['network', 'disconnect', '--force', known[network], known.container(id)]
}
