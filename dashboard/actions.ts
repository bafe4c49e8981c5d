// All that a person can do on the page, in one table: the word on the button, what is asked before
// it is done, and what is done. When a VM's action is allowed says the table that the coordinator
// itself goes by (proto/state.ts). Not here: how buttons look (parts/), the HTTP API (commands.ts).

import type { Action } from '#proto/accounts.ts'
import type { NodeView, VmView } from '#proto/api.ts'
import { msText } from '#proto/quantity.ts'
import {
  mayAct,
  mayActOnNode,
  migrationHasEnded,
  type NodeAction,
  nodePhaseSentences,
  type VmAction,
} from '#proto/state.ts'
import { isThere, view } from './cluster.ts'
import {
  act,
  actOnNode,
  dropRule,
  dropSnapshot,
  dropTemplate,
  merge,
  remove,
  restore,
  setArmed,
  snapshot,
} from './commands.ts'
import { type BreakableNode, breakNode, laboratory } from './laboratory.ts'
import { moveAsked, type Question, question } from './questions.ts'
import { allows } from './session.ts'

export interface ActionRow<Subject> {
  readonly word: string
  /** Absent: it disturbs nobody, and is done at once. */
  readonly ask?: (subject: Subject) => Omit<Question, 'run' | 'word' | 'ended'>
  readonly run: (subject: Subject) => void
}

/** Without `relocate` and `balloon`, which need more than a button. */
// tidy: data table
const vmNeeds: Partial<Record<VmAction, Action>> = {
  migrate: 'place',
  snapshot: 'copy',
  clone: 'copy',
  merge: 'use',
  restore: 'use',
  pause: 'use',
  resume: 'use',
  start: 'use',
  stop: 'use',
  remove: 'use',
}

/** By this person, to this VM; whatever phase it is in. */
export function isMine(action: VmAction, vm: VmView): boolean {
  const needed = vmNeeds[action]
  return needed !== undefined && allows(needed, vm)
}

/** Who may not say where it runs is not asked. */
export function askWhereTo(vm: VmView): void {
  if (isMine('migrate', vm)) moveAsked.value = { vmId: vm.id }
}

const vmTable: readonly (ActionRow<VmView> & { readonly action: VmAction })[] = [
  {
    action: 'migrate',
    word: 'Migrate…',
    run: askWhereTo,
  },
  { action: 'snapshot', word: 'Snapshot', run: ({ id }) => void snapshot(id) },
  {
    action: 'pause',
    word: 'Pause',
    ask: ({ id }) => ({
      title: `Pause ${id}?`,
      text: 'Its guest stands still and answers nobody until it is resumed.',
      isGrave: false,
    }),
    run: ({ id }) => void act(id, 'pause'),
  },
  { action: 'resume', word: 'Resume', run: ({ id }) => void act(id, 'resume') },
  { action: 'start', word: 'Start', run: ({ id }) => void act(id, 'start') },
  {
    action: 'stop',
    word: 'Stop',
    ask: ({ id, spec }) => ({
      title: `Stop ${id}?`,
      text:
        `What is in its memory is lost${spec.diskMib > 0 ? '; its disk is kept' : ''}. ` +
        'It stays down until somebody starts it.',
      isGrave: true,
    }),
    run: ({ id }) => void act(id, 'stop'),
  },
  {
    action: 'remove',
    word: 'Remove',
    ask: ({ id, spec }) => ({
      title: `Remove ${id}?`,
      text:
        `The cluster forgets it${spec.diskMib > 0 ? ', and its disk goes with it' : ''}. ` +
        'Nothing brings it back.',
      isGrave: true,
    }),
    run: ({ id }) => void remove(id),
  },
]

/** Beside the layers of its disk (parts/layers.tsx), since the cluster does it by itself, later. */
export const mergeRow: ActionRow<VmView> = {
  word: 'Merge those below the top',
  run: ({ id }) => void merge(id),
}

interface OfVm {
  readonly vmId: string
  /** Of the snapshot. */
  readonly name: string
}

/** Beside each snapshot (parts/snapshots.tsx). */
export const restoreRow: ActionRow<OfVm> = {
  word: 'Go back to it',
  ask: ({ vmId, name }) => ({
    title: `Take ${vmId} back to ${name}?`,
    text:
      'Memory and disk become what they were then. What it has done since is lost, unless a ' +
      'snapshot of now is taken first.',
    isGrave: true,
  }),
  run: ({ vmId, name }) => void restore(vmId, name),
}
export const dropRow: ActionRow<OfVm> = {
  word: 'Drop',
  ask: ({ vmId, name }) => ({
    title: `Drop ${name} of ${vmId}?`,
    text: 'Nobody can go back to it any more. The VM itself does not notice.',
    isGrave: true,
  }),
  run: ({ vmId, name }) => void dropSnapshot(vmId, name),
}

