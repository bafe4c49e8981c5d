// What an agent does for the first time takes it many times as long: the schemas of messages are
// compiled when first used, and code that never ran is run step by step. The first guest that moves
// would stand still for all of that. So an agent that has nothing else to do yet does once what it
// will do then: it packs, unpacks and checks each message of a switchover, and hashes a state.
// Nothing of it leaves the agent. Not here: what needs a machine, which the destination rehearses
// on the empty one (destination-run.ts).

import type { z } from 'zod'
import { asMigrationId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import { DestinationMessage, SourceMessage, type StateSection } from '#proto/messages.ts'
import { decodeControl, encodeControl } from '#proto/wire.ts'
import { consoleSectionKind } from '../console.ts'
import { stateBytes } from './hash.ts'

const migrationId = asMigrationId('warm-up')
const hash = '0123456789abcdef'
const [round, frames, ms] = [1, 1, 0.5]
/** Code is compiled when it has run some times, not at once. */
const turns = 20

const sections: readonly StateSection[] = ['hart', 'board', 'clint', consoleSectionKind].map(
  (kind) => ({ kind, version: 1, bytes: new Uint8Array(64) }),
)

const fromSource: readonly SourceMessage[] = [
  { t: 'round-end', migrationId, round, frames },
  { t: 'final', migrationId, round, frames, sections: [...sections], hash, pausedMs: ms },
  { t: 'run', migrationId },
]

const fromDestination: readonly DestinationMessage[] = [
  { t: 'accept', migrationId },
  { t: 'round-applied', migrationId, round },
  { t: 'prepared', migrationId, hash, stateMs: ms, verificationMs: ms },
  { t: 'running', migrationId },
]

/** Takes some ten milliseconds. */
export function warmUpSwitchover(): void {
  for (let turn = 0; turn < turns; turn++) {
    for (const message of fromSource) checkOver(message, SourceMessage)
    for (const message of fromDestination) checkOver(message, DestinationMessage)
    stateBytes(hash, sections)
  }
}

function checkOver<T extends { readonly t: string }>(message: T, schema: z.ZodType<T>): void {
  const decoded = decodeControl(encodeControl(message), schema)
  invariant('message' in decoded, `A ${message.t} as it is sent here is none of the wire`)
}
