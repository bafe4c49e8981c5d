// Templates: snapshots that are kept for themselves, apart from the VM they were taken of, from
// which new VMs begin: with system and applications running, each somebody else. In the store a
// template is a snapshot of nobody: of VM `template-NAME`, a name that no VM gets.
// Not here: pages and files (node-agent/snapshots/), that a VM begins from one (commands-out.ts).

import type { TemplateView } from '#proto/api.ts'
import { type Fault, fault } from '#proto/faults.ts'
import { asVmId, templateLettersMax, templatePrefix, type VmId } from '#proto/ids.ts'
import type { Result } from '#proto/messages.ts'
import type { DiskRef } from '#proto/vm-spec.ts'
import { withTop } from './clones.ts'
import type { Node, PendingCommand, Vm } from './cluster-state.ts'
import { wantSweep } from './disk-sweep.ts'
import { tell } from './events.ts'
import { overQuota, takenByTemplate } from './quotas.ts'
import type { TemplateEntry } from './records.ts'
import { openCommand, type Step, sendTo, someNode, takeSerial, touch } from './step-context.ts'

/** What its snapshot is called in the store. */
const snapshotName = 'template'
/** Agents before this do not know the order. */
const templateVersion = 2

export const isTemplateName = (vmId: string): boolean => vmId.startsWith(templatePrefix)
const keptAs = (name: string): VmId => asVmId(`${templatePrefix}${name}`)
export const kept = (name: string): Kept => ({ vmId: keptAs(name), name: snapshotName })

export function templateView(entry: TemplateEntry) {
  const { id, about, owner, phase, record, origin, fault: why } = entry
  const { memoryMib, image, args } = record.spec
  return {
    ...{ name: id, about, phase, memoryMib, image, args },
    ...{ diskMib: record.spec.diskMib, takenWallMs: record.takenWallMs },
    ...(owner !== undefined && { owner }),
    ...(origin && { origin }),
    ...(why && { fault: why }),
  } satisfies TemplateView
}

export interface KeepTemplate {
  readonly name: string
  readonly about: string
  readonly vmId: VmId
  readonly snapshot: string
}

/** Has a snapshot kept as a template. */
export function keepTemplate(step: Step, wish: KeepTemplate): TemplateView | Fault {
  const { name, about, vmId, snapshot } = wish
  const taken = nameIsFree(step, name)
  if (taken) return taken
  const record = step.state.snapshots.get(`${vmId}/${snapshot}`)?.record
  if (!record) return fault('unknown-snapshot', `${vmId} has no snapshot ${snapshot}`)
  const owner = step.state.vms.get(vmId)?.owner
  const over = overQuota(step.state, owner, takenByTemplate)
  if (over) return over
  const node = someNode(step.state, templateVersion)
  if (!node) return noNode
  const theirs = owner === undefined ? {} : { owner }
  const entry: TemplateEntry = { id: name, about, ...theirs, phase: 'making', record }
  putTemplate(step, entry)
  const commandId = openCommand(step, commandOf(node, 'keep-template', name))
  const from = { vmId, name: snapshot }
  sendTo(step, node, { t: 'keep-template', commandId, from, kept: kept(name) })
  return templateView(entry)
}

/** Why it is not, if it is not: it is too long, there is one, or a file brings one. */
export function nameIsFree({ state }: Step, name: string): Fault | undefined {
  if (name.length > templateLettersMax) return tooLong
  const old = state.templates.get(name)
  const isArriving = [...state.commands.values()].some(
    ({ kind, snapshotId }) => kind === 'import-template' && snapshotId === name,
  )
  if ((old === undefined || old.phase === 'failed') && !isArriving) return undefined
  return fault('name-taken', `there is a template ${name} already: choose another name`)
}

const tooLong = fault(
  'bad-template',
  `the name of a template has ${templateLettersMax} letters at most: choose a shorter one`,
)

