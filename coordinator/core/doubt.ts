// Migrations in doubt: a link or a node died between the first page and the last word, and nobody
// else knows who may run the VM. Rules (docs/decisions/0002-who-may-run-a-vm.md): ask before
// acting; one question at a time; a complete copy is run only if no other copy can have run since
// it was complete; otherwise the VM restarts from its disk. Level-triggered: settle() looks at what
// is known and does the next thing, as often as it is called.

import { type Fault, fault } from '#proto/faults.ts'
import type { Epoch } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import { mayPostCopy, type Result } from '#proto/messages.ts'
import type { VmPhase } from '#proto/state.ts'
import { type Asked, isActive, type Migration, type Vm } from './cluster-state.ts'
import { sendCancel, sendPagesLost, sendResolve } from './commands-out.ts'
import { migrationSilenceMs, releasedDoubtMs } from './limits.ts'
import { becomePaging, becomeResolving, becomeSwitching, markCertain } from './migration-doors.ts'
import { endByFault, endMigration } from './migration-end.ts'
import { clearFromMs, isLost } from './node-doors.ts'
import { isFinal } from './refusals.ts'
import { isReachable, nodeOf, type Step, takeEpoch, touch } from './step-context.ts'
import { becomeRecovering, becomeRunning, moveVm, setMigration } from './vm-doors.ts'

/**
 * The next thing to do about a migration that has begun; nothing, when it goes its way or an answer
 * is awaited.
 */
export function settle(step: Step, migration: Migration): void {
  if (!isActive(migration)) return
  if (migration.purpose === 'clone') settleClone(step, migration)
  else if (migration.hasMoved) settleMoved(step, migration)
  else if (migration.live.asked) return
  else if (migration.sourceReleased || migration.sourceLost) settleWithoutSource(step, migration)
  else if (migration.live.source === 'holds') settleWithSource(step, migration)
}

const isLinked = (step: Step, migration: Migration, end: 'from' | 'to'): boolean =>
  isReachable(nodeOf(step.state, migration[end]))

/**
 * The VM runs at the destination. Without the source's account of it nothing is lost but the
 * figures.
 */
function settleMoved(step: Step, migration: Migration): void {
  const { live } = migration
  if (mayFetchPages(migration)) {
    settlePaging(step, migration)
    return
  }
  const waitedMs = step.nowMs - (live.movedAtMs ?? Number.NEGATIVE_INFINITY)
  const isSilent = live.isUrgent || migration.sourceLost || !isLinked(step, migration, 'from')
  if (isSilent || waitedMs > releasedDoubtMs) endMigration(step, migration, { phase: 'done' })
}

/**
 * What runs there by our verdict was complete: a node refuses to run anything else by one. Else the
 * source knows.
 */
const mayFetchPages = ({ params, live, resolveNode, to }: Migration): boolean =>
  mayPostCopy(params) && live.source !== 'nothing' && !live.isComplete && resolveNode !== to

/**
 * The VM needs its source until that says that it does not. The two make their own way to each
 * other; what is lost with a node is told by the other one, or is plain.
 */
function settlePaging(step: Step, migration: Migration): void {
  const { vmId, from, to } = migration
  const isGone = isSourceGone(step, migration)
  const vm = step.state.vms.get(vmId)
  // One that was booted since, there or elsewhere, needs no page of what it was.
  const isThat = vm !== undefined && vm.bootEpoch < migration.nextEpoch
  const isThere = isThat && vm.nodeId === to && !isOver.includes(vm.phase)
  if (isThere && !isGone) return
  const why = isThere ? `${from} was lost` : `${vmId} ended on ${to}`
  const lost = fault('pages-lost', `${why} before it had told that all pages were there`)
  if (isThere) sendPagesLost(step, migration, lost)
  endMigration(step, migration, { phase: 'failed', fault: lost })
}

/** One that is only cut off from us, and fenced, goes on serving. */
function isSourceGone(step: Step, { from, fromIncarnation }: Migration): boolean {
  const source = nodeOf(step.state, from)
  return source.phase === 'gone' || source.incarnation !== fromIncarnation
}

const isOver: readonly VmPhase[] = ['pending', 'recovering', 'stopped', 'failed']

/** The source says that the destination runs the VM, and fetches pages from it. */
export function sourceServes(step: Step, migration: Migration): void {
  migration.live.source = 'serving'
  destinationRuns(step, migration, migration.nextEpoch)
  becomePaging(step, migration)
}

/** The source runs the VM. Nothing is in doubt, unless it no longer knows of a migration. */
function settleWithSource(step: Step, migration: Migration): void {
  const { live } = migration
  if (live.resultFault) endByFault(step, migration, live.resultFault)
  else if (step.nowMs - live.newsAtMs > migrationSilenceMs) sendCancel(step, migration, true)
}

