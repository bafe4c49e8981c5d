// What each step of a timeline does, and when it has ended: one action a kind.
// An action resolves when its effect is seen, and throws FaultError when it does not come about.
// Not here: triggers and labels (timeline-run.ts).

import { type DiskFaults, noDiskFaults } from '#env/faulty-disk.ts'
import type { VmView } from '#proto/api.ts'
import { type Fault, type FaultCode, FaultError, fault, faultOf } from '#proto/faults.ts'
import { HaPolicy } from '#proto/ha.ts'
import { asNodeId } from '#proto/ids.ts'
import { evacuationHasEnded } from '#proto/state.ts'
import { groupOf, policyOf, ruleOf, said } from '../language/high-availability.ts'
import { powerOf } from '../language/power.ts'
import { askedBy, type Step, type StepOf } from '../language/timeline.ts'
import { linkActions, noClocks, noDisks } from './link-actions.ts'
import {
  hasEnded,
  insist,
  mayBeFenced,
  type Stage,
  untilMigrationEnded,
  untilOnline,
  untilRunning,
  untilVm,
} from './stage.ts'
import { verbActions } from './verb-actions.ts'

/** `cloneIds`: what the VMs of a clone step are called. */
type Act<S extends Step> = (step: S, stage: Stage, cloneIds: readonly string[]) => Promise<unknown>

const lookMs = 50
const sayAgainMs = 2000
const goodbyeMs = 1000

const actions: { readonly [Do in Step['do']]: Act<StepOf<Do>> } = {
  run: (step, stage) => runVm(step.vm, stage, step.within, step),
  start,
  remove: (step, stage) => insist(stage, step.within, () => stage.api.remove(step.vm)),
  give: ({ vm, person, within }, stage) =>
    insist(stage, within, () => stage.persons.give(vm, person)),
  share: (step, stage) => insist(stage, step.within, () => stage.persons.share(step)),
  unshare: ({ visitor, within }, stage) =>
    insist(stage, within, () => stage.persons.unshare(visitor)),
  'crash-vm': crashVm,
  'hang-vm': async ({ vm, within }, stage) => {
    await untilRunning(stage, vm, within)
    stage.sayTo(vm, 'hang')
  },
  'set-policy': ({ vm, within, ...step }, stage) =>
    insist(stage, within, () => stage.api.setPolicy(vm, policyOf(step))),
  'set-group': ({ group, vms, policy, within }, stage) =>
    insist(stage, within, () => stage.api.setGroup(groupOf({ name: group, vms, policy }))),
  'drop-group': ({ group, within }, stage) =>
    insist(stage, within, () => stage.api.dropGroup(group)),
  'set-rule': ({ rule, kind, vms, nodes, strict, within }, stage) => {
    const wanted = ruleOf({ name: rule, kind, vms, nodes, strict })
    return insist(stage, within, () => stage.api.setRule(wanted))
  },
  'set-power': setPower,
  'drop-rule': ({ rule, within }, stage) => insist(stage, within, () => stage.api.dropRule(rule)),
  'set-ha': ({ armed, tolerate, admission, shutdown, within }, stage) => {
    const change = said({ armed, tolerate, admission, shutdown })
    return insist(stage, within, () => stage.api.setHa(change))
  },
  snapshot: async ({ vm, name, count, within }, stage) => {
    for (let n = 1; n <= count; n++)
      await snapshot(vm, count === 1 ? name : `${name}-${n}`, stage, within)
  },
  restore,
  template,
  migrate,
  relocate,
  clone,
  pause: (step, stage) => verb(step, stage, 'pause', 'paused'),
  resume: (step, stage) => verb(step, stage, 'resume', 'running'),
  stop: (step, stage) => verb(step, stage, 'stop', 'stopped'),
  'kill-node': ({ node }, stage) => {
    stage.mayEnd(node, true)
    stage.breaks(node, 'killed')
    return stage.world.killNode(asNodeId(node))
  },
  'stop-node': stopNode,
  'hang-node': (step, stage) => {
    mayBeFenced(step.node, stage)
    stage.breaks(step.node, 'hung')
    return stage.world.hangNode(asNodeId(step.node), step.for)
  },
  'cut-node': ({ node, coordinator, peers }, stage) => {
    if (coordinator) mayBeFenced(node, stage)
    if (coordinator) stage.breaks(node, 'cut')
    return stage.world.cutNode(asNodeId(node), { coordinator, peers })
  },
  'heal-node': ({ node }, stage) => stage.world.healNode(asNodeId(node)),
  ...linkActions,
  ...verbActions,
  'fail-disk': ({ node, reads, writes }, stage) =>
    breakDisk(node, { reads, writes, isFull: false }, stage),
  'drift-clock': async ({ node, by }, { world }) => {
    if (!world.driftClock) throw noClocks()
    await world.driftClock(asNodeId(node), 1 + by)
  },
  'fill-disk': ({ node }, stage) => breakDisk(node, { ...noDiskFaults, isFull: true }, stage),
  'heal-disk': ({ node }, stage) => breakDisk(node, noDiskFaults, stage),
  'start-node': startNode,
  'fence-node': fenceNode,
  evacuate,
  'return-node': async ({ node, within }, stage) =>
    void (await insist(stage, within, () => stage.api.returnNode(node))),
  'kill-coordinator': (_, stage) => {
    stage.mayEnd('coordinator', true)
    return stage.world.killCoordinator()
  },
  'restart-coordinator': restartCoordinator,
  rebalance,
  wait: (step, stage) => stage.waiting.sleep(step.for),
}

