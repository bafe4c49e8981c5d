// What each kind of expectation means: one judge a kind, which looks at evidence and says what it
// finds. Pure. Not here: when a judge begins to look and when its time is over (docket.ts); states
// of one instant (state-judges.ts).

import type { ClusterView, MigrationView } from '#proto/api.ts'
import { answersText } from '../kv-client.ts'
import type { Expectation, ExpectationOf } from '../language/expectations.ts'
import { runningCopies } from './copy-watch.ts'
import type { Closing } from './evidence.ts'
import { broken, held, heldIf, type Judge, open, unseenAtTheEnd } from './finding.ts'
import { fenced, nodeAtEnd, powerSaved, restarts, ruleKept, told, vmAtEnd } from './ha-judges.ts'
import { keptOut, reaches } from './person-judges.ts'
import { stateJudge } from './state-judges.ts'
import { screenShown, screenWaits, someKeys, typedInOrder } from './typist-judges.ts'

type Judges = {
  readonly [Kind in Expectation['expect']]: (item: ExpectationOf<Kind>) => Judge
}

const judges: Judges = {
  'vm-on': stateJudge,
  'vm-phase': stateJudge,
  'disk-layers': stateJudge,
  'vms-running': stateJudge,
  'node-phase': stateJudge,
  'node-load': stateJudge,
  'node-power': stateJudge,
  'power-saved': (item) => byTheView((view) => powerSaved(item, view)),
  'vm-at-end': (item) => byTheView((view) => vmAtEnd(item, view)),
  'node-at-end': (item) => byTheView((view) => nodeAtEnd(item, view)),
  restarts: (item) => byTheView((view) => restarts(item, view)),
  fenced: (item) => fenced(item),
  told: (item) => told(item),
  'rule-kept': (item) => ruleKept(item),
  recovered: (item) => recovered(item),
  'not-restarted': (item) => notRestarted(item),
  'guest-answers': (item) => guestAnswers(item),
  'console-contains': (item) => consoleContains(item),
  'console-never': (item) => consoleNever(item),
  'self-fenced': (item) => selfFenced(item),
  migrations: (item) => byTheView((view) => migrationsFinding(item, view)),
  'identities-differ': ({ vm }) => atTheEnd((closing) => identitiesFinding(vm, closing)),
  'no-lost-writes': ({ client }) => atTheEnd((closing) => writesFinding(client, closing)),
  'some-writes': ({ client, min }) =>
    atTheEnd(({ clients }) => {
      const count = clients.get(client)?.findings.acknowledged ?? 0
      return heldIf(count >= min, `${count} writes were acknowledged`)
    }),
  'typed-in-order': (item) => atTheEnd((closing) => typedInOrder(item, closing)),
  'some-keys': (item) => atTheEnd((closing) => someKeys(item, closing)),
  'screen-shown': (item) => atTheEnd((closing) => screenShown(item, closing)),
  'screen-waits': (item) => atTheEnd((closing) => screenWaits(item, closing)),
  reaches: (item) => reaches(item),
  'kept-out': (item) => keptOut(item),
  'single-copy': () => singleCopy(),
}

export function judgeOf(item: Expectation): Judge {
  const judge = judges[item.expect] as (item: Expectation) => Judge
  return judge(item)
}

/** Every run is held to these, whatever its scenario asks. */
export const everyRun: readonly { readonly sentence: string; readonly judge: () => Judge }[] = [
  { sentence: 'no VM ran twice at any instant', judge: () => singleCopy() },
  { sentence: 'the epochs of every VM only grew', judge: () => epochsGrow() },
  { sentence: 'no process ended that nobody had ended', judge: () => noUnaskedEnd() },
]

/** The clones of a VM, as the cluster names their parent. */
export const clonesOfVm = (vmId: string, view: ClusterView): string[] =>
  view.vms.flatMap((vm) => (vm.clonedFrom === vmId ? vm.id : []))

const atTheEnd = (find: (closing: Closing) => ReturnType<Judge>): Judge => {
  return (evidence) => (evidence.kind === 'closing' ? find(evidence.closing) : undefined)
}

const byTheView = (find: (view: ClusterView) => ReturnType<Judge>): Judge =>
  atTheEnd(({ view, isBlind }) => (isBlind ? unseenAtTheEnd : find(view)))

/** Since its node was lost last: what was before has been made good before. */
function recovered({ vm: vmId }: ExpectationOf<'recovered'>): Judge {
  return (evidence) => {
    if (evidence.kind !== 'view') return undefined
    const vm = evidence.view.vms.find((other) => other.id === vmId)
    if (vm === undefined) return open('there is no such VM')
    const where = vm.nodeId === undefined ? '' : ` on ${vm.nodeId}`
    const count = Math.max(0, vm.recoveries - (evidence.recoveriesBefore.get(vmId) ?? 0))
    return vm.phase === 'running' && count > 0
      ? held(`it runs again${where}`)
      : open(`it is ${vm.phase}${where}, restarted ${count} times`)
  }
}

/** By the count of restarts: a short one may fall between two views. */
function notRestarted({ vm: vmId }: ExpectationOf<'not-restarted'>): Judge {
  return (evidence) => {
    if (evidence.kind !== 'view' && evidence.kind !== 'closing') return undefined
    const { vms } = evidence.kind === 'view' ? evidence.view : evidence.closing.view
    const vm = vms.find((other) => other.id === vmId)
    if (vm !== undefined && vm.recoveries > 0) return broken(`it was, ${vm.recoveries} times`)
    if (evidence.kind === 'view') return undefined
    if (evidence.closing.isBlind) return unseenAtTheEnd
    return heldIf(vm?.phase === 'running', `at the end it is ${vm?.phase ?? 'not there'}`)
  }
}

