// What goes into a step and what comes out of it, and the context that the handlers of one step
// share. Inputs are facts (a message came, time passed, a person asked); effects are data that the
// shell carries out in order, `persist` first: what a step sends is never ahead of what it
// remembers.

import type { z } from 'zod'
import type {
  CloneRequest,
  CloneView,
  EventView,
  ForecastView,
  MigrateRequest,
  MigrationView,
  NodeView,
  RebalanceView,
  RunRequest,
  SnapshotView,
  TemplateView,
  VmView,
} from '#proto/api.ts'
import type { Fault } from '#proto/faults.ts'
import type { HaGroup, HaPolicyChange, HaRule, HaSettingsChange, HaView } from '#proto/ha.ts'
import {
  asCommandId,
  asEpoch,
  type CommandId,
  type Epoch,
  type MigrationId,
  type NodeId,
  type VmId,
} from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type {
  AgentMessage,
  CoordinatorMessage,
  Hello,
  MigrationParams,
  Result,
} from '#proto/messages.ts'
import type { PowerSettingsChange, PowerView } from '#proto/power.ts'
import type { Quota } from '#proto/quotas.ts'
import type { TemplateKeyView } from '#proto/templates/messages.ts'
import type { ClientTrace, TraceRef } from '#proto/trace-context.ts'
import type { VmIdentity } from '#proto/vm-spec.ts'
import type { ClusterState, LinkId, Node, PendingCommand } from './cluster-state.ts'
import type { FenceWord } from './fencing.ts'
import type { RecordKey, RecordKind, StoredRecord } from './records.ts'
import type { KeepTemplate } from './templates.ts'

/**
 * What a person (or the CLI, the page, a scenario) asks for. Fresh identities come from the shell's
 * Random.
 */
export type ApiCommand =
  | {
      readonly do: 'run'
      readonly request: z.infer<typeof RunRequest>
      readonly identity: VmIdentity
      /** The account whose VM it is. */
      readonly owner?: string
    }
  | {
      readonly do: 'migrate'
      readonly vmId: VmId
      readonly request: z.infer<typeof MigrateRequest>
    }
  | { readonly do: 'relocate'; readonly vmId: VmId; readonly to?: string | undefined }
  | {
      readonly do: 'forecast'
      readonly vmId: VmId
      readonly request: z.infer<typeof MigrateRequest>
    }
  | {
      readonly do: 'clone'
      readonly vmId: VmId
      readonly request: z.infer<typeof CloneRequest>
      /** One for each clone. */
      readonly identities: readonly VmIdentity[]
    }
  | { readonly do: 'pause' | 'resume' | 'stop' | 'start' | 'remove'; readonly vmId: VmId }
  /** It is theirs from now on; absent: nobody's. */
  | { readonly do: 'own'; readonly vmId: VmId; readonly owner?: string }
  /** An account is gone: its VMs are nobody's, its templates the operators'. */
  | { readonly do: 'disown'; readonly owner: string }
  /** A line of the story: who has done what with accounts and consoles. */
  | { readonly do: 'note'; readonly text: string; readonly vmId?: VmId }
  | { readonly do: 'balloon'; readonly vmId: VmId; readonly memoryMib: number }
  | { readonly do: 'merge'; readonly vmId: VmId }
  | { readonly do: 'snapshot'; readonly vmId: VmId; readonly name?: string | undefined }
  | { readonly do: 'fence'; readonly nodeId: NodeId; readonly isOff: boolean }
  | { readonly do: 'set-power'; readonly change: PowerSettingsChange }
  | { readonly do: 'sleep' | 'wake'; readonly nodeId: NodeId }
  | { readonly do: 'set-policy'; readonly vmId: VmId; readonly change: HaPolicyChange }
  | { readonly do: 'set-group'; readonly group: HaGroup }
  | { readonly do: 'drop-group'; readonly name: string }
  | { readonly do: 'set-rule'; readonly rule: HaRule }
  | { readonly do: 'drop-rule'; readonly name: string }
  /** Nothing said of any part: no limit. */
  | { readonly do: 'set-quota'; readonly person: string; readonly allowed: Quota }
  | { readonly do: 'set-ha'; readonly change: HaSettingsChange }
  | ({ readonly do: 'keep-template' } & KeepTemplate)
  | { readonly do: 'drop-template'; readonly name: string }
  /** `version`: of this coordinator. */
  | { readonly do: 'export-template'; readonly name: string; readonly version: string }
  | {
      readonly do: 'import-template'
      readonly name: string
      readonly id: string
      readonly manifestBytes: number
      /** Whose signature it has, which is good. */
      readonly key?: string | undefined
      readonly owner?: string | undefined
    }
  | { readonly do: 'trust-key'; readonly name: string; readonly key: string }
  | { readonly do: 'distrust-key'; readonly name: string }
  | {
      readonly do: 'compare-snapshots'
      readonly vmId: VmId
      readonly from: string
      readonly to: string
    }
  | { readonly do: 'restore'; readonly vmId: VmId; readonly name: string }
  | { readonly do: 'drop-snapshot'; readonly vmId: VmId; readonly name: string }
  | { readonly do: 'cancel-migration' | 'post-copy'; readonly migrationId: MigrationId }
  | { readonly do: 'maintenance'; readonly nodeId: NodeId; readonly params: MigrationParams }
  | { readonly do: 'end-maintenance'; readonly nodeId: NodeId }
  | { readonly do: 'rebalance' }