export function dropTemplate(step: Step, name: string): TemplateView | Fault {
  const entry = step.state.templates.get(name)
  if (!entry) return unknownTemplate(step, name)
  const isArriving = entry.origin !== undefined && entry.phase === 'making'
  if (isArriving) return fault('wrong-state', `${name} is on its way: wait until it is there`)
  if (entry.phase === 'making' || entry.phase === 'removing')
    return fault('wrong-state', `template ${name} is ${entry.phase}: wait for its end`)
  const user = [...step.state.vms.values()].find((vm) => vm.deployFrom === name)
  if (user) return fault('wrong-state', `${user.id} is being made of ${name}: wait until it runs`)
  const node = someNode(step.state, templateVersion)
  if (!node) return noNode
  putTemplate(step, { ...entry, phase: 'removing' })
  const hadFailed = entry.phase === 'failed'
  const commandId = openCommand(step, { ...commandOf(node, 'drop-template', name), hadFailed })
  sendTo(step, node, { t: 'drop-snapshot', commandId, ...kept(name) })
  return templateView({ ...entry, phase: 'removing' })
}

/** The link was lost: it may be done or not. Asking again makes sure. */
export function loseTemplateCommand(step: Step, command: PendingCommand): void {
  const lost = fault('link-lost', `${command.nodeId} was lost before it answered: ask again`)
  seeTemplateResult(step, command, { fault: lost })
}

/** The node's answer to one of the two. */
export function seeTemplateResult(
  step: Step,
  command: PendingCommand,
  result: Pick<Result, 'fault' | 'snapshot'>,
): void {
  const kinds: readonly string[] = ['keep-template', 'drop-template', 'import-template']
  if (!kinds.includes(command.kind)) return
  const entry = step.state.templates.get(command.snapshotId ?? '')
  if (!entry) return
  const { id: name } = entry
  if (command.kind === 'drop-template') {
    if (result.fault && result.fault.code !== 'unknown-snapshot')
      putTemplate(step, { ...entry, phase: goesBackTo(command), fault: result.fault })
    else forget(step, name)
  } else if (result.snapshot) {
    putTemplate(step, { ...entry, phase: 'ready', record: result.snapshot.record })
    tell(step, 'template-ready', `template ${name} is ready: godwit template deploy ${name}`)
  } else if (command.kind === 'import-template' && result.fault?.code !== 'link-lost') {
    if (command.arrival?.isWhole) forget(step, name)
  } else if (entry.phase === 'making') {
    const why = result.fault ?? fault('bad-message', 'its node said nothing about it')
    putTemplate(step, { ...entry, phase: 'failed', fault: why })
  }
}

/** One that could not be removed is what it was. */
const goesBackTo = ({ hadFailed }: PendingCommand): TemplateEntry['phase'] =>
  hadFailed ? 'failed' : 'ready'

/** What a VM made of it starts with: its layers, and a fresh one. Undefined: it is not there. */
export function deployment(step: Step, vm: Vm): { disk: DiskRef; template: Kept } | undefined {
  const entry = step.state.templates.get(vm.deployFrom ?? '')
  if (!entry || vm.deployFrom === undefined) return undefined
  const disk = withTop(entry.record.disk, vm.id, takeSerial(step))
  return { disk, template: kept(vm.deployFrom) }
}

export interface Kept {
  readonly vmId: VmId
  readonly name: string
}

export function readyTemplate(step: Step, name: string): TemplateEntry | Fault {
  const entry = step.state.templates.get(name)
  if (!entry) return unknownTemplate(step, name)
  if (entry.phase === 'ready') return entry
  return fault('wrong-state', `template ${name} is ${entry.phase}: it must be ready`)
}

const unknownTemplate = ({ state }: Step, name: string): Fault => {
  const names = [...state.templates.keys()].join(', ') || 'none'
  return fault('unknown-snapshot', `there is no template ${name}; there are ${names}`)
}

export const noNode = fault('no-node', 'no node is online that could do it: start one')

type Kind = `${'keep' | 'drop' | 'export' | 'import'}-template`
export const commandOf = (node: Node, kind: Kind, name: string) => ({
  ...{ kind, nodeId: node.id, migrationId: undefined, snapshotId: name },
  ...{ vmId: keptAs(name), epoch: 0 as PendingCommand['epoch'] },
})

export function putTemplate(step: Step, entry: TemplateEntry): void {
  step.state.templates.set(entry.id, entry)
  touch(step, 'template', entry.id)
}

export function giveTemplate(step: Step, entry: TemplateEntry, owner: string): void {
  putTemplate(step, { ...entry, owner })
}

function forget(step: Step, name: string): void {
  step.state.templates.delete(name)
  touch(step, 'template', name)
  wantSweep(step)
}