const guestAnswers = ({ vm }: ExpectationOf<'guest-answers'>): Judge => {
  return (evidence) =>
    evidence.kind === 'answered' && evidence.vmId === vm ? held('it answered') : undefined
}

const consoleContains = ({ vm, text }: ExpectationOf<'console-contains'>): Judge => {
  return (evidence) =>
    evidence.kind === 'said' && evidence.vmId === vm && evidence.text.includes(text)
      ? held('it said so')
      : undefined
}

function consoleNever({ vm, text }: ExpectationOf<'console-never'>): Judge {
  let lines = 0
  return (evidence) => {
    // Silence proves nothing: somebody must have listened, and the guest must have spoken.
    if (evidence.kind === 'closing') return heldIf(lines > 0, `${lines} lines were heard`)
    if (evidence.kind !== 'said' || evidence.vmId !== vm) return undefined
    lines += 1
    return evidence.text.includes(text) ? broken(`it said: ${evidence.text}`) : undefined
  }
}

/** The node's own agent must say, while no other runs the VM, that it runs it no more. */
function selfFenced({ vm: vmId, node: nodeId }: ExpectationOf<'self-fenced'>): Judge {
  let ran = false
  let stopped = false
  return (evidence) => {
    if (evidence.kind === 'closing') return broken('no other node ever ran it afterwards')
    if (evidence.kind !== 'sweep') return undefined
    const runners = runningCopies(evidence.answers).filter((copy) => copy.vmId === vmId)
    const elsewhere = runners.find((copy) => copy.nodeId !== nodeId)
    if (runners.some((copy) => copy.nodeId === nodeId)) ran = true
    else if (elsewhere === undefined)
      stopped ||= ran && evidence.answers.some((answer) => answer.nodeId === nodeId)
    if (!ran || elsewhere === undefined) return undefined
    return stopped
      ? held(`${nodeId} stopped it, then ${elsewhere.nodeId} ran it`)
      : broken(`${elsewhere.nodeId} ran it before ${nodeId} was seen to have stopped it`)
  }
}

function migrationsFinding(
  { vm, cause, outcome, min, max = Infinity }: ExpectationOf<'migrations'>,
  view: ClusterView,
) {
  const counts = (migration: MigrationView) =>
    migration.purpose === 'migrate' &&
    migration.phase === outcome &&
    (vm === undefined || migration.vmId === vm) &&
    (cause === undefined || migration.cause === cause)
  const count = view.migrations.filter(counts).length
  return heldIf(count >= min && count <= max, `there were ${count}`)
}

function identitiesFinding(vmId: string, { view, identities }: Closing) {
  const ids = [vmId, ...clonesOfVm(vmId, view)]
  const silent = ids.filter((id) => !identities.has(id))
  if (ids.length < 2) return broken('it has no clones')
  if (silent.length > 0) return broken(`these did not answer: ${silent.join(', ')}`)
  const different = new Set(ids.map((id) => identities.get(id))).size
  return heldIf(different === ids.length, `${ids.length} VMs gave ${different} identities`)
}

function writesFinding(clientId: string, { clients }: Closing) {
  const client = clients.get(clientId)
  if (client === undefined) return broken('the client never ran')
  const { acknowledged, verifiedKeys, lost } = client.findings
  const first = lost[0]
  if (first !== undefined)
    return broken(
      `${lost.length} keys lost, first ${first.key}: v${first.acknowledgedVersion} was ` +
        `acknowledged, and it answers ${answersText(first)}`,
    )
  const seen = `${acknowledged} writes acknowledged, ${verifiedKeys} keys read back`
  return client.isComplete
    ? heldIf(acknowledged > 0, seen)
    : broken(`not all could be read back: ${seen}`)
}

function singleCopy(): Judge {
  let sweeps = 0
  return (evidence) => {
    // Never having asked proves nothing.
    if (evidence.kind === 'closing') return heldIf(sweeps > 0, `agents were asked ${sweeps} times`)
    if (evidence.kind !== 'sweep') return undefined
    if (evidence.answers.length > 0) sweeps += 1
    const { double } = evidence
    return double && broken(`${double.vmId} ran on ${double.nodeIds.join(' and ')} at one time`)
  }
}

function epochsGrow(): Judge {
  const highest = new Map<string, number>()
  return (evidence) => {
    if (evidence.kind === 'closing') return held(watchedText(highest.size))
    if (evidence.kind !== 'view') return undefined
    for (const { id, epoch } of evidence.view.vms) {
      const before = highest.get(id) ?? 0
      if (epoch < before) return broken(`${id} went from epoch ${before} back to ${epoch}`)
      highest.set(id, epoch)
    }
    return undefined
  }
}

function noUnaskedEnd(): Judge {
  return (evidence) => {
    if (evidence.kind === 'closing') return held('none did')
    if (evidence.kind !== 'process-ended') return undefined
    const { id, ending } = evidence.process
    return broken(`${id} ended${ending === undefined ? '' : `: ${ending}`}`)
  }
}

const watchedText = (vms: number): string =>
  vms === 1 ? 'one VM was watched' : `${vms} VMs were watched`
