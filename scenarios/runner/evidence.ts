// What the runner shows to the judges, piece by piece and in the order in which it was seen. Data
// only.

import type { ClusterView, EventView } from '#proto/api.ts'
import type { FaultCode } from '#proto/faults.ts'
import type { KvFindings } from '../kv-client.ts'
import type { WayToVm } from '../language/persons.ts'
import type { TypistFindings } from '../typist.ts'
import type { AgentAnswer, ProcessView } from '../world.ts'
import type { DoubleCopy } from './copy-watch.ts'

/** What only the end of a run can tell. */
export interface Closing {
  readonly view: ClusterView
  /** The coordinator is away: the view is from before, and tells nothing of the end. */
  readonly isBlind: boolean
  readonly clients: ReadonlyMap<string, ClosingClient>
  readonly typists: ReadonlyMap<string, TypistFindings>
  /**
   * VM → what its guest answered to `id`; absent: it did not answer. Asked of what
   * `identities-differ` names.
   */
  readonly identities: ReadonlyMap<string, string>
}

export interface ClosingClient {
  readonly findings: KvFindings
  /** Every write answered and every key read back. */
  readonly isComplete: boolean
}

export type Evidence =
  | {
      readonly kind: 'view'
      readonly view: ClusterView
      /** VM → how often it had been brought back when its node was broken last. */
      readonly recoveriesBefore: ReadonlyMap<string, number>
    }
  | {
      readonly kind: 'sweep'
      readonly answers: readonly AgentAnswer[]
      readonly double: DoubleCopy | undefined
    }
  /** A line of the cluster's story. */
  | { readonly kind: 'event'; readonly event: EventView }
  | { readonly kind: 'said'; readonly vmId: string; readonly text: string }
  /** The guest answered a ping that was asked after the expectation had begun. */
  | { readonly kind: 'answered'; readonly vmId: string }
  /** A person tried to get to a VM; without a code they got in. */
  | {
      readonly kind: 'tried'
      readonly person: string
      readonly vm: string
      readonly way: WayToVm
      readonly code: FaultCode | undefined
      readonly isThere: boolean
    }
  | { readonly kind: 'process-ended'; readonly process: ProcessView }
  | { readonly kind: 'closing'; readonly closing: Closing }
