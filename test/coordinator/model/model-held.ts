// What a model agent holds of a VM, and what two of them say to each other. Not here: what they do
// (model-agent.ts).

import type { Epoch, MigrationId, VmId } from '#proto/ids.ts'
import type { Clone, Migrate, Start, VmReport } from '#proto/messages.ts'

export interface Held {
  readonly vmId: VmId
  epoch: Epoch
  state: VmReport['state']
  migrationId: MigrationId | undefined
  order: Pick<Start, 'spec' | 'identity' | 'disk'>
  /** Another node keeps it as it is. */
  replica?: NonNullable<VmReport['replica']>
  /** What the guest has in memory: the count of its own writes. */
  memory: number
  /** Stands still for a switchover. */
  isFrozen: boolean
  /** With a continuous replica: it may not execute for longer without word from that. */
  mayRunUntilMs?: number
  /** Of a continuous replica: how often it hears of its primary, and when it did last. */
  beat?: { readonly everyMs: number; readonly heardAtMs: number; readonly isCut: boolean }
  /** It was told to run, and keeps nothing more. */
  isTaken?: boolean
}

/** What two agents say to each other of a migration. */
export type PlanMessage =
  | { readonly t: 'offer'; readonly plan: Migrate; readonly held: Held }
  | { readonly t: 'refuse'; readonly plan: Migrate }
  | { readonly t: 'final'; readonly plan: Migrate; readonly memory: number }
  | { readonly t: 'prepared' | 'run' | 'running' | 'abort'; readonly plan: Migrate }

export interface ReplicaWord {
  readonly replicaId: MigrationId
  readonly vmId: VmId
  /** When the primary began this checkpoint. */
  readonly beganAtMs: number
}

/** And of replicas and clones. */
export type PeerMessage =
  | PlanMessage
  | (ReplicaWord & {
      readonly t: 'keep'
      readonly held: Held
      readonly everyMs: number | undefined
    })
  | (ReplicaWord & { readonly t: 'check' | 'kept' | 'unkept' })
  | { readonly t: 'bear'; readonly order: Clone; readonly memory: number }
  | { readonly t: 'born' | 'unborn'; readonly order: Clone }

export const isLive = ({ state }: Held) => ['starting', 'running', 'paused'].includes(state)
/** Has run here, and is no copy for anybody else. */
export const hasRun = (held: Held) => isLive(held) || held.state === 'stranded'
export const canStrand = ({ state, migrationId, replica, order }: Held) =>
  state === 'running' && !migrationId && !replica && order.spec.isolation === 'pause'

export const reportOf = ({ vmId, epoch, state, migrationId, replica, order }: Held): VmReport => ({
  ...{ vmId, epoch, state, ...order },
  ...(replica && { replica }),
  ...(migrationId !== undefined && { migrationId }),
})