function settleWithoutSource(step: Step, migration: Migration): void {
  if (!isInDoubt(step, migration)) return
  becomeResolving(step, migration)
  // It is back, or surely lost, in a lease's time: what the other end has is kept until then.
  if (mayRunSource(migration) && !isLinked(step, migration, 'from')) return
  const { live } = migration
  if (mayRunDestination(step, migration)) askToRun(step, migration, 'to')
  else if (!isDestinationClear(step, migration)) askToDiscard(step, migration)
  else if (!mayResumeSource(step, migration)) restart(step, migration)
  else if (live.source === 'released') askToRun(step, migration, 'from')
}

/**
 * `run` may be on its way: usually a moment later the destination runs, and nothing had to be
 * asked.
 */
function isInDoubt(step: Step, migration: Migration): boolean {
  const { live, sourceLost, destinationLost } = migration
  return (
    live.isUrgent ||
    live.resultFault !== undefined ||
    sourceLost ||
    destinationLost ||
    !isLinked(step, migration, 'from') ||
    !isLinked(step, migration, 'to') ||
    step.nowMs - (live.releasedAtMs ?? Number.NEGATIVE_INFINITY) > releasedDoubtMs
  )
}

/**
 * Nothing at the destination runs the VM, or ever will. A process that has taken the place of a
 * lost one must be asked too: the command to migrate may have lain in the source's socket until
 * then.
 */
function isDestinationClear(step: Step, migration: Migration): boolean {
  if (migration.destinationDiscarded) return true
  if (!migration.destinationLost) return false
  const node = nodeOf(step.state, migration.to)
  const isSuccessor = node.incarnation !== migration.toIncarnation
  // One that was fenced and is back has a lease again, and may be given `run` under it.
  if (!isSuccessor) return isLost(node)
  const isFenced = node.phase === 'fenced' && vmOf(step, migration).spec.ha
  return migration.live.clearedBy === node.incarnation || isFenced || node.phase === 'gone'
}

/**
 * A prepared copy is complete. It is also the newest if the source has released its own; a source
 * that was lost before we heard that may have gone on, and written: then only a VM without a disk
 * is better run from this copy than restarted.
 */
function mayRunDestination(step: Step, migration: Migration): boolean {
  const { live, sourceReleased, sourceLost, to } = migration
  if (live.destination !== 'prepared' || live.cannotRun.has(to)) return false
  if (mayRunSource(migration)) return false
  return sourceReleased || (sourceLost && hasNoDisk(vmOf(step, migration)))
}

/** It was told to run, and may be doing so, whatever has become of the link and of us since. */
const mayRunSource = ({ resolveNode, from, sourceLost, live }: Migration): boolean =>
  resolveNode === from && !sourceLost && !live.cannotRun.has(from)

const hasNoDisk = (vm: Vm): boolean => vm.disk.layers.length === 0

/**
 * A released copy is complete, but as old as its release. If the destination may have run since,
 * the VM's disk may be newer than this memory: then only a restart from the disk keeps every
 * acknowledged write. Without a disk there is nothing that could disagree.
 */
function mayResumeSource(step: Step, migration: Migration): boolean {
  if (!migration.sourceReleased || migration.sourceLost) return false
  if (migration.live.cannotRun.has(migration.from)) return false
  const hasNeverRun = migration.destinationDiscarded && !migration.destinationLost
  return hasNeverRun || hasNoDisk(vmOf(step, migration))
}

function askToRun(step: Step, migration: Migration, end: 'from' | 'to'): void {
  if (!isLinked(step, migration, end)) return
  const nodeId = migration[end]
  const epoch = takeEpoch(step)
  Object.assign(migration, { resolveEpoch: epoch, resolveNode: nodeId })
  touch(step, 'migration', migration.id)
  sendResolve(step, migration, nodeId, 'run', epoch)
}

/**
 * Under the epoch that it was to run under: a destination that does run refuses, and then it is the
 * owner.
 */
function askToDiscard(step: Step, migration: Migration): void {
  // Nothing is released before the other end is prepared: `incoming` is an old report, the next one
  // knows better.
  if (migration.sourceReleased && migration.live.destination === 'incoming') return
  if (migration.live.destination === 'unknown' || !isLinked(step, migration, 'to')) return
  const { incarnation } = nodeOf(step.state, migration.to)
  if (migration.live.clearedBy === incarnation) return
  sendResolve(step, migration, migration.to, 'discard', migration.nextEpoch)
}

/** The answer to our question. What it leaves open, the next report of that end says. */
export function seeAnswer(step: Step, migration: Migration, result: Result): void {
  const { asked } = migration.live
  if (!asked || asked.commandId !== result.commandId) return
  migration.live.asked = undefined
  if (asked.verdict === 'probe') seeProbe(step, migration, result.fault)
  else if (result.fault) seeRefusal(migration, asked, result.fault)
  else if (asked.verdict === 'discard') seeDiscarded(step, migration)
  else if (asked.nodeId === migration.to) destinationRuns(step, migration, resolveEpoch(migration))
  else sourceRuns(step, migration, resolveEpoch(migration))
  settle(step, migration)
}