/** No account may have this name: what is its is for operators only. */
export const machineOwner = 'machine'

export type Input =
  /** First input of a process, after its state was loaded. */
  | { readonly kind: 'boot' }
  | { readonly kind: 'hello'; readonly linkId: LinkId; readonly hello: Hello }
  | {
      readonly kind: 'agent-message'
      readonly linkId: LinkId
      readonly nodeId: NodeId
      readonly message: Exclude<AgentMessage, { t: 'hello' }>
    }
  /** `isGoodbye`: the agent said that it shuts down and runs nothing any more. */
  | {
      readonly kind: 'link-closed'
      readonly linkId: LinkId
      readonly nodeId: NodeId
      readonly isGoodbye: boolean
    }
  | { readonly kind: 'tick' }
  /** Somebody broke or mended a node on purpose: for the story alone. */
  | {
      readonly kind: 'broken'
      readonly nodeId: NodeId
      readonly text: string
      readonly by?: string
    }
  /** What the fence device says of a process of a node. */
  | ({ readonly kind: 'fence-word' } & FenceWord)
  | {
      readonly kind: 'api'
      readonly command: ApiCommand
      readonly by?: string
      /** Of whoever asks. */
      readonly trace?: ClientTrace | undefined
    }
  /** The queue has a place at both ends for it. */
  | { readonly kind: 'migration-admitted'; readonly migrationId: MigrationId }

/** The answer comes from a node, by the `answered` effect of this command. */
export interface PendingAnswer {
  readonly commandId: CommandId
}

export type ApiAnswer =
  | {
      readonly value:
        | VmView
        | NodeView
        | MigrationView
        | ForecastView
        | CloneView
        | RebalanceView
        | SnapshotView
        | TemplateView
        | TemplateKeyView
        | HaView
        | PowerView
        | PendingAnswer
        | null
    }
  | { readonly fault: Fault }

export type Effect =
  | {
      readonly kind: 'persist'
      readonly puts: readonly StoredRecord[]
      readonly deletes: readonly RecordKey[]
    }
  | { readonly kind: 'send'; readonly linkId: LinkId; readonly message: CoordinatorMessage }
  | { readonly kind: 'close-link'; readonly linkId: LinkId; readonly reason: string }
  | { readonly kind: 'reply'; readonly answer: ApiAnswer }
  /** A node has answered what was asked of it: for whoever waits for this command. */
  | { readonly kind: 'answered'; readonly commandId: CommandId; readonly result: Result }
  | { readonly kind: 'event'; readonly event: EventView }
  /** The device is to end this process of a node, and to say when it surely has. */
  | ({ readonly kind: 'fence'; readonly pid: number } & Omit<FenceWord, 'fault'>)
  | {
      readonly kind: 'queue-migration'
      readonly migrationId: MigrationId
      readonly from: NodeId
      readonly to: NodeId
    }
  | { readonly kind: 'migration-ended'; readonly migration: MigrationView }

/** One step's working place. */
export interface Step {
  readonly state: ClusterState
  readonly nowMs: number
  readonly wallMs: number
  /** The account of whoever asked for it. */
  readonly by?: string | undefined
  /** Names a new trace; absent: nobody wants to see any. */
  readonly newTrace?: (() => TraceRef) | undefined
  readonly effects: Effect[]
  /** Records to write or (when they are gone) delete at the end of the step. */
  touched?: Map<string, RecordKey> | undefined
}

