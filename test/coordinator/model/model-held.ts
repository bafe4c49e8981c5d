// What a model agent holds of a VM, and what two of them say to each other. Not here: what they do
// (model-agent.ts).

import type { Epoch, MigrationId, VmId } from '#proto/ids.ts'
import type { Migrate, Start, VmReport } from '#proto/messages.ts'

export interface Held {
  readonly vmId: VmId
  epoch: Epoch
  state: VmReport['state']
  migrationId: MigrationId | undefined
  readonly order: Pick<Start, 'spec' | 'identity' | 'disk'>
  /** What the guest has in memory: the count of its own writes. */
  memory: number
  /** Stands still for a switchover. */
  isFrozen: boolean
}

/** What two agents say to each other. */
export type PeerMessage =
  | { readonly t: 'offer'; readonly plan: Migrate; readonly held: Held }
  | { readonly t: 'refuse'; readonly plan: Migrate }
  | { readonly t: 'final'; readonly plan: Migrate; readonly memory: number }
  | { readonly t: 'prepared' | 'run' | 'running' | 'abort'; readonly plan: Migrate }

export const isLive = ({ state }: Held) => ['starting', 'running', 'paused'].includes(state)
/** Has run here, and is no copy for anybody else. */
export const hasRun = (held: Held) => isLive(held) || held.state === 'stranded'
export const canStrand = ({ state, migrationId, order }: Held) =>
  state === 'running' && !migrationId && order.spec.isolation === 'pause'
