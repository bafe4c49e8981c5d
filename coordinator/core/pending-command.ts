// A command to an agent whose result is not there yet. Lost with its link: reports then say what
// became of it. Part of the cluster's state (cluster-state.ts). Not here: what is sent
// (commands-out.ts and the files that know why). Ms.

import type { Epoch, MigrationId, NodeId, VmId } from '#proto/ids.ts'
import type { Arrival } from './template-files.ts'

export interface PendingCommand {
  readonly kind:
    | ('start' | 'stop' | 'pause' | 'resume' | 'balloon' | 'drop' | 'go-on')
    | ('resolve' | 'cancel' | 'switch' | 'pages-lost')
    | ('take-snapshot' | 'drop-snapshot' | 'compare-snapshots')
    | ('merge-layers' | 'swap-layers' | 'sweep-layers')
    | ('keep-template' | 'drop-template' | 'export-template' | 'import-template')
    | ('replicate' | 'end-replication' | 'take-over')
    | ('set-lease' | 'set-isolation' | 'set-network')
  /** The snapshot or template that it is about. */
  readonly snapshotId?: string
  /** The layer that a merge makes. */
  readonly layer?: string
  readonly arrival?: Arrival
  /** Of a template that is to be removed. */
  readonly hadFailed?: boolean
  readonly nodeId: NodeId
  readonly vmId: VmId
  readonly epoch: Epoch
  readonly migrationId: MigrationId | undefined
  readonly sentAtMs: number
}