/** Marks a record as changed: it is persisted before anything that this step sends. */
export function touch(step: Step, kind: RecordKind, id: string): void {
  step.touched ??= new Map()
  step.touched.set(`${kind}/${id}`, { kind, id })
  step.state.revision++
  const { state } = step
  if (kind === 'vm') noteVm(state, id as VmId)
  else if (kind === 'node') noteNode(step, id as NodeId)
  else if (kind === 'migration') noteMigration(state, id as MigrationId)
  else if (kind !== 'meta' && kind !== 'event') state.changes++
}

function noteVm(state: ClusterState, id: VmId): void {
  state.watched.guarded.add(id)
  state.watched.layered.add(id)
  state.watched.away.add(id)
  hearAgain(state, state.vms.get(id)?.nodeId)
}

function noteNode({ state, nowMs }: Step, id: NodeId): void {
  state.watchAtMs = nowMs
  state.watchedNodes.add(id)
  hearAgain(state, id)
}

function noteMigration(state: ClusterState, id: MigrationId): void {
  const migration = state.migrations.get(id)
  hearAgain(state, migration?.from)
  hearAgain(state, migration?.to)
}

/** What this node reports is taken again, even if it says the same as before: see reports.ts. */
export function hearAgain({ nodes }: ClusterState, nodeId: NodeId | undefined): void {
  const node = nodeId === undefined ? undefined : nodes.get(nodeId)
  if (node) node.live.heard = undefined
}

export function takeEpoch(step: Step): Epoch {
  touch(step, 'meta', 'meta')
  return asEpoch(step.state.meta.nextEpoch++)
}

export function takeSerial(step: Step): number {
  touch(step, 'meta', 'meta')
  return step.state.meta.nextSerial++
}

/**
 * An epoch that an agent speaks of is taken, whoever gave it: ours will be newer. A memory that has
 * not given it is not all there was.
 */
export function seeEpoch(step: Step, epoch: Epoch): void {
  if (epoch < step.state.meta.nextEpoch) return
  step.state.meta.nextEpoch = epoch + 1
  step.state.meta.knowsNotAll = true
  touch(step, 'meta', 'meta')
}

/** Far above any count, and far below where numbers have gaps. */
const serialMax = 2 ** 40

/**
 * Names of layers and migrations end in a serial. One that an agent speaks of is taken: a
 * coordinator with an empty store would give it again, and a new VM would find an old one's blocks
 * in its layer.
 */
export function seeSerials(step: Step, names: readonly string[]): void {
  for (const name of names) {
    const serial = Number(/(\d+)(?:\.disk)?$/.exec(name)?.[1] ?? 0)
    if (serial < step.state.meta.nextSerial || serial > serialMax) continue
    step.state.meta.nextSerial = serial + 1
    step.state.meta.knowsNotAll = true
    touch(step, 'meta', 'meta')
  }
}

/**
 * Sends to a node if there is a link; otherwise its next hello tells what it still has to be told.
 */
export function sendTo(step: Step, node: Node, message: CoordinatorMessage): boolean {
  if (node.live.linkId === undefined) return false
  step.effects.push({ kind: 'send', linkId: node.live.linkId, message })
  return true
}

export const takeCommandId = (step: Step): CommandId =>
  asCommandId(`${step.state.runId}-${step.state.nextCommand++}`)

/** Such a command for the VM has no answer yet. */
export function isAsked(
  { commands }: ClusterState,
  kind: PendingCommand['kind'],
  vmId: VmId,
): boolean {
  for (const command of commands.values())
    if (command.kind === kind && command.vmId === vmId) return true
  return false
}

/** A new command id, remembered until its result comes or its link ends. */
export function openCommand(step: Step, command: Omit<PendingCommand, 'sentAtMs'>): CommandId {
  const id = takeCommandId(step)
  step.state.commands.set(id, { ...command, sentAtMs: step.nowMs })
  hearAgain(step.state, command.nodeId)
  return id
}

export function nodeOf(state: ClusterState, id: NodeId): Node {
  const node = state.nodes.get(id)
  invariant(node, `node ${id} is referred to but not there`)
  return node
}

export const isReachable = (node: Node | undefined): node is Node =>
  node?.phase === 'online' && node.live.linkId !== undefined && node.live.isReady

/** Any that can be reached, and speaks this version. */
export const someNode = ({ nodes }: ClusterState, versionLeast: number): Node | undefined =>
  [...nodes.values()].find((node) => isReachable(node) && node.live.protocolVersion >= versionLeast)
