// What each deed of a plan does to the cluster. Numbers of a deed choose among what there is; what
// the coordinator refuses is refused, and nothing more. Not here: which deeds (search-plan.ts).

import { freshIdentity } from '#coordinator/identity.ts'
import { SeededRandom } from '#env/memory.ts'
import { HaGroup, HaPolicyChange, HaRule } from '#proto/ha.ts'
import { asVmId, type NodeId, type VmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import type { SearchCluster } from './search-cluster.ts'
import type { Deed, Kind, SearchPlan } from './search-plan.ts'

const of = <T>(list: readonly T[], n: number): T => list[n % list.length] as T

/** Some of them, each once: where it begins and how many there are, the numbers say. */
function some<T>(list: readonly T[], from: number, count: number): T[] {
  return list.map((_, n) => of(list, from + n * (from % 2 ? 1 : list.length - 1))).slice(0, count)
}

export const vmsOf = ({ vms }: SearchPlan): VmId[] =>
  [...'abcdefgh'].slice(0, vms).map((name) => asVmId(name))

interface Chosen {
  readonly node: NodeId
  readonly vm: VmId
  /** VMs by number, or a group. */
  readonly names: string[]
  readonly n: Deed['at']
}

type Act = (cluster: SearchCluster, chosen: Chosen) => void

export function act(cluster: SearchCluster, { what, at }: Deed): void {
  const vms = vmsOf(cluster.plan)
  const [a, b, c, d] = at
  const hasGroup = d % 5 === 0 && cluster.state?.groups.size
  const names = hasGroup ? [`group:g${a % 2}`] : some(vms, b + c, 2 + (a % 3))
  acts[what](cluster, { node: of(cluster.names, a), vm: of(vms, b), names, n: at })
}

const byNode: Record<string, Act> = {
  kill: (c, { node }) => c.killNode(node),
  start: (c, { node }) => c.startNode(node),
  leave: (c, { node }) => c.leave(node),
  askLeave: (c, { node }) => c.askLeave(node),
  hang: (c, { node, n }) => c.hangNode(node, 500 + (n[2] % 1000) * 5),
  cut: (c, { node }) => c.cutNode(node, 'coordinator'),
  cutPeers: (c, { node }) => c.cutNode(node, 'peers'),
  heal: (c) => {
    c.cutFromCoordinator.clear()
    c.cutFromPeers.clear()
  },
  breakDisk: (c, { node }) => c.breakDisk(node),
  fence: (c, { node }) => {
    if (c.agents.get(node)?.isDead) c.ask({ do: 'fence', nodeId: node, isOff: true })
  },
  evacuate: (c, { node }) =>
    c.ask({ do: 'maintenance', nodeId: node, params: MigrationParams.parse({}) }),
  /** Out of service, restarted when it is empty or has had its time, and back. */
  roll: (c, { node, n }) => {
    c.ask({ do: 'maintenance', nodeId: node, params: MigrationParams.parse({}) })
    c.advance(500 + (n[2] % 3000))
    c.killNode(node)
    c.advance(n[3] % 600)
    c.startNode(node)
    c.advance(600)
    c.ask({ do: 'end-maintenance', nodeId: node })
  },
  endMaintenance: (c, { node }) => c.ask({ do: 'end-maintenance', nodeId: node }),
  sleep: (c, { node, n }) => c.ask({ do: n[1] % 2 ? 'sleep' : 'wake', nodeId: node }),
}

const byVm: Record<string, Act> = {
  crash: (c, { vm }) => c.crashGuest(vm),
  stop: (c, { vm }) => c.ask({ do: 'stop', vmId: vm }),
  startVm: (c, { vm }) => c.ask({ do: 'start', vmId: vm }),
  pause: (c, { vm }) => c.ask({ do: 'pause', vmId: vm }),
  resume: (c, { vm }) => c.ask({ do: 'resume', vmId: vm }),
  remove: (c, { vm }) => c.ask({ do: 'remove', vmId: vm }),
  relocate: (c, { vm, node, n }) =>
    c.ask({ do: 'relocate', vmId: vm, ...(n[3] % 4 && { to: node }) }),
  migrate: (c, { vm, node, n }) =>
    c.ask({
      ...{ do: 'migrate', vmId: vm },
      request: { ...(n[3] % 4 && { to: node }), cause: 'operator' },
    }),
  cancel: (c, { vm }) => {
    const migrationId = c.state?.vms.get(vm)?.migrationId
    if (migrationId) c.ask({ do: 'cancel-migration', migrationId })
  },
  run: (c, { vm, n }) => runVm(c, vm, n[3]),
  snapshot: (c, { vm, n }) => c.ask({ do: 'snapshot', vmId: vm, name: `s${n[2] % 2}` }),
  restore: (c, { vm, n }) => c.ask({ do: 'restore', vmId: vm, name: `s${n[2] % 2}` }),
  dropSnapshot: (c, { vm, n }) => c.ask({ do: 'drop-snapshot', vmId: vm, name: `s${n[2] % 2}` }),
  template: (c, { vm, n }) => {
    const name = `t${n[3] % 2}`
    c.ask({ do: 'keep-template', name, about: '', vmId: vm, snapshot: `s${n[2] % 2}` })
  },
  dropTemplate: (c, { n }) => c.ask({ do: 'drop-template', name: `t${n[3] % 2}` }),
  deploy: (c, { vm, n }) => runVm(c, vm, n[3], `t${n[2] % 2}`),
  clone: (c, { vm, n }) => {
    const ids = some(vmsOf(c.plan), n[2], 1 + (n[3] % 2))
    const random = new SeededRandom(n[2])
    const identities = ids.map(() => freshIdentity(random))
    c.ask({ do: 'clone', vmId: vm, request: { ids }, identities })
  },
}

/** @param n its size, and whether anybody bound it */
export function runVm(cluster: SearchCluster, id: VmId, n: number, template?: string): void {
  const isolation = n % 3 === 0 ? 'pause' : 'stop'
  const memoryMib = of(cluster.plan.vmMib, n)
  const bound = n % 11 === 10 ? of(cluster.names, n) : undefined
  const spec = { memoryMib, isolation, diskMib: n % 4 ? 4 : 0, ha: n % 9 !== 5 } as const
  cluster.run(id, spec, undefined, bound, template)
}

const declared: Record<string, Act> = {
  rule: (c, chosen) => c.ask({ do: 'set-rule', rule: ruleOf(c, chosen) }),
  dropRule: (c, { n }) => c.ask({ do: 'drop-rule', name: `r${n[2] % 4}` }),
  group: (c, { n }) => {
    const vms = some(vmsOf(c.plan), n[1], 1 + (n[2] % 3))
    const policy = n[3] % 2 ? { priority: n[2] % 300 } : { failback: n[3] % 3 > 0 }
    c.ask({ do: 'set-group', group: HaGroup.parse({ name: `g${n[0] % 2}`, vms, policy }) })
  },
  dropGroup: (c, { n }) => c.ask({ do: 'drop-group', name: `g${n[0] % 2}` }),
  policy: (c, { vm, n }) => c.ask({ do: 'set-policy', vmId: vm, change: policyOf(c, n) }),
  protect: (c, { vm, n }) => {
    const protection = of(
      ['none', 'restart', 'checkpoint', 'continuous', 'continuous'] as const,
      n[2],
    )
    // Links are slow here now and then.
    const every = protection === 'continuous' ? { checkpointMs: 100 + 100 * (n[3] % 3) } : {}
    const change = HaPolicyChange.parse({ protection, ...every })
    c.ask({ do: 'set-policy', vmId: vm, change })
  },
  lock: (c, { vm, n }) =>
    c.ask({ do: 'set-policy', vmId: vm, change: HaPolicyChange.parse({ locked: n[2] % 2 > 0 }) }),
  arm: (c, { n }) => c.ask({ do: 'set-ha', change: { armed: n[3] % 2 > 0 } }),
  shutdown: (c, { n }) =>
    c.ask({
      ...{ do: 'set-ha' },
      change: { shutdown: of(['fail-over', 'freeze', 'migrate'] as const, n[3]) },
    }),
  tolerate: (c, { n }) => {
    const admission = n[2] % 2 ? 'refuse' : 'warn'
    c.ask({ do: 'set-ha', change: { tolerate: n[3] % 2, admission } })
  },
  power: (c, { n }) =>
    c.ask({ do: 'set-power', change: { save: n[3] % 3 > 0, sleepAfterMs: 500, wakeMs: 500 } }),
  rebalance: (c) => c.ask({ do: 'rebalance' }),
}

const ofCoordinator: Record<string, Act> = {
  killCoordinator: (c) => c.killCoordinator(),
  startCoordinator: (c) => c.startCoordinator(),
  crashSoon: (c, { n }) => {
    if (c.state) c.crashSoon(n[2] % 500)
  },
}

const acts = { ...byNode, ...byVm, ...declared, ...ofCoordinator } as Record<Kind, Act>

function ruleOf(cluster: SearchCluster, { names, n: [a, b, c, d] }: Chosen): HaRule {
  const kind = of(['node-affinity', 'node-affinity', 'keep-together', 'keep-apart'] as const, a + b)
  const rule = { kind, name: `r${c % 4}`, vms: names, strict: d % 2 === 0 }
  if (kind !== 'node-affinity') return HaRule.parse(rule)
  const vms = d % 7 === 0 ? names : some(vmsOf(cluster.plan), b, 1 + (c % 3))
  const nodes = some(cluster.names, d >> 1, 1 + (a % 3))
  return HaRule.parse({
    ...{ ...rule, vms },
    nodes: nodes.map((id, n) => ({ id, priority: (a + n) % 3 })),
  })
}

function policyOf(cluster: SearchCluster, [, , c, d]: Deed['at']): HaPolicyChange {
  const some_ = some(vmsOf(cluster.plan), c, 1 + (c % 2))
  const changes: unknown[] = [
    ...[{ restarts: c % 3 }, { relocations: c % 3 }, { relocations: null }],
    ...[{ priority: c % 300 }, { priority: 100 }, { after: some_ }, { after: [] }],
    ...[{ failback: c % 2 > 0 }, { isolation: c % 2 ? 'stop' : 'pause' }],
  ]
  return HaPolicyChange.parse(of(changes, d))
}