export async function act(step: Step, stage: Stage, cloneIds: readonly string[]): Promise<void> {
  const action = actions[step.do] as Act<Step>
  const { as, refused } = askedBy(step)
  const asked = as === undefined ? stage : { ...stage, api: stage.persons.apiOf(as) }
  if (refused !== undefined) return refusedAs(refused, () => action(step, asked, cloneIds))
  const wanted = 'outcome' in step ? step.outcome : 'done'
  try {
    await action(step, asked, cloneIds)
  } catch (thrown) {
    // A refusal is a failure too; nothing having come of it in time is none that was wanted.
    const isLate = faultOf(thrown).code === 'timed-out'
    if (wanted === 'done' || isLate || thrown === unexpectedEnd) throw thrown
    if (!(thrown instanceof FaultError)) throw thrown
    return
  }
  if (wanted === 'failed' && !judgesItself.includes(step.do)) throw unexpectedEnd
}

/** Nothing else will do: no other refusal, and no success. */
async function refusedAs(code: FaultCode, asks: () => Promise<unknown>): Promise<void> {
  try {
    await asks()
  } catch (thrown) {
    if (faultOf(thrown).code === code) return
    throw thrown
  }
  throw new FaultError(fault('wrong-state', `It succeeded, but should have been told ${code}.`))
}

const unexpectedEnd = new FaultError(fault('wrong-state', 'It succeeded, but should have failed.'))
/** Their success is theirs to judge, by how the migration ended. */
const judgesItself: readonly Step['do'][] = ['migrate', 'clone']

/** Starts a VM of the scenario and waits until it runs. */
export async function runVm(
  vmId: string,
  stage: Stage,
  withinMs: number,
  { template, wait = true }: { template?: string | undefined; wait?: boolean } = {},
): Promise<void> {
  const vm = stage.scenario.vms.find((other) => other.id === vmId)
  if (vm === undefined) throw new FaultError(fault('unknown-vm', `${vmId} is not declared.`))
  const where = vm.node === undefined ? {} : { startOn: vm.node }
  const made = template === undefined ? {} : { template }
  const policy = vm.policy === undefined ? {} : { policy: HaPolicy.parse(policyOf(vm.policy)) }
  await stage.api.run({ id: vm.id, spec: stage.specs.of(vm), ...where, ...made, ...policy })
  await stage.persons.own(vm.id)
  if (wait) await untilRunning(stage, vmId, withinMs)
}

async function start({ vm, wait, within }: StepOf<'start'>, stage: Stage): Promise<void> {
  // Views from before show the end that it makes good.
  const epochNow = () => stage.view().vms.find(({ id }) => id === vm)?.epoch ?? 0
  const before = epochNow()
  await insist(stage, within, () => stage.api.act(vm, 'start'))
  if (!wait) return
  const isNew = () => epochNow() > before
  await stage.waiting.until(`${vm} to start`, within, () => isNew() || undefined)
  await untilRunning(stage, vm, within)
}

/** By its console; said again, for what is said while it moves or boots may be lost. */
async function crashVm({ vm: vmId, within }: StepOf<'crash-vm'>, stage: Stage): Promise<void> {
  const { epoch } = await untilRunning(stage, vmId, within)
  const crashed = () => {
    const vm = stage.view().vms.find(({ id }) => id === vmId)
    return vm && (vm.epoch > epoch || !['running', 'migrating'].includes(vm.phase))
  }
  for (let waitedMs = 0; waitedMs < within && !crashed(); waitedMs += sayAgainMs) {
    stage.sayTo(vmId, 'panic')
    const soon = stage.waiting.until('a crash', sayAgainMs, () => crashed() || undefined)
    await stage.waiting.unlessLate(soon)
  }
  if (!crashed()) throw new FaultError(fault('timed-out', `The guest in ${vmId} did not panic.`))
}

