// Where a run takes place: the world, what the coordinator showed last, and the ways to wait for
// it. Actions (actions.ts) act through it; the runner (runner.ts) makes it. Times in ms.

import type { ClusterView, MigrationView, NodeView, VmView } from '#proto/api.ts'
import { FaultError, fault, faultOf } from '#proto/faults.ts'
import { migrationHasEnded } from '#proto/state.ts'
import type { ApiClient } from '../api-client.ts'
import type { FailoverRecord } from '../report/recording.ts'
import type { Scenario } from '../schema.ts'
import type { World } from '../world.ts'
import type { Persons } from './persons.ts'
import type { VmSpecs } from './vm-specs.ts'
import type { Waiting } from './waiting.ts'

export interface Stage {
  readonly scenario: Scenario
  readonly specs: VmSpecs
  readonly world: World
  /** Of whoever asks: the run itself, unless a step says otherwise. */
  readonly api: ApiClient
  readonly waiting: Waiting
  readonly persons: Persons
  /** The last view; every new one makes `waiting` look again. */
  readonly view: () => ClusterView
  /** The cluster's own story, from the beginning of the run. */
  readonly told: () => readonly { readonly text: string }[]
  /** What the guest of a VM that a step waits for has said since the clock started. */
  readonly heard: (vmId: string) => string
  /** Whether this process (a node's id, or `coordinator`) may end because the scenario says so. */
  readonly mayEnd: (processId: string, may: boolean) => void
  /** One line to the guest in a VM, once. */
  readonly sayTo: (vmId: string, request: string) => void
  /** Called just before the node is broken. */
  readonly breaks: (nodeId: string, cause: FailoverRecord['cause']) => void
}

const isFailed = ({ phase }: VmView): boolean => phase === 'failed'

/**
 * Waits until the VM is shown as `isSo` wants it; a VM that failed will not get there. @param
 * hasFailed where it may have failed before: that it has done so since
 */
export async function untilVm(
  stage: Stage,
  vmId: string,
  what: string,
  withinMs: number,
  isSo: (vm: VmView) => boolean,
  hasFailed: (vm: VmView) => boolean = isFailed,
): Promise<VmView> {
  const look = () => {
    const vm = stage.view().vms.find((other) => other.id === vmId)
    if (vm === undefined) return undefined
    if (isSo(vm)) return vm
    if (hasFailed(vm)) throw new FaultError(vm.fault ?? fault('wrong-state', `${vmId} has failed.`))
    return undefined
  }
  try {
    return await stage.waiting.until(`${vmId} ${what}`, withinMs, look)
  } catch (thrown) {
    if (!(thrown instanceof FaultError) || thrown.fault.code !== 'timed-out') throw thrown
    throw new FaultError(fault('timed-out', `${thrown.fault.message}${await whyOf(stage, vmId)}`))
  }
}

/** In the cluster's own words, if it has any. */
async function whyOf({ api }: Stage, vmId: string): Promise<string> {
  try {
    const { now, mend } = await api.why(vmId)
    return ` ${[now, ...mend].join('; ')}`
  } catch {
    return ''
  }
}

export const untilRunning = (stage: Stage, vmId: string, withinMs: number): Promise<VmView> =>
  untilVm(stage, vmId, 'to run', withinMs, (vm) => vm.phase === 'running')

export const untilOnline = (stage: Stage, node: string, withinMs: number): Promise<NodeView> =>
  stage.waiting.until(`node ${node} to be online`, withinMs, () =>
    stage.view().nodes.find(({ id, phase }) => id === node && phase === 'online'),
  )

/** The fence device may end what does not answer. */
export function mayBeFenced(node: string, { scenario, mayEnd }: Stage): void {
  if (scenario.cluster['fence-after'] !== undefined) mayEnd(node, true)
}

export function untilMigrationEnded(
  stage: Stage,
  migrationId: string,
  withinMs: number,
): Promise<MigrationView> {
  return stage.waiting.until(`migration ${migrationId} to end`, withinMs, () => {
    const migration = stage.view().migrations.find((other) => other.id === migrationId)
    return migration !== undefined && hasEnded(migration) ? migration : undefined
  })
}

export const hasEnded = ({ phase }: MigrationView): boolean => migrationHasEnded(phase)

const retryMs = 200

/**
 * Asks again while the coordinator is away, or while the VM is in a state of its own making (it is
 * being rebalanced,
 * or recovered) in which the request is refused. Other faults are thrown on.
 */
export async function insist<T>(stage: Stage, withinMs: number, ask: () => Promise<T>): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += retryMs) {
    try {
      return await ask()
    } catch (thrown) {
      const { code } = faultOf(thrown)
      const passing = code === 'link-lost' || code === 'wrong-state'
      if (!passing || waitedMs >= withinMs) throw thrown
    }
    await stage.waiting.sleep(retryMs)
  }
}