/** What another process at the destination says proves nothing about the one that it replaced. */
export function seeDiscarded(step: Step, migration: Migration): void {
  const { incarnation } = nodeOf(step.state, migration.to)
  migration.live.clearedBy = incarnation
  if (incarnation === migration.toIncarnation) markCertain(step, migration, 'destinationDiscarded')
}

/** Its next report says what it holds instead; or it holds the copy, and cannot run it. */
function seeRefusal({ live, to }: Migration, { nodeId, verdict }: Asked, refusal: Fault): void {
  if (verdict === 'run' && isFinal(refusal)) live.cannotRun.add(nodeId)
  else if (nodeId === to) live.destination = 'unknown'
  else live.source = 'unknown'
}

const resolveEpoch = (migration: Migration): Epoch => {
  invariant(migration.resolveEpoch !== undefined, `nobody was told to run ${migration.vmId}`)
  return migration.resolveEpoch
}

/**
 * A source that is told to cancel a migration it does not know has ended it, and its result was
 * lost with us.
 */
function seeProbe(step: Step, migration: Migration, refusal: Fault | undefined): void {
  migration.live.newsAtMs = step.nowMs
  if (refusal?.code !== 'unknown-migration') return
  migration.live.resultFault ??= fault(
    'link-lost',
    'the source had ended it while the coordinator was away; migrate again if you like',
  )
  migration.live.source = 'unknown'
}

/** The destination runs the VM: it is the owner, whatever the source's last words will be. */
export function destinationRuns(step: Step, migration: Migration, epoch: Epoch): void {
  const vm = vmOf(step, migration)
  if (migration.hasMoved) return
  markCertain(step, migration, 'hasMoved')
  migration.live.movedAtMs = step.nowMs
  migration.live.asked = undefined
  becomeSwitching(step, migration)
  moveVm(step, vm, migration.to, epoch)
  if (vm.pinnedTo !== undefined) vm.pinnedTo = migration.to
  setMigration(step, vm, undefined)
  if (vm.phase === 'migrating') becomeRunning(step, vm)
}

/** The source runs its released copy again, under a new epoch. */
export function sourceRuns(step: Step, migration: Migration, epoch: Epoch): void {
  moveVm(step, vmOf(step, migration), migration.from, epoch)
  const why = fault('link-lost', `${migration.to} did not take it over; it goes on where it was`)
  endMigration(step, migration, { phase: 'failed', fault: migration.live.resultFault ?? why })
}

function restart(step: Step, migration: Migration): void {
  const why = whyRestart(migration)
  const clearMs = clearFromMs(step, nodeOf(step.state, migration.from))
  becomeRecovering(step, vmOf(step, migration), clearMs, why)
  const lost = fault('link-lost', `${why}; it restarts from its disk`)
  endMigration(step, migration, { phase: 'failed', fault: lost })
}

function whyRestart({ from, to, sourceReleased, live }: Migration): string {
  if (!sourceReleased) return `${from} was lost before it had handed it over to ${to}`
  if (live.cannotRun.size > 0) return `neither ${from} nor ${to} could run its copy`
  return `both ${from} and ${to} were cut off as it moved, and no copy is surely the newest`
}

/** The parent of a clone is not touched by it; the clones run, or they never were. */
function settleClone(step: Step, migration: Migration): void {
  const { live } = migration
  const clones = migration.cloneIds.map((id) => step.state.vms.get(id))
  // One that has run and begins anew is not being made any more.
  const isMade = (clone?: Vm) => clone?.phase !== 'starting' || clone.migrationId !== migration.id
  if (live.resultFault) endByFault(step, migration, live.resultFault)
  else if (migration.phase === 'paging' && isSourceGone(step, migration))
    losePagesOfClones(step, migration)
  else if (clones.every(isMade)) {
    if (step.nowMs - live.newsAtMs > releasedDoubtMs)
      endMigration(step, migration, { phase: 'done' })
  } else if (migration.sourceLost)
    endByFault(step, migration, fault('link-lost', `${migration.from} is lost; clone again`))
  else if (!live.asked && step.nowMs - live.newsAtMs > migrationSilenceMs)
    if (isLinked(step, migration, 'from')) sendCancel(step, migration, true)
}

/** What had not come will not come: clones that lack some begin anew, from their disks. */
function losePagesOfClones(step: Step, migration: Migration): void {
  const why = `${migration.from} was lost before it had told that all pages were there`
  const lost = fault('pages-lost', why)
  sendPagesLost(step, migration, lost)
  endMigration(step, migration, { phase: 'failed', fault: lost })
}

function vmOf(step: Step, migration: Migration): Vm {
  const vm = step.state.vms.get(migration.vmId)
  invariant(vm, `vm ${migration.vmId} of ${migration.id} is gone`)
  return vm
}
