// Files of templates, as far as the cluster decides: who reads one from the store or writes one
// into it, which name it gets, and whose signatures are good. A file that arrives is under way as
// long as its command is open: no layer is swept meanwhile, and its name is taken. It is a template
// from the instant on that its node has said that all of it is there.
// Not here: bytes (../templates/), signatures themselves (the shell), the store (node-agent/).

import type { TemplateOrigin } from '#proto/api.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { CommandId } from '#proto/ids.ts'
import type { ImportWhole, TemplateKeyView } from '#proto/templates/messages.ts'
import type { DiskRef } from '#proto/vm-spec.ts'
import type { ClusterState, Node, PendingCommand } from './cluster-state.ts'
import { tell } from './events.ts'
import { overQuota, takenByTemplate } from './quotas.ts'
import {
  type ApiCommand,
  openCommand,
  type PendingAnswer,
  type Step,
  sendTo,
  someNode,
  takeSerial,
  touch,
} from './step-context.ts'
import { commandOf, kept, nameIsFree, noNode, putTemplate, readyTemplate } from './templates.ts'

/** Agents before this know nothing of files. */
const filesVersion = 2

/** What a command to bring a file remembers until it ends. */
export interface Arrival {
  readonly id: string
  readonly key?: string | undefined
  readonly owner?: string | undefined
  /** It is to be kept: what becomes of it is no longer its client's to say. */
  readonly isWhole?: boolean
}

type FileVerb = 'export-template' | 'import-template' | 'trust-key' | 'distrust-key'
export type FileCommand = Extract<ApiCommand, { do: FileVerb }>
const verbs: readonly string[] = ['export-template', 'import-template', 'trust-key', 'distrust-key']
export const isFileCommand = (command: ApiCommand): command is FileCommand =>
  verbs.includes(command.do)

export function takeFileCommand(
  step: Step,
  command: FileCommand,
): PendingAnswer | TemplateKeyView | null | Fault {
  if (command.do === 'export-template') return sendFile(step, command)
  if (command.do === 'import-template') return takeFile(step, command)
  if (command.do === 'trust-key') return trustKey(step, command)
  return distrustKey(step, command.name)
}

type Departure = Extract<ApiCommand, { do: 'export-template' }>

function sendFile(step: Step, { name, version }: Departure): PendingAnswer | Fault {
  const entry = readyTemplate(step, name)
  if ('code' in entry) return entry
  const node = someNode(step.state, filesVersion)
  if (!node) return noNode
  const commandId = openCommand(step, commandOf(node, 'export-template', name))
  if (step.by !== undefined) tell(step, 'access', `template ${name} leaves the cluster as a file`)
  const { about, owner, origin } = entry
  const label = {
    ...{ name, about, madeBy: origin?.madeBy ?? owner ?? '' },
    cluster: origin?.cluster ?? step.state.meta.clusterId,
    version: origin?.version ?? version,
  }
  sendTo(step, node, { t: 'export-template', commandId, kept: kept(name), label })
  return { commandId }
}

type Wish = Extract<ApiCommand, { do: 'import-template' }>

function takeFile(step: Step, { name, id, manifestBytes, key, owner }: Wish) {
  const refused = nameIsFree(step, name) ?? overQuota(step.state, owner, takenByTemplate)
  if (refused) return refused
  const node = someNode(step.state, filesVersion)
  if (!node) return noNode
  const arrival: Arrival = { id, key, owner }
  const commandId = openCommand(step, { ...commandOf(node, 'import-template', name), arrival })
  const layer = `${kept(name).vmId}.${takeSerial(step)}.disk`
  const disks = [...disksOf(step.state).keys()]
  const order = { commandId, kept: kept(name), id, manifestBytes, layer, disks }
  sendTo(step, node, { t: 'import-template', ...order })
  return { commandId }
}

/** What ready templates have on their disks, by digest. */
function disksOf({ templates }: ClusterState): Map<string, DiskRef> {
  const disks = new Map<string, DiskRef>()
  for (const { phase, origin, record } of templates.values())
    if (phase === 'ready' && origin?.diskDigest) disks.set(origin.diskDigest, record.disk)
  return disks
}

/** All of a file is in the store: from now on the template is the cluster's. */
export function seeImportWhole(step: Step, node: Node, news: ImportWhole): void {
  const { commandId, label, record, diskDigest, isDiskKnown } = news
  const command = step.state.commands.get(commandId)
  if (command?.kind !== 'import-template' || command.nodeId !== node.id) return
  const { arrival, snapshotId: name = '' } = command
  if (!arrival || arrival.isWhole) return
  const disk = isDiskKnown ? disksOf(step.state).get(diskDigest ?? '') : record.disk
  if (!disk) {
    sendTo(step, node, { t: 'stop-template', commandId, fault: diskGone })
    return
  }
  step.state.commands.set(commandId, { ...command, arrival: { ...arrival, isWhole: true } })
  const { id, key, owner } = arrival
  const origin: TemplateOrigin = {
    ...{ id, name: label.name, madeBy: label.madeBy },
    ...{ cluster: label.cluster, version: label.version },
    ...(key !== undefined && { key }),
    ...(diskDigest !== undefined && { diskDigest }),
  }
  putTemplate(step, {
    ...{ id: name, about: label.about, phase: 'making', record: { ...record, disk }, origin },
    ...(owner !== undefined && { owner }),
  })
  sendTo(step, node, { t: 'commit-import', commandId, disk })
}

const diskGone = fault(
  'wrong-state',
  'the template whose disk it shares was removed meanwhile: import the file again',
)

/** Whoever waits for the end of a file hears it, also when its node is lost. */
export function tellFileEnd(
  step: Step,
  commandId: CommandId,
  { kind }: PendingCommand,
  ended: { readonly fault?: Fault | undefined },
): void {
  if (kind !== 'export-template' && kind !== 'import-template') return
  const result = { t: 'result', commandId, ...(ended.fault && { fault: ended.fault }) } as const
  step.effects.push({ kind: 'answered', commandId, result })
}

function trustKey(step: Step, { name, key }: Extract<ApiCommand, { do: 'trust-key' }>) {
  const { by } = step
  const entry = { name, key, addedWallMs: step.wallMs, ...(by !== undefined && { by }) }
  step.state.templateKeys.set(name, entry)
  touch(step, 'template-key', name)
  tell(step, 'access', `files of templates that ${name} has signed are let in: ${key}`)
  return entry
}

function distrustKey(step: Step, name: string): null | Fault {
  if (!step.state.templateKeys.delete(name)) {
    const names = [...step.state.templateKeys.keys()].join(', ') || 'none'
    return fault('bad-request', `there is no key ${name}; there are ${names}`)
  }
  touch(step, 'template-key', name)
  tell(step, 'access', `files of templates that ${name} has signed are not let in any more`)
  return null
}
