// What the primary of a VM that has a replica needs of its node.
// Not here: what it does with it (primary.ts), who gives it (replication.ts).

import type { Clock, Log, Zstd } from '#env/env.ts'
import type { Fault } from '#proto/faults.ts'
import type { SourceMessage } from '#proto/messages.ts'
import type { MessageLink } from '#proto/wire.ts'
import type { GuestConsole } from '../console.ts'
import type { Pace } from '../migration/pace.ts'
import type { Vmm } from '../vmm.ts'
import type { FrameBatch } from './held-output.ts'

export interface PrimaryPorts {
  readonly clock: Clock
  readonly log: Log
  readonly zstd: Zstd
  readonly vmm: Vmm
  readonly nodeId: string
  readonly console: GuestConsole
  readonly nodePace: Pace
  connect(address: string): Promise<MessageLink>
  hello(): SourceMessage
  /** The VM goes on, and gets what was typed meanwhile. */
  thaw(): void
  /** More of its console may be told. */
  released(): void
  frames(batch: FrameBatch): void
  /** The coordinator is to hear how it stands, now. */
  changed(): void
  /** Its disk does not take what was promised. */
  diskFailed(why: Fault): void
}
