// What the source of a migration or clone knows, hears and asks for; the doors into its phases.
// Not here: what follows from what (source.ts), who carries effects out (source-run.ts).
// Times are ms of the node's monotonic clock; bitmaps have one bit a page, little-endian bytes.

import type { Fault } from '#proto/faults.ts'
import type { CommandId, Epoch, MigrationId, NodeId, VmId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type {
  ByEncoding,
  DestinationMessage,
  MachineKind,
  MigrationParams,
  MigrationProgress,
  MigrationRecord,
  Offer,
  RoundRecord,
  SourceMessage,
  StateSection,
  Want,
  Whole,
} from '#proto/messages.ts'
import { pageEncodings } from '#proto/page-frame.ts'
import type { DiskRef } from '#proto/vm-spec.ts'

/** What is to be done, as the coordinator's command said it. */
export interface SourcePlan {
  readonly commandId: CommandId
  readonly migrationId: MigrationId
  readonly vmId: VmId
  readonly epoch: Epoch
  readonly destination: { readonly nodeId: NodeId; readonly address: string }
  readonly offer: Offer
  readonly params: MigrationParams
  /** Clone: the layers on which the parent goes on. */
  readonly parentDisk?: DiskRef
}

export type SourcePhase =
  | 'connecting'
  | 'offering'
  | 'copying' // the pages of a round are being sent
  | 'applying' // all of a round is sent, the destination has not said that it has it
  | 'looking' // reads the dirty log of the running VM
  | 'stopping' // pauses the VM and reads the log a last time
  | 'finishing' // paused: sends what is left, captures the state
  | 'forking' // a clone whose pages come later: captures its parent, which goes on
  | 'promised' // that clone may start there as soon as it is proven, and its pages are here
  | 'proving' // the destination restores and compares
  | 'released' // THE VM IS NOT OURS ANY MORE: only the coordinator's word may run it here again
  | 'in-doubt' // released, and nobody says whether it runs over there
  | 'serving' // post-copy: it runs over there, and fetches its last pages from here
  | 'ended'

const ways: Record<SourcePhase, readonly SourcePhase[]> = {
  connecting: ['offering', 'ended'],
  offering: ['copying', 'stopping', 'forking', 'ended'],
  forking: ['promised', 'ended'],
  copying: ['applying', 'ended'],
  applying: ['looking', 'ended'],
  looking: ['copying', 'stopping', 'ended'],
  stopping: ['finishing', 'forking', 'ended'],
  finishing: ['proving', 'ended'],
  proving: ['released', 'ended'],
  promised: ['serving', 'ended'],
  released: ['in-doubt', 'serving', 'ended'],
  'in-doubt': ['serving', 'ended'],
  serving: ['ended'],
  ended: [],
}

export interface SourceState {
  readonly plan: SourcePlan
  phase: SourcePhase
  readonly startedAtMs: number
  round: number
  roundStartedAtMs: number
  pagesOfRound: number
  readonly rounds: RoundRecord[]
  /** Of the round that was sent last. */
  sent: RoundSent
  /** Of whole rounds. */
  bytes: number
  /** What has left of the round that is being sent, as it was told last. */
  sendingBytes: number
  pages: number
  zeroPages: number
  readonly byEncoding: ByEncoding
  /** The destination understands frames that are not `zero` or `raw`. */
  isModern: boolean
  /** The destination has a VM of the same family. */
  hasDonor: boolean
  /** What was named and is not there. */
  lacking: Uint8Array | undefined
  /** An operator wants no more rounds. */
  isInHaste: boolean
  /** What the round that was cut short has not sent. */
  unsent: Uint8Array | undefined
  /** Dirtied before the pause, not sent yet. */
  left: Uint8Array
  pausedAtMs: number | undefined
  /** Since when it retires nothing, or was to stop; kept after the VM goes on. */
  stoppedAtMs: number
  /** On the way through the downtime; undefined: not reached. */
  readonly marks: {
    pausedMs?: number
    sentMs?: number
    preparedMs?: number
    stateMs?: number
    verificationMs?: number
  }
  /** Of its guest, in millions of instructions a second. */
  guestMips: MigrationRecord['guestMips']
  /**
   * How long the VM stood still; known when it runs again (here, for a clone; there, for a
   * migration).
   */
  downtimeMs: number
  expectedDowntimeMs: number | undefined
  /** Why nobody here knows where the VM runs; undefined: it was never so. */
  doubtedFor: Fault | undefined
  hash: string
  /** Pages that the destination does not have when it runs; undefined: it has all. */
  missing: Uint8Array | undefined
  readonly served: Served
  /** What the VM may have of a core: less than its cap when it is slowed down. */
  percent: number
  /** How many times the downtime that was asked for is allowed by now. */
  limitFactor: number
  /** The first round that counts for progress under the present conditions. */
  sinceRound: number
  /** The destination of a clone has said `prepared`. */
  prepared: boolean
  /** Of a clone that needs pages from here: since when there is no link. */
  unlinkedSinceMs: number | undefined
  deadlineMs: number
}

export interface RoundSent {
  readonly frames: number
  readonly pages: number
  readonly zeroPages: number
  readonly bytes: number
  readonly byEncoding?: ByEncoding
  /** It was cut short: these pages were left. */
  readonly unsent?: Uint8Array
}

/** What was sent after the VM ran at the destination. */
export interface Served {
  sinceMs: number
  pages: number
  zeroPages: number
  bytes: number
  reconnections: number
  /** What the destination says of its waits. */
  whole: Whole | undefined
}

export type SourceInput = {
  readonly nowMs: number
} /** `protocolVersion`: the destination's. */ & (
  | {
      readonly on: 'linked'
      readonly protocolVersion: number
      readonly machine?: MachineKind
    }
  | { readonly on: 'link-failed'; readonly fault: Fault }
  | { readonly on: 'link-closed'; readonly reason: string }
  | { readonly on: 'message'; readonly message: DestinationMessage }
  /** A part of a round is on its way. */
  | { readonly on: 'sending'; readonly pages: number; readonly bytes: number }
  | { readonly on: 'round-sent'; readonly sent: RoundSent }
  | {
      readonly on: 'log-taken'
      readonly bitmap: Uint8Array
      readonly pages: number
      /** Since when it stands still. */
      readonly stoppedAtMs?: number
      readonly guestMips?: NonNullable<MigrationRecord['guestMips']>
    }
  | {
      readonly on: 'last-sent'
      readonly sent: RoundSent
      readonly sections: readonly StateSection[]
      readonly hash: string
      readonly ramHash?: string
    }
  /** The VM was captured, and goes on; what was sent of it is in `sent`. */
  | {
      readonly on: 'forked'
      readonly sent: RoundSent
      readonly sections: readonly StateSection[]
      readonly hash: string
      readonly missing: Uint8Array
      /** How long it stood still, and how long ago that is. */
      readonly pausedMs: number
      readonly agoMs: number
    }
  /** The VM goes on here. */
  | { readonly on: 'resumed' }
  /** Pages that were asked for are on their way. */
  | { readonly on: 'served'; readonly sent: RoundSent }
  /** Whether all pages are there as they are here. */
  | { readonly on: 'compared'; readonly isEqual: boolean }
  /** An effect could not be carried out. */
  | { readonly on: 'failed'; readonly fault: Fault }
  | { readonly on: 'woken' }
  /** An operator wants it to go on as post-copy at once. */
  | { readonly on: 'post-copy'; readonly commandId: CommandId }
  | { readonly on: 'cancel'; readonly fault: Fault; readonly commandId?: CommandId }
  /** The VM is gone: fenced, crashed, shut down or stopped. */
  | { readonly on: 'vm-lost'; readonly fault: Fault }
  /** The coordinator's verdict on a released copy, already carried out. */
  | { readonly on: 'settled'; readonly verdict: 'runs-here' | 'runs-there' }
)

export type SourceEffect =
  | { readonly do: 'connect'; readonly address: string }
  | { readonly do: 'send'; readonly message: SourceMessage }
  | { readonly do: 'send-round'; readonly round: number; readonly bitmap: 'all' | Uint8Array }
  /** The round that is being sent ends where it is. */
  | { readonly do: 'cut-round' }
  /** These were named, and are not over there. */
  | { readonly do: 'forget'; readonly pages: Uint32Array }
  | { readonly do: 'take-log'; readonly pause: boolean }
  /** Sends the rest, captures, hashes; a clone's parent then goes on, on its new layers. */
  | { readonly do: 'finish'; readonly round: number; readonly bitmap: Uint8Array }
  /** The VM goes on here; `disk`: on these layers from now on. */
  | { readonly do: 'resume'; readonly disk?: DiskRef }
  /** The VM gets no more of a core than that, for as long as it is here. */
  | { readonly do: 'throttle'; readonly percent: number }
  | { readonly do: 'release' }
  | { readonly do: 'destroy' }
  | { readonly do: 'doubt' }
  | { readonly do: 'wake-at'; readonly atMs: number }
  | { readonly do: 'progress'; readonly message: MigrationProgress }
  | {
      readonly do: 'answer'
      readonly commandId: CommandId
      readonly fault?: Fault
      readonly record?: MigrationRecord
    }
  /** Closes the log and the link, stops sending. */
  | { readonly do: 'end'; readonly reason: string }
  | ServingEffect

/** Of post-copy, when the VM runs over there. */
export type ServingEffect =
  /**
   * Captures the VM, and sends the pages that it has used last. `missing`: nothing else is lacking
   * over there; absent: all of it is, and the VM goes on at once.
   */
  | { readonly do: 'fork'; readonly missing?: Uint8Array }
  /** This copy has nothing but pages from now on. */
  | { readonly do: 'become-serving' }
  | { readonly do: 'serve'; readonly want: Want }
  | { readonly do: 'compare'; readonly ramHash: string }
  | { readonly do: 'reconnect'; readonly address: string; readonly afterMs: number }

export function newSource(plan: SourcePlan, nowMs: number): SourceState {
  return {
    plan,
    phase: 'connecting',
    startedAtMs: nowMs,
    round: 0,
    roundStartedAtMs: nowMs,
    pagesOfRound: plan.offer.pageCount,
    rounds: [],
    sent: { frames: 0, pages: 0, zeroPages: 0, bytes: 0 },
    ...{ bytes: 0, sendingBytes: 0, pages: 0, zeroPages: 0 },
    byEncoding: {},
    ...{ isModern: true, isInHaste: false, unsent: undefined },
    ...{ hasDonor: false, lacking: undefined },
    left: new Uint8Array(0),
    pausedAtMs: undefined,
    stoppedAtMs: nowMs,
    marks: {},
    guestMips: undefined,
    downtimeMs: 0,
    doubtedFor: undefined,
    expectedDowntimeMs: undefined,
    hash: '',
    missing: undefined,
    served: {
      ...{ sinceMs: nowMs, pages: 0, zeroPages: 0, bytes: 0, reconnections: 0 },
      whole: undefined,
    },
    percent: fullPercentOf({ plan }),
    limitFactor: 1,
    sinceRound: 0,
    prepared: false,
    unlinkedSinceMs: undefined,
    deadlineMs: Number.POSITIVE_INFINITY,
  }
}

/** The only door into a phase. `waitMs`: how long the source stays there at most. */
export function becomePhase(
  state: SourceState,
  phase: SourcePhase,
  nowMs: number,
  waitMs: number,
): SourceEffect[] {
  invariant(
    ways[state.phase].includes(phase),
    `a migration source that is ${state.phase} cannot become ${phase}`,
  )
  state.phase = phase
  state.deadlineMs = nowMs + waitMs
  return Number.isFinite(waitMs) ? [{ do: 'wake-at', atMs: state.deadlineMs }] : []
}

export function addEncoded(sum: ByEncoding, more: ByEncoding): void {
  for (const encoding of pageEncodings) {
    const [had, got] = [sum[encoding], more[encoding]]
    if (!got) continue
    const { pages, bytes } = had ?? { pages: 0, bytes: 0 }
    sum[encoding] = { pages: pages + got.pages, bytes: bytes + got.bytes }
  }
}

/** The point of no return is behind us. */
export const isReleased = (state: SourceState): boolean =>
  state.phase === 'released' || state.phase === 'in-doubt' || state.phase === 'serving'

export const isClone = (state: SourceState): boolean => state.plan.offer.purpose === 'clone'

/** A clone that may run while some of its pages are here still. */
const mayLackPages = (state: SourceState): boolean =>
  isClone(state) && state.isModern && !state.plan.params.independent

/**
 * It starts over there with next to no pages: they come from an image that is kept here. Where one
 * of its family is, pages are named, and next to nothing has to cross the link before it starts.
 */
export const isLazyClone = (state: SourceState): boolean => mayLackPages(state) && !state.hasDonor

/** When rounds bring it no nearer. */
export const stuckPolicyOf = (state: SourceState): MigrationParams['whenStuck'] =>
  mayLackPages(state) ? 'post-copy' : state.plan.params.whenStuck

/** What may run over there lacks pages from here; the parent goes on meanwhile. */
export const isPromised = (state: SourceState): boolean =>
  isClone(state) && (state.phase === 'promised' || state.phase === 'serving')

/** The VM stands still because of this migration. */
export const isPaused = (state: SourceState): boolean => state.pausedAtMs !== undefined

/** What must hold after every step. */
export function assertSource(state: SourceState): void {
  const { phase, plan } = state
  if (isReleased(state) && !isPromised(state)) {
    invariant(plan.offer.purpose === 'migrate', 'a clone releases nothing')
    invariant(state.hash.length === 16, 'no epoch is given up before the hashes are equal')
  }
  if (phase === 'serving')
    invariant(state.missing !== undefined, 'only what is missing over there is served')
  const isGone = isReleased(state) && !isPromised(state)
  if (phase === 'stopping' || phase === 'finishing' || isGone)
    invariant(isPaused(state), `a VM that is ${phase} stands still`)
  if (phase === 'copying' || phase === 'applying' || phase === 'looking')
    invariant(!isPaused(state), `a VM that is ${phase} runs`)
  invariant(state.round <= plan.params.roundsMax, 'no round beyond roundsMax')
}

/** What the VM may have of a core when it is not slowed down. */
export const fullPercentOf = ({ plan }: Pick<SourceState, 'plan'>): number =>
  plan.offer.vms[0]?.spec.cpuCapPercent ?? 100
