// The cluster's story: one sentence an event, numbered, kept in a ring. The sequence is persisted
// with the events, so that a client that asks for `after=SEQ` gets a story without holes across
// restarts.

import type { EventView } from '#proto/api.ts'
import type { MigrationId, NodeId, VmId } from '#proto/ids.ts'
import { eventsKept } from './limits.ts'
import { type Step, touch } from './step-context.ts'

export interface EventSubjects {
  readonly nodeId?: NodeId | undefined
  readonly vmId?: VmId | undefined
  readonly migrationId?: MigrationId | undefined
}

/** Tells the story's next sentence. @param text a whole sentence without a full stop. */
export function tell(
  step: Step,
  kind: EventView['kind'],
  text: string,
  { nodeId, vmId, migrationId }: EventSubjects = {},
): void {
  const { state } = step
  const seq = state.meta.nextEventSeq++
  const event: EventView = { seq, wallMs: step.wallMs, atMs: step.nowMs, kind, text }
  if (step.by !== undefined) event.by = step.by
  if (nodeId !== undefined) event.nodeId = nodeId
  if (vmId !== undefined) event.vmId = vmId
  if (migrationId !== undefined) event.migrationId = migrationId
  state.events.push(event)
  touch(step, 'meta', 'meta')
  touch(step, 'event', String(event.seq))
  while (state.events.length > eventsKept) {
    const oldest = state.events.shift()
    if (oldest) touch(step, 'event', String(oldest.seq))
  }
  step.effects.push({ kind: 'event', event })
}
