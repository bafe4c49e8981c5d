// At most so much of the cluster for one person's VMs: asked before any VM is made or started for
// them, or a snapshot or a template is, whoever asks for it. What runs is never ended for it, and
// what comes back after an outage is not asked: a quota bounds what somebody may begin.
// Pure. Not here: who may set one (shell/guards.ts). MiB, cores.

import { type Fault, fault } from '#proto/faults.ts'
import {
  type Quota,
  type QuotaView,
  quotaLines,
  quotaParts,
  type Usage,
  wayOutText,
} from '#proto/quotas.ts'
import type { VmSpec } from '#proto/vm-spec.ts'
import type { ClusterState, Vm } from './cluster-state.ts'
import { tell } from './events.ts'
import type { QuotaEntry } from './records.ts'
import { machineOwner, type Step, touch } from './step-context.ts'

/** Two sums of the same hundredths of cores may differ by less. */
const coresNoise = 1e-6

const atWork = ({ memoryMib, cpuCapPercent }: VmSpec) => ({
  memoryMib,
  cores: cpuCapPercent / 100,
})
const atRest = { memoryMib: 0, cores: 0 }
const isAtRest = ({ phase }: Vm): boolean => phase === 'stopped' || phase === 'failed'

const nothing: Usage = { ...atRest, vms: 0, diskMib: 0, snapshots: 0, templates: 0 }

const sum = (usages: readonly Partial<Usage>[]): Usage => {
  const parts = quotaParts.map((part) => [
    part,
    usages.reduce((total, usage) => total + (usage[part] ?? 0), 0),
  ])
  return { ...nothing, ...Object.fromEntries(parts) }
}

/** What new VMs of this kind take. */
export const takenByNew = ({ memoryMib, cpuCapPercent, diskMib }: VmSpec, count = 1): Usage => ({
  ...nothing,
  vms: count,
  memoryMib: count * memoryMib,
  cores: (count * cpuCapPercent) / 100,
  diskMib: count * diskMib,
})

/** What a VM takes more when it runs again. */
export const takenByStart = (vm: Vm): Usage => ({
  ...nothing,
  ...(isAtRest(vm) ? atWork(vm.spec) : atRest),
})

export const takenBySnapshot: Usage = { ...nothing, snapshots: 1 }
export const takenByTemplate: Usage = { ...nothing, templates: 1 }

export function usageOf(state: ClusterState, person: string): Usage {
  const theirs = [...state.vms.values()].filter(({ owner }) => owner === person)
  const ids = new Set(theirs.map(({ id }) => id))
  const ofVms = theirs.map((vm) => ({
    ...{ vms: 1, diskMib: vm.spec.diskMib },
    ...(isAtRest(vm) ? atRest : atWork(vm.spec)),
  }))
  const snapshots = [...state.snapshots.values()].filter(
    // One that has failed keeps nothing.
    ({ vmId, phase }) => phase !== 'failed' && ids.has(vmId),
  ).length
  return sum([...ofVms, { snapshots, templates: templatesOf(state, person) }])
}

/** Those that come by a file too, as soon as they have been let in. */
function templatesOf({ templates, commands }: ClusterState, person: string): number {
  const kept = [...templates.values()].filter(
    ({ owner, phase }) => phase !== 'failed' && owner === person,
  )
  const arriving = [...commands.values()].filter(
    ({ arrival, snapshotId }) => arrival?.owner === person && !templates.has(snapshotId ?? ''),
  )
  return kept.length + arriving.length
}

/** Why what they ask for would be too much; undefined: it would not, or it is nobody's. */
export function overQuota(
  state: ClusterState,
  person: string | undefined,
  more: Usage,
): Fault | undefined {
  const quota = person === undefined ? undefined : state.quotas.get(person)
  if (person === undefined || !quota) return undefined
  const { allowed, by = 'an operator' } = quota
  const used = usageOf(state, person)
  // What it takes nothing of may be over for long: a VM was given to them, or less is allowed now.
  const over = quotaParts.filter((part) => {
    const most = allowed[part] ?? Number.POSITIVE_INFINITY
    return more[part] > 0 && used[part] + more[part] > most + coresNoise
  })
  if (over.length === 0) return undefined
  const bounds = Object.fromEntries(over.map((part) => [part, allowed[part]]))
  const [now, then] = [used, sum([used, more])].map((usage) =>
    quotaLines({ allowed: bounds, used: usage }).map(({ text }) => text),
  )
  return fault(
    'over-quota',
    `${person} has ${now?.join(', ')}, and would have ${then?.join(', ')}: ` +
      `${wayOutText(over)}, or ask ${by} for more`,
  )
}

/** Nothing allowed or forbidden: there is no quota any more. */
export function setQuota(step: Step, person: string, allowed: Quota): null {
  const { quotas } = step.state
  // Whoever reads the machine's own secret has no name to ask for.
  const by = step.by === machineOwner ? undefined : step.by
  const isNone = quotaParts.every((part) => allowed[part] === undefined)
  const had = quotas.has(person)
  if (isNone && !had) return null
  if (isNone) quotas.delete(person)
  else quotas.set(person, { id: person, allowed, ...(by !== undefined && { by }) })
  touch(step, 'quota', person)
  const used = usageOf(step.state, person)
  const text = quotaLines({ allowed, used }).map((line) => line.text)
  tell(
    step,
    'access',
    isNone ? `${person} has no quota any more` : `quota of ${person}: ${text.join(', ')}`,
  )
  return null
}

const viewOf = (state: ClusterState, { id, allowed, by }: QuotaEntry): QuotaView => ({
  ...{ person: id, allowed, used: usageOf(state, id) },
  ...(by !== undefined && { by }),
})

export function quotaOf(state: ClusterState, person: string): QuotaView | undefined {
  const entry = state.quotas.get(person)
  return entry && viewOf(state, entry)
}

export const quotasView = (state: ClusterState): QuotaView[] =>
  [...state.quotas.values()]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((entry) => viewOf(state, entry))
