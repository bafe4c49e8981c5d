// Nodes come, renew their leases, fall silent, and leave. The lease we grant counts from when the
// heartbeat arrived, the agent counts from when it sent it: we always wait longer than it runs.
// A node is fenced at leaseExpiresAtMs + marginMs. Its link is closed then: what it may still read
// from it was sent before, it holds no lease, and its next hello is answered by `stop` before any
// lease.
// Source: docs/decisions/0002-who-may-run-a-vm.md.

import { fault } from '#proto/faults.ts'
import type { NodeId } from '#proto/ids.ts'
import type { Heartbeat, Hello } from '#proto/messages.ts'
import { protocolVersion, termVersion } from '#proto/units.ts'
import {
  type LinkId,
  type Migration,
  type Node,
  nodeLive,
  type PendingCommand,
} from './cluster-state.ts'
import { seeSweepEnd } from './disk-sweep.ts'
import { settle } from './doubt.ts'
import { endMaintenance } from './evacuation.ts'
import { type FenceWord, fenceSilent, isFencedBy } from './fencing.ts'
import { freezeVm } from './ha/restarts.ts'
import { loseMergeCommand, sweepBehind } from './layer-merges.ts'
import { displacedKept, flapWindowMs, heartbeatsMissedMax } from './limits.ts'
import { markCertain } from './migration-doors.ts'
import { endByFault } from './migration-end.ts'
import {
  becomeFenced,
  becomeGone,
  becomeOnline,
  becomeSuspect,
  becomeUnreachable,
  clearFromMs,
  fencedAfterMs,
  isDoubtful,
  isLost,
} from './node-doors.ts'
import { loseNode } from './recovery.ts'
import { hearReports, takeReports } from './reports.ts'
import { loseSnapshotCommand } from './snapshots.ts'
import { type Step, sendTo, touch } from './step-context.ts'
import { tellFileEnd } from './template-files.ts'
import { loseTemplateCommand } from './templates.ts'
import { setVmFault, vmsOn } from './vm-doors.ts'

export function seeHello(step: Step, linkId: LinkId, hello: Hello): void {
  const known = step.state.nodes.get(hello.nodeId)
  if (known?.displaced.includes(hello.incarnation)) refuse(step, linkId, hello)
  else join(step, linkId, hello, known)
}

function join(step: Step, linkId: LinkId, hello: Hello, known: Node | undefined): void {
  const isReplaced = known !== undefined && known.incarnation !== hello.incarnation
  if (known?.live.linkId !== undefined) {
    step.effects.push({ kind: 'close-link', linkId: known.live.linkId, reason: 'replaced' })
    loseLink(step, known)
  }
  if (known && isReplaced) displace(step, known)
  const node = known ?? newNode(step, hello)
  const { incarnation, peerAddress, capacity, pid } = hello
  Object.assign(node, { incarnation, peerAddress, capacity, pid })
  node.live.burden = undefined
  node.live.protocolVersion = hello.protocolVersion
  touch(step, 'node', node.id)
  node.live.asksLeave = false
  if (isReplaced) node.live.isClosing = false
  if (node.maintenance?.untilBack) endMaintenance(step, node)
  welcome(step, node, linkId)
  becomeOnline(step, node, known === undefined)
  sweepBehind(step, node)
  takeReports(step, node, hello.vms, true)
}

function refuse(step: Step, linkId: LinkId, hello: Hello): void {
  const text = `another process is ${hello.nodeId} now: give this one another --node name`
  const message = { t: 'refused', fault: fault('name-taken', text) } as const
  step.effects.push({ kind: 'send', linkId, message })
  step.effects.push({ kind: 'close-link', linkId, reason: 'name-taken' })
}

function newNode(step: Step, hello: Hello): Node {
  const { nodeId: id, incarnation, peerAddress, capacity, pid } = hello
  const live = nodeLive(step.nowMs)
  const node: Node = {
    ...{ id, incarnation, peerAddress, capacity, pid, live },
    phase: 'online',
    displaced: [],
  }
  step.state.nodes.set(id, node)
  return node
}

function welcome(step: Step, node: Node, linkId: LinkId): void {
  const { leaseMs, heartbeatMs, term } = step.state.settings
  node.live.linkId = linkId
  node.live.isReady = false
  node.live.heartbeatAtMs = step.nowMs
  node.live.dropsAskedAtMs.clear()
  renew(step, node)
  const { clusterId } = step.state.meta
  const known = node.live.protocolVersion >= termVersion ? { term } : {}
  const terms = { clusterId, leaseMs, heartbeatMs, ...(term !== undefined && known) }
  sendTo(step, node, { t: 'welcome', protocolVersion, ...terms })
}