/** Beside each template (parts/templates.tsx), by its name. */
export const dropTemplateRow: ActionRow<string> = {
  word: 'Remove',
  ask: (name) => ({
    title: `Remove template ${name}?`,
    text: 'No new VM begins from it any more. VMs that were made of it go on.',
    isGrave: true,
  }),
  run: (name) => void dropTemplate(name),
}

/** Beside each rule (parts/rules.tsx), by its name. */
export const dropRuleRow: ActionRow<string> = {
  word: 'Remove',
  ask: (name) => ({
    title: `Remove rule ${name}?`,
    text: 'Nothing moves because of that; from now on VMs may be where it did not allow them.',
    isGrave: false,
  }),
  run: (name) => void dropRule(name),
}
/** Of high availability as a whole. */
export const disarmRow: ActionRow<undefined> = {
  word: 'Disarm',
  ask: () => ({
    title: 'Disarm high availability?',
    text:
      'Nothing is restarted or moved by itself until it is armed again: for work on the network, ' +
      'say. What fails meanwhile is made good then.',
    isGrave: true,
  }),
  run: () => void setArmed(false),
}
export const armRow: ActionRow<undefined> = { word: 'Arm', run: () => void setArmed(true) }

/** What may be done with it now. */
export const vmActionsNow = (vm: VmView) =>
  vmTable.filter(({ action }) => mayAct(action, vm.phase) && isMine(action, vm))

const vmsText = (count: number) => (count === 1 ? '1 VM moves' : `${count} VMs move`)

const nodeTable: readonly (ActionRow<NodeView> & { readonly action: NodeAction })[] = [
  {
    action: 'evacuate',
    word: 'Evacuate',
    ask: ({ id, vmCount }) => ({
      title: `Evacuate ${id}?`,
      text:
        `Its ${vmsText(vmCount)} to other nodes while running, slowed down if need be. ` +
        'Nothing is placed here until it returns.',
      isGrave: false,
    }),
    run: ({ id }) => void actOnNode(id, 'evacuate'),
  },
  { action: 'return', word: 'Return', run: ({ id }) => void actOnNode(id, 'return') },
  {
    action: 'sleep',
    word: 'Standby',
    ask: ({ id }) => ({
      title: `Put ${id} to standby?`,
      text: 'It is empty. It takes no VMs until somebody or something wakes it.',
      isGrave: false,
    }),
    run: ({ id }) => void actOnNode(id, 'sleep'),
  },
  { action: 'wake', word: 'Wake', run: ({ id }) => void actOnNode(id, 'wake') },
]

export function nodeActionsNow(node: NodeView) {
  if (node.phase === 'gone' || node.phase === 'fenced' || !allows('run-cluster')) return []
  const standing = {
    inMaintenance: node.evacuation !== undefined,
    inStandby: node.power === 'standby' || node.power === 'waking',
    hasVms: node.vmCount > 0 || isAwaited(node),
  }
  return nodeTable.filter(({ action }) => mayActOnNode(action, standing))
}

/** A VM is on its way there, or has its replica there: such a node is not empty. */
function isAwaited({ id }: NodeView): boolean {
  const { vms = [], migrations = [] } = view.value ?? {}
  return (
    vms.some(({ replica }) => replica?.nodeId === id) ||
    migrations.some(({ to, phase }) => to === id && !migrationHasEnded(phase))
  )
}

// ---- on purpose: only in a laboratory -----------------------------------------------------------

/** Longer than any lease that `godwit up` gives by itself, and short enough to be waited for. */
const hangMs = 10_000

interface BreakRow extends ActionRow<NodeView> {
  readonly isPossible: (node: BreakableNode) => boolean
}

const lives = ({ process }: BreakableNode) => process === 'running'
const fate = 'Its VMs start elsewhere as soon as it surely runs nothing: when its lease is over.'

