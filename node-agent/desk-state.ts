// What the desk knows, hears and asks for: its state, inputs and effects.
// Not here: what follows from what (desk.ts), who carries effects out (agent.ts).

import type { Fault } from '#proto/faults.ts'
import type { CommandId, Epoch, MigrationId } from '#proto/ids.ts'
import type {
  Balloon,
  CancelMigration,
  Clone,
  CompareSnapshots,
  DropSnapshot,
  EndReplication,
  GoOn,
  KeepTemplate,
  MergeLayers,
  Migrate,
  PagesLost,
  Pause,
  Replicate,
  Resolve,
  Result,
  Resume,
  SetLease,
  Start,
  Stop,
  SwapLayers,
  SweepLayers,
  SwitchToPostCopy,
  TakeOver,
  TakeSnapshot,
  TookOver,
  VmEvent,
} from '#proto/messages.ts'
import type { SetNetwork } from '#proto/network-messages.ts'
import type { HeldVm, HeldVms } from './held-vms.ts'
import type { SourcePlan } from './migration/source-state.ts'

export type Command =
  | (
      | Start
      | Stop
      | Pause
      | Resume
      | GoOn
      | Balloon
      | Migrate
      | Clone
      | CancelMigration
      | SwitchToPostCopy
      | Resolve
    )
  | (Replicate | EndReplication | TakeOver | SetLease | SetNetwork)
  | (TakeSnapshot | DropSnapshot | KeepTemplate | CompareSnapshots | PagesLost)
  | (SweepLayers | MergeLayers | SwapLayers)

export interface DeskState {
  readonly nodeId: string
  readonly vms: HeldVms
  /** Migrations under way of which this node is the source. */
  readonly outgoing: Set<MigrationId>
  readonly openCommands: Set<CommandId>
  /** The last answers, for a command that comes again. */
  readonly answers: Map<CommandId, Result>
  /** The process is going down: nothing new begins. */
  closing: boolean
}

export type DeskInput =
  | { readonly on: 'command'; readonly command: Command }
  /** What a command asked of a VM was done, or could not be. */
  | { readonly on: 'booted'; readonly vm: HeldVm; readonly by: CommandId; readonly fault?: Fault }
  | {
      readonly on: 'launched'
      readonly vm: HeldVm
      readonly epoch: Epoch
      readonly by?: CommandId
      readonly fault?: Fault
      readonly tookOver?: TookOver
    }
  | { readonly on: 'done'; readonly by: CommandId; readonly fault?: Fault }
  | { readonly on: 'answered'; readonly result: Result }
  | { readonly on: 'snapshot-ended'; readonly vm: HeldVm; readonly result: Result }
  | { readonly on: 'migration-ended'; readonly migrationId: MigrationId }
  | { readonly on: 'lease-lost' }
  | { readonly on: 'closing' }
  | {
      readonly on: 'guest-stopped'
      /** Itself: late news of it are not for another one under its name. */
      readonly vm: HeldVm
      readonly reason: 'shut-down' | 'crashed' | 'disk-failed' | 'pages-lost'
      readonly detail: string
    }

export type DeskEffect =
  /** `from`: a snapshot; absent, it boots from its image. */
  | {
      readonly do: 'boot'
      readonly vm: HeldVm
      readonly by: CommandId
      readonly from?: string
      readonly template?: NonNullable<Start['template']>
    }
  | { readonly do: 'keep-template'; readonly order: KeepTemplate }
  | { readonly do: 'take-snapshot'; readonly vm: HeldVm; readonly order: TakeSnapshot }
  | { readonly do: 'drop-snapshot'; readonly order: DropSnapshot }
  | { readonly do: 'compare-snapshots'; readonly order: CompareSnapshots }
  | { readonly do: 'sweep-layers'; readonly order: SweepLayers }
  | { readonly do: 'merge-layers'; readonly order: MergeLayers }
  | { readonly do: 'swap-layers'; readonly vm: HeldVm; readonly order: SwapLayers }
  | { readonly do: 'pause' | 'resume'; readonly vm: HeldVm; readonly by: CommandId }
  /** Nobody has asked for it. */
  | { readonly do: 'strand'; readonly vm: HeldVm; readonly by?: undefined }
  | {
      readonly do: 'balloon'
      readonly vm: HeldVm
      readonly targetPages: number
      readonly by: CommandId
    }
  /** Runs a complete copy under another epoch. */
  | { readonly do: 'launch'; readonly vm: HeldVm; readonly epoch: Epoch; readonly by: CommandId }
  /** Runs a replica under another epoch. */
  | { readonly do: 'take-over'; readonly vm: HeldVm; readonly epoch: Epoch; readonly by: CommandId }
  | { readonly do: 'replicate'; readonly vm: HeldVm; readonly order: Replicate }
  | { readonly do: 'end-replication' | 'set-lease'; readonly vm: HeldVm; readonly by: CommandId }
  | { readonly do: 'set-network'; readonly vm: HeldVm; readonly by: CommandId }
  | { readonly do: 'destroy'; readonly vm: HeldVm; readonly by?: CommandId }
  | { readonly do: 'begin-source'; readonly plan: SourcePlan }
  | {
      readonly do: 'tell-source'
      readonly migrationId: MigrationId
      readonly input:
        | { readonly on: 'cancel'; readonly fault: Fault; readonly commandId?: CommandId }
        | { readonly on: 'post-copy'; readonly commandId: CommandId }
        | { readonly on: 'vm-lost'; readonly fault: Fault }
        | { readonly on: 'settled'; readonly verdict: 'runs-here' | 'runs-there' }
    }
  | { readonly do: 'settle-destination'; readonly migrationId: MigrationId }
  /** Its last pages will never come. */
  | { readonly do: 'lose-pages'; readonly migrationId: MigrationId; readonly fault: Fault }
  | { readonly do: 'send'; readonly message: Result | VmEvent }

export const newDesk = (nodeId: string, vms: HeldVms): DeskState => ({
  nodeId,
  vms,
  outgoing: new Set(),
  openCommands: new Set(),
  answers: new Map(),
  closing: false,
})