function renew(step: Step, node: Node): void {
  const { leaseMs } = step.state.settings
  node.live.leaseExpiresAtMs = Math.max(node.live.leaseExpiresAtMs, step.nowMs + leaseMs)
}

/**
 * A new process has the name. The old one holds nothing any more if it is dead, and its lease if it
 * is not.
 */
function displace(step: Step, node: Node): void {
  node.displaced = [...node.displaced, node.incarnation].slice(-displacedKept)
  const ownFenceMs = isLost(node) ? step.nowMs : fencedAfterMs(step, node)
  const fencedAtMs = Math.max(ownFenceMs, clearFromMs(step, node))
  node.live.displacedUntilMs = fencedAtMs
  for (const migration of migrationsAt(step, node.id)) {
    if (migration.from === node.id) migration.live.sourceLostAtMs = fencedAtMs
    if (migration.to === node.id) migration.live.destinationLostAtMs = fencedAtMs
  }
  endQueuedFrom(step, node)
  const why = `${node.id} was started anew`
  loseNode(step, node, { isCertain: true, fencedAtMs, why })
}

export function seeHeartbeat(step: Step, node: Node, heartbeat: Heartbeat): void {
  const { live } = node
  live.heartbeatAtMs = step.nowMs
  live.cpuDemandPercent = heartbeat.cpuDemandPercent
  live.cpuGotPercent = heartbeat.cpuGotPercent
  live.memoryUsedMib = heartbeat.memoryUsedMib
  live.isReady = true
  step.state.revision++
  renew(step, node)
  becomeOnline(step, node, false)
  // Stale copies are told to stop before the lease is renewed: a link delivers in order.
  hearReports(step, node, heartbeat.vms)
  sendTo(step, node, { t: 'lease', seq: heartbeat.seq, leaseMs: step.state.settings.leaseMs })
}

export function seeLinkClosed(
  step: Step,
  nodeId: NodeId,
  linkId: LinkId,
  isGoodbye: boolean,
): void {
  const node = step.state.nodes.get(nodeId)
  if (node?.live.linkId !== linkId) return
  loseLink(step, node)
  if (isGoodbye) leave(step, node)
  else becomeUnreachable(step, node)
}

/**
 * It has stopped everything before it said goodbye: nothing has to be waited for, but the lease of
 * a process that it replaced a moment ago.
 */
function leave(step: Step, node: Node): void {
  const fencedAtMs = clearFromMs(step, node)
  becomeGone(step, node)
  node.live.leaseExpiresAtMs = step.nowMs
  for (const vm of vmsOn(step, node.live.vmIds)) freezeVm(step, vm)
  loseEnds(step, node, true)
  loseNode(step, node, { isCertain: true, fencedAtMs, why: `${node.id} has left` })
}

/** Nothing that was asked over this link will be answered; what both ends said is old. */
function loseLink(step: Step, node: Node): void {
  node.live.linkId = undefined
  node.live.isReady = false
  for (const [id, command] of step.state.commands) {
    if (command.nodeId !== node.id) continue
    step.state.commands.delete(id)
    tellUnanswered(step, command)
    loseSnapshotCommand(step, command)
    loseTemplateCommand(step, command)
    tellFileEnd(step, id, command, { fault: lostNode(node.id) })
    seeSweepEnd(step, command, false)
    loseMergeCommand(step, command)
  }
  for (const migration of migrationsAt(step, node.id)) {
    if (migration.from === node.id) migration.live.source = 'unknown'
    if (migration.to === node.id) migration.live.destination = 'unknown'
    if (migration.live.asked?.nodeId === node.id) migration.live.asked = undefined
    settle(step, migration)
  }
}

const lostNode = (nodeId: string) =>
  fault('link-lost', `the link to ${nodeId} was lost before it had ended: ask again`)

/**
 * A start or a stop is settled by reports; a pause, a resume or a balloon that was lost is for
 * its asker to know.
 */
function tellUnanswered(step: Step, { kind, vmId, nodeId }: PendingCommand): void {
  const vm = step.state.vms.get(vmId)
  if (!vm || (kind !== 'pause' && kind !== 'resume' && kind !== 'balloon')) return
  const text = `the link to ${nodeId} was lost before it answered ${kind}: ask again`
  setVmFault(step, vm, fault('link-lost', text))
}

/**
 * Time has passed, perhaps enough for some node's silence to mean something. Heartbeats only put
 * that off, and whatever else changes a node has all of them looked at again.
 */
export function watchNodes(step: Step): void {
  const { state, nowMs } = step
  if (nowMs < state.watchAtMs) return
  for (const node of state.nodes.values()) watchNode(step, node)
  let nextMs = Number.POSITIVE_INFINITY
  for (const node of state.nodes.values()) nextMs = Math.min(nextMs, watchAgainMs(step, node))
  state.watchAtMs = nextMs
}

