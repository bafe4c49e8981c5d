// What the destination of a migration or clone knows, hears and asks for; the door into its phases.
// Not here: what follows from what (destination.ts), who carries it out (destination-run.ts).
// Times are ms of the node's monotonic clock.

import type { Fault } from '#proto/faults.ts'
import { invariant } from '#proto/invariant.ts'
import type {
  DestinationMessage,
  Final,
  RoundEnd,
  SourceMessage,
  StateSection,
  Whole,
} from '#proto/messages.ts'
import { type Offer, silenceMsMax } from './protocol.ts'

export type DestinationPhase =
  | 'incoming' // receives rounds
  | 'restoring' // has everything, proves it
  | 'prepared' // complete and equal: waits for `run`
  | 'starting' // was told to run it
  | 'paging' // post-copy: it runs, and fetches pages
  | 'whole' // it has told so; the source's goodbye says that it knows
  | 'ended'

const ways: Record<DestinationPhase, readonly DestinationPhase[]> = {
  incoming: ['restoring', 'ended'],
  restoring: ['prepared', 'ended'],
  prepared: ['starting', 'ended'],
  starting: ['paging', 'ended'],
  paging: ['whole', 'ended'],
  whole: ['ended'],
  ended: [],
}

export interface DestinationState {
  readonly offer: Offer
  phase: DestinationPhase
  /** The round whose frames come now. */
  round: number
  /** Frames of this round that are in the RAM. */
  frames: number
  wantedHash: string
  wantedRamHash: string | undefined
  /** Post-copy: pages are missing until the source has sent them. */
  isPartial: boolean
  isLinked: boolean
  told: Whole | undefined
  /** What became of its source before it ran. */
  lostFor: Fault | undefined
  /** Frames come over several links, in any order; the words behind them over the first. */
  isStriped: boolean
  /** The word behind frames of which some are still under way. */
  held: RoundEnd | Final | undefined
  /** The copies are discarded when nothing was heard until then. */
  deadlineMs: number
}

export type DestinationInput = { readonly nowMs: number } /** A frame was stored, or refused. */ & (
  | { readonly on: 'frame'; readonly fault?: Fault }
  | { readonly on: 'message'; readonly message: SourceMessage }
  /** Another link brings frames too. */
  | { readonly on: 'joined' }
  | {
      readonly on: 'restored'
      readonly hash: string
      readonly ramHash?: string
      /** What each took. */
      readonly took?: { readonly stateMs: number; readonly verificationMs: number }
    }
  | { readonly on: 'started'; readonly fault?: Fault }
  | { readonly on: 'failed'; readonly fault: Fault }
  | { readonly on: 'link-closed'; readonly reason: string }
  /** The source has made a new link. */
  | { readonly on: 'reconnected' }
  /** The coordinator knows that the source will never come back. */
  | { readonly on: 'source-lost'; readonly fault: Fault }
  /** No page is absent any more. */
  | { readonly on: 'whole'; readonly message: Whole }
  | { readonly on: 'woken' }
  /**
   * The coordinator stopped, discarded or started the copies; they are no longer this migration's.
   */
  | { readonly on: 'settled' }
)

export type DestinationEffect =
  | { readonly do: 'send'; readonly message: DestinationMessage }
  | {
      readonly do: 'restore'
      readonly sections: readonly StateSection[]
      readonly pausedMs: number
      readonly full: boolean
      readonly missing: Uint8Array | undefined
    }
  | { readonly do: 'become-prepared' }
  | { readonly do: 'start' }
  /** Over the new link, what the old one has not answered. */
  | { readonly do: 'ask-again' }
  /** A VM that runs here cannot go on: pages of it are lost. */
  | { readonly do: 'lose'; readonly fault: Fault }
  | { readonly do: 'discard'; readonly fault: Fault }
  | { readonly do: 'wake-at'; readonly atMs: number }
  | { readonly do: 'close'; readonly reason: string }

export const newDestination = (offer: Offer, nowMs: number): DestinationState => ({
  offer,
  phase: 'incoming',
  round: 0,
  frames: 0,
  wantedHash: '',
  wantedRamHash: undefined,
  ...{ isPartial: false, isLinked: true, told: undefined },
  ...{ lostFor: undefined, isStriped: false, held: undefined },
  deadlineMs: nowMs + silenceMsMax,
})

/** The only door into a phase. */
export function become(state: DestinationState, phase: DestinationPhase): void {
  invariant(
    ways[state.phase].includes(phase),
    `a migration destination that is ${state.phase} cannot become ${phase}`,
  )
  state.phase = phase
}