async function snapshot(vm: string, name: string, stage: Stage, withinMs: number): Promise<void> {
  const { api } = stage
  await untilRunning(stage, vm, withinMs)
  await insist(stage, withinMs, () => api.snapshot(vm, { name }))
  await lookUntil(stage, withinMs, `snapshot ${name} of ${vm}`, async () => {
    const found = (await api.snapshots(vm)).find((one) => one.name === name)
    return found?.phase === 'taking' ? undefined : found
  })
}

async function restore(step: StepOf<'restore'>, stage: Stage): Promise<void> {
  const { vm: vmId, snapshot: from, within } = step
  const { epoch } = await insist(stage, within, () => stage.api.restore(vmId, from))
  await untilBegunAfter(stage, vmId, 'to go on', within, epoch)
}

/** Under a later epoch, also one that had failed before: that counts for nothing any more. */
async function untilBegunAfter(
  stage: Stage,
  vmId: string,
  what: string,
  withinMs: number,
  epoch: number,
): Promise<void> {
  const isLater = (vm: VmView, phase: VmView['phase']) => vm.phase === phase && vm.epoch > epoch
  const runs = (vm: VmView) => isLater(vm, 'running')
  await untilVm(stage, vmId, what, withinMs, runs, (vm) => isLater(vm, 'failed'))
}

/** By way of a snapshot, which goes when the template is there. */
async function template(step: StepOf<'template'>, stage: Stage): Promise<void> {
  const { api } = stage
  const { vm, name, within } = step
  const taken = `for-${name}`
  await snapshot(vm, taken, stage, within)
  await insist(stage, within, () => api.keepTemplate({ name, vm, snapshot: taken }))
  await lookUntil(stage, within, `template ${name}`, async () => {
    const found = (await api.templates()).find((one) => one.name === name)
    return found?.phase === 'making' ? undefined : found
  })
  await insist(stage, within, () => api.dropSnapshot(vm, taken))
}

/** What is not in the watch is asked for, until it is there; failed is failed. */
async function lookUntil(
  stage: Stage,
  withinMs: number,
  what: string,
  look: () => Promise<{ phase: string; fault?: Fault | undefined } | undefined>,
): Promise<void> {
  for (let waitedMs = 0; waitedMs < withinMs; waitedMs += lookMs) {
    const found = await look()
    if (found?.phase === 'ready') return
    if (found?.phase === 'failed')
      throw new FaultError(found.fault ?? fault('internal', `${what} has failed`))
    await stage.waiting.sleep(lookMs)
  }
  throw new FaultError(fault('timed-out', `${what} was not there in time`))
}

async function migrate(step: StepOf<'migrate'>, stage: Stage): Promise<void> {
  await untilRunning(stage, step.vm, step.within)
  const params = {
    ...(step.mode === undefined ? {} : { mode: step.mode }),
    ...(step.encoding === undefined ? {} : { encoding: step.encoding }),
    ...(step['when-stuck'] === undefined ? {} : { whenStuck: step['when-stuck'] }),
    ...(step['downtime-max'] === undefined ? {} : { downtimeMsMax: step['downtime-max'] }),
    ...(step['bandwidth-max'] === undefined
      ? {}
      : { bandwidthBytesPerSecMax: step['bandwidth-max'] * 1e6 }),
    ...(step.streams === undefined ? {} : { streams: step.streams }),
    ...(step.verify === undefined ? {} : { verify: step.verify }),
  }
  const to = step.to === undefined ? {} : { to: step.to }
  // Who wants to see it fail must be let to try.
  const force = step.outcome === 'done' && !step.force ? {} : { force: true }
  const { id } = await insist(stage, step.within, () =>
    stage.api.migrate(step.vm, { ...to, ...force, params, cause: 'scenario' }),
  )
  const ended = await untilMigrationEnded(stage, id, step.within)
  asWanted(step, ended.phase === 'done', ended.fault)
}

async function relocate({ vm, to, within }: StepOf<'relocate'>, stage: Stage): Promise<void> {
  const { epoch } = await insist(stage, within, () => stage.api.relocate(vm, to))
  await untilBegunAfter(stage, vm, 'to boot', within, epoch)
}