function watchAgainMs({ state: { settings }, nowMs }: Step, node: Node): number {
  const { lostAtMs, heartbeatAtMs } = node.live
  if (isDoubtful(node)) return nowMs
  const forgottenMs =
    lostAtMs[0] === undefined ? Number.POSITIVE_INFINITY : lostAtMs[0] + flapWindowMs
  if (isLost(node)) return forgottenMs
  return Math.min(forgottenMs, heartbeatAtMs + heartbeatsMissedMax * settings.heartbeatMs)
}

/** Silence becomes suspicion, and a lease that is over becomes a fence. */
function watchNode(step: Step, node: Node): void {
  const { lostAtMs } = node.live
  while (step.nowMs - (lostAtMs[0] ?? step.nowMs) > flapWindowMs) lostAtMs.shift()
  if (isLost(node)) return
  const silentMs = step.nowMs - node.live.heartbeatAtMs
  if (silentMs > heartbeatsMissedMax * step.state.settings.heartbeatMs) becomeSuspect(step, node)
  fenceSilent(step, node)
  if (isDoubtful(node) && step.nowMs > fencedAfterMs(step, node)) fence(step, node)
}

/** The device's word, or an operator's. The process is gone, and with it all that it ran. */
export function seeFence(step: Step, word: FenceWord, proof: string): void {
  const node = step.state.nodes.get(word.nodeId)
  if (node && isFencedBy(step, word)) fence(step, node, proof)
}

/** @param proof that the process is gone; without one its lease is over. */
function fence(step: Step, node: Node, proof?: string): void {
  if (node.live.linkId !== undefined) {
    step.effects.push({ kind: 'close-link', linkId: node.live.linkId, reason: 'lease-lost' })
    loseLink(step, node)
  }
  becomeFenced(step, node, proof)
  const isCertain = proof !== undefined
  // A process that this one had replaced may hold its own lease for a while.
  const fencedAtMs = isCertain ? clearFromMs(step, node) : step.nowMs
  if (isCertain) node.live.leaseExpiresAtMs = step.nowMs
  loseEnds(step, node, isCertain)
  loseNode(step, node, { isCertain, fencedAtMs, why: `${node.id} is lost` })
}

/**
 * A migration that has not begun ends with its source; the VM in it is then as lost as the others.
 */
function endQueuedFrom(step: Step, node: Node): void {
  for (const migration of migrationsAt(step, node.id))
    if (migration.phase === 'queued' && migration.from === node.id)
      endByFault(step, migration, fault('link-lost', `${node.id} was lost before it began`))
}

/** @param isCertain also without a lease: the present process says so, and speaks for no other. */
function loseEnds(step: Step, node: Node, isCertain: boolean): void {
  endQueuedFrom(step, node)
  for (const migration of migrationsAt(step, node.id)) {
    const isProtected = step.state.vms.get(migration.vmId)?.spec.ha ?? false
    const isLost = isCertain || isProtected || migration.purpose === 'clone'
    const speaksFor = (incarnation: string) => !isCertain || incarnation === node.incarnation
    const { from, to, fromIncarnation, toIncarnation } = migration
    if (isLost && from === node.id && speaksFor(fromIncarnation))
      markCertain(step, migration, 'sourceLost')
    if (isLost && to === node.id && speaksFor(toIncarnation))
      markCertain(step, migration, 'destinationLost')
    settle(step, migration)
  }
}

/**
 * An end whose process was replaced is lost when that process's lease is over, which may be later
 * than its successor's hello. A restarted coordinator does not know when that lease was granted: it
 * waits a whole one.
 */
export function endsLapsed(step: Step, migration: Migration): void {
  const { state, nowMs } = step
  const { live, from, to } = migration
  const afterBootMs = state.bootedAtMs + state.meta.leaseMsMax + state.settings.marginMs
  if (state.nodes.get(from)?.incarnation !== migration.fromIncarnation)
    if (nowMs >= (live.sourceLostAtMs ?? afterBootMs)) markCertain(step, migration, 'sourceLost')
  if (state.nodes.get(to)?.incarnation !== migration.toIncarnation)
    if (nowMs >= (live.destinationLostAtMs ?? afterBootMs))
      markCertain(step, migration, 'destinationLost')
}

function migrationsAt(step: Step, nodeId: NodeId): Migration[] {
  return [...step.state.openMigrations].flatMap((id) => {
    const migration = step.state.migrations.get(id)
    return migration && (migration.from === nodeId || migration.to === nodeId) ? [migration] : []
  })
}