const breakTable: readonly BreakRow[] = [
  {
    word: 'Kill',
    isPossible: ({ process }) => process !== 'exited',
    ask: ({ id, vmCount }) => ({
      title: `Kill ${id}?`,
      text:
        `SIGKILL, as a power cut: what its VMs (${vmCount}) had in memory is gone. Protected ones ` +
        'start elsewhere from their disks when its lease is over; others stay down.',
      isGrave: true,
    }),
    run: ({ id }) => void breakNode(id, { do: 'kill' }, `${id} is killed.`),
  },
  {
    word: 'Start again',
    isPossible: ({ process }) => process === 'exited',
    run: ({ id }) => void breakNode(id, { do: 'revive' }, `${id} is started again.`),
  },
  {
    word: 'Hang',
    isPossible: lives,
    ask: ({ id }) => ({
      title: `Hang ${id} for ${msText(hangMs)}?`,
      text: `SIGSTOP: it is alive and does nothing. ${fate} Then it wakes, and must not go on.`,
      isGrave: true,
    }),
    run: ({ id }) => void breakNode(id, { do: 'hang', forMs: hangMs }, `${id} hangs.`),
  },
  {
    word: 'Let it go on',
    isPossible: ({ process }) => process === 'hung',
    run: ({ id }) => void breakNode(id, { do: 'wake' }, `${id} goes on.`),
  },
  {
    word: 'Cut off',
    isPossible: (node) => lives(node) && !node.cut.coordinator && !node.cut.peers,
    ask: ({ id }) => ({
      title: `Cut ${id} off from all?`,
      text: `Silence on all of its links until they are healed. It stops its VMs itself. ${fate}`,
      isGrave: true,
    }),
    run: ({ id }) =>
      void breakNode(id, { do: 'cut', coordinator: true, peers: true }, `${id} is cut off.`),
  },
  {
    word: 'Cut from the coordinator',
    isPossible: (node) => lives(node) && !node.cut.coordinator,
    ask: ({ id }) => ({
      title: `Cut ${id} from the coordinator?`,
      text: `The classic split: other nodes still reach it. ${fate}`,
      isGrave: true,
    }),
    run: ({ id }) =>
      void breakNode(
        id,
        { do: 'cut', coordinator: true, peers: false },
        `${id} is cut from the coordinator.`,
      ),
  },
  {
    word: 'Heal its links',
    isPossible: ({ id, cut }) =>
      cut.coordinator ||
      cut.peers ||
      (laboratory.value?.links.some(({ a, b }) => a === id || b === id) ?? false),
    run: ({ id }) => void breakNode(id, { do: 'heal' }, `${id} is whole again.`),
  },
]

/** None where the cluster is no laboratory. */
export function breakActionsNow({ id }: NodeView): readonly ActionRow<NodeView>[] {
  const found = laboratory.value?.nodes.find((each) => each.id === id)
  return found && allows('run-cluster')
    ? breakTable.filter(({ isPossible }) => isPossible(found))
    : []
}

/** Of a link, if it is cut by itself or may be. */
export const linkCut: ActionRow<{ readonly a: string; readonly b: string }> = {
  word: 'Cut',
  ask: ({ a, b }) => ({
    title: `Cut the link between ${a} and ${b}?`,
    text:
      'Silence between these two: no migration from one to the other, and their guests do not ' +
      'hear each other. The coordinator still hears both.',
    isGrave: true,
  }),
  run: ({ a, b }) => void breakNode(a, { do: 'cut-link', to: b }, `${a} and ${b} are cut apart.`),
}
export const linkHeal: ActionRow<{ readonly a: string; readonly b: string }> = {
  word: 'Heal',
  run: ({ a, b }) =>
    void breakNode(a, { do: 'heal-link', to: b }, `${a} and ${b} hear each other again.`),
}

/** Does it, or asks first. @param ended when it would be asked in vain */
export function begin<Subject>(
  row: ActionRow<Subject>,
  subject: Subject,
  ended: Question['ended'] = () => undefined,
): void {
  const { ask, word } = row
  const run = () => row.run(subject)
  if (ask) question.value = { ...ask(subject), ended, word, run }
  else run()
}

/** The VM that it is done to is gone; another one of its name is none of it. */
export const ofVm = (vm: VmView) => () =>
  isThere(vm) ? undefined : `${vm.id} is not there any more.`

/** The node is gone, or would not be offered that now. @param offered of a node as it stands */
export const ofNode =
  (
    { id }: NodeView,
    row: ActionRow<NodeView>,
    offered: (node: NodeView) => readonly ActionRow<NodeView>[],
  ) =>
  () => {
    const now = view.value?.nodes.find((node) => node.id === id)
    if (!now) return `${id} is not there any more.`
    const why = `${id} ${nodePhaseSentences[now.phase]}`
    return offered(now).includes(row) ? undefined : `${why}: it is too late for “${row.word}”.`
  }
