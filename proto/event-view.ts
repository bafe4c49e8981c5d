// The cluster's story as the API tells it. Part of the API's schemas (api.ts). Not here: who tells
// it (coordinator/core/events.ts).

import { z } from 'zod'
import { Name } from './vm-spec.ts'

/** One line of the cluster's story. `text` is a sentence; the ids let a page link it. */
export const EventView = z.strictObject({
  seq: z.int(),
  wallMs: z.number(),
  /** Monotonic ms of the coordinator process. */
  atMs: z.number(),
  kind: z.enum([
    'node-online',
    'node-suspect',
    'node-unreachable',
    'node-fencing',
    'node-fenced',
    'node-gone',
    'node-maintenance',
    'node-empty',
    'node-broken',
    'vm-placed',
    'vm-running',
    'vm-stopped',
    'vm-crashed',
    'vm-failed',
    'vm-recovering',
    'vm-recovered',
    'vm-removed',
    'vm-protected',
    'vm-unprotected',
    'vm-took-over',
    'migration-queued',
    'migration-started',
    'migration-paging',
    'migration-done',
    'migration-failed',
    'migration-cancelled',
    'clone-done',
    'clone-failed',
    'snapshot-done',
    'snapshot-failed',
    'layers-merged',
    'merge-failed',
    'template-ready',
    'rebalance',
    'ha-changed',
    'node-standby',
    'node-waking',
    'node-awake',
    'power-changed',
    'ha-warning',
    'coordinator-started',
    'access',
  ]),
  text: z.string(),
  /** The account of whoever asked for it. */
  by: z.string().optional(),
  nodeId: Name.optional(),
  vmId: Name.optional(),
  migrationId: z.string().optional(),
})
export type EventView = z.infer<typeof EventView>