async function clone(step: StepOf<'clone'>, stage: Stage, ids: readonly string[]): Promise<void> {
  await untilRunning(stage, step.vm, step.within)
  const to = step.to === undefined ? {} : { to: step.to }
  const { migration } = await insist(stage, step.within, () =>
    stage.api.clone(step.vm, { ids: [...ids], ...to }),
  )
  const ended = await untilMigrationEnded(stage, migration.id, step.within)
  asWanted(step, ended.phase === 'done', ended.fault)
  if (ended.phase !== 'done') return
  for (const id of ids) await untilRunning(stage, id, step.within)
}

/** The step's `outcome` against what came of it. */
function asWanted(
  { outcome }: StepOf<'migrate' | 'clone'>,
  isDone: boolean,
  why = fault('internal', 'It did not come about, and no fault was given.'),
): void {
  if (outcome === 'any' || isDone === (outcome === 'done')) return
  throw isDone ? unexpectedEnd : new FaultError(why)
}

async function verb(
  step: StepOf<'pause' | 'resume' | 'stop'>,
  stage: Stage,
  name: 'pause' | 'resume' | 'stop',
  phase: 'paused' | 'running' | 'stopped',
): Promise<void> {
  await insist(stage, step.within, () => stage.api.act(step.vm, name))
  const isSo = (vm: VmView) => vm.phase === phase
  // What has failed is stopped too, and is shown as failed for a moment still.
  const hasFailed = name === 'stop' ? () => false : undefined
  await untilVm(stage, step.vm, `to be ${phase}`, step.within, isSo, hasFailed)
}

/** Ends when the coordinator has seen it go, if it can see. */
async function stopNode({ node }: StepOf<'stop-node'>, stage: Stage): Promise<void> {
  stage.mayEnd(node, true)
  await stage.world.stopNode(asNodeId(node))
  const isSeen = () =>
    stage.view().nodes.some(({ id, phase }) => id === node && phase !== 'online') || undefined
  await stage.waiting.unlessLate(stage.waiting.until(`${node} to go`, goodbyeMs, isSeen))
}

async function startNode({ node, within }: StepOf<'start-node'>, stage: Stage): Promise<void> {
  await stage.world.startNode(asNodeId(node))
  stage.mayEnd(node, false)
  await untilOnline(stage, node, within)
}

/** Nodes that sleep and wake follow by themselves. */
function setPower({ within, ...step }: StepOf<'set-power'>, stage: Stage): Promise<unknown> {
  return insist(stage, within, () => stage.api.setPower(said(powerOf(step))))
}

async function fenceNode({ node, off, within }: StepOf<'fence-node'>, stage: Stage): Promise<void> {
  stage.mayEnd(node, true)
  if (!off) stage.breaks(node, 'fenced')
  await stage.api.fence(node, off)
  await stage.waiting.until(`node ${node} to be fenced`, within, () =>
    stage.view().nodes.find(({ id, phase }) => id === node && phase === 'fenced'),
  )
}

async function breakDisk(node: string, faults: DiskFaults, { world }: Stage): Promise<void> {
  if (!world.breakDisk) throw noDisks()
  return world.breakDisk(asNodeId(node), faults)
}

async function evacuate({ node, within }: StepOf<'evacuate'>, stage: Stage): Promise<void> {
  await insist(stage, within, () => stage.api.evacuate(node, { whenStuck: 'throttle' }))
  const { stuck } = await stage.waiting.until(`node ${node} to be empty`, within, () => {
    const { evacuation } = stage.view().nodes.find(({ id }) => id === node) ?? {}
    return evacuation && evacuationHasEnded(evacuation) ? evacuation : undefined
  })
  const [first] = stuck
  if (first) throw new FaultError(fault('wrong-state', `${first.vmId} stays: ${first.why}`))
}

async function restartCoordinator(
  { within }: StepOf<'restart-coordinator'>,
  stage: Stage,
): Promise<void> {
  const before = stage.view()
  await stage.world.restartCoordinator()
  stage.mayEnd('coordinator', false)
  await stage.waiting.until('a view of the new coordinator', within, () =>
    stage.view() === before ? undefined : true,
  )
}

async function rebalance({ within }: StepOf<'rebalance'>, stage: Stage): Promise<void> {
  const { moves } = await insist(stage, within, () => stage.api.rebalance())
  if (moves.length === 0) return
  const before = stage.view()
  await stage.waiting.until('the moves to end', within, () => {
    const view = stage.view()
    return view !== before && view.migrations.every(hasEnded) ? true : undefined
  })
}
