// The `timeline` of a scenario: steps, each with a trigger and one thing to do. Steps begin in the
// order of the file. A step waits for its trigger: `at` (since the cluster stood), `after` (a
// labelled step has ended), `when` (a state was seen), and without any, for the end of the step
// before it. A step ends when its effect is seen (a migration has ended, a process is dead), not
// when it was asked for.

import { z } from 'zod'
import { BalloonRequest } from '#proto/api.ts'
import { encodingWishes, MigrationParams, migrationModes, stuckPolicies } from '#proto/messages.ts'
import { MigrationPhase, NodePhase, VmPhase } from '#proto/state.ts'
import { streamsMax } from '#proto/units.ts'
import { Name } from '#proto/vm-spec.ts'
import { groupKeys, policyKeys, ruleKeys, settingsKeys } from './high-availability.ts'
import { linkKeys, shapeKeys } from './links.ts'
import { refusals } from './persons.ts'
import { powerKeys } from './power.ts'
import { Drift, Duration, fits, Size } from './quantities.ts'

const vm = Name.describe('A VM of this scenario, or a clone made by it')
const node = Name.describe('A node of this scenario')
const rack = Name.describe('A rack of this scenario: cluster.racks')

const downtime = MigrationParams.shape.downtimeMsMax
const text = z.string().min(1)
export const Seen = z
  .union([
    z.strictObject({ vm, phase: VmPhase }),
    z.strictObject({ node, phase: NodePhase }),
    z.strictObject({
      migration: Name.describe('A VM that is being migrated'),
      phase: MigrationPhase.optional().describe('Left out: any before its end'),
      round: z.int().min(0).optional().describe('In this round at least'),
    }),
    z.strictObject({ vm, says: text.describe('On its console, since the clock started') }),
    z.strictObject({ told: text.describe('In the story of the cluster, since the run began') }),
  ])
  .describe('Something that is seen: a state as the coordinator shows it, or words')

const trigger = {
  at: Duration.optional().describe('Since the cluster stood and the first VMs ran'),
  after: Name.optional().describe('The label of an earlier step: waits for its end'),
  when: Seen.optional().describe('Waits until this state is seen'),
  label: Name.optional().describe('A name for others to refer to'),
  within: Duration.default(60_000).describe('How long trigger and step may take each'),
}
const outcome = z
  .enum(['done', 'failed', 'any'])
  .default('done')
  .describe('How it should end: `failed` and `any` are for faults made on purpose')

/** Of what a person may wish too; whether they may have it is the coordinator's to say. */
const who = {
  as: Name.optional().describe('The person who asks; left out: the run itself'),
  refused: z.enum(refusals).optional().describe('It has to be refused with this code'),
}
const Who = z.object(who)

/** Who asks for it, and how it has to be refused; of steps that nobody asks for, nothing. */
export const askedBy = (asked: Step): z.infer<typeof Who> => asked as z.infer<typeof Who>

/** How long a link leads to a VM, if nothing else is said. */
export const shareMs = 3_600_000

const step = <Do extends string, Shape extends z.ZodRawShape>(
  name: Do,
  about: string,
  shape: Shape,
) => z.strictObject({ ...trigger, do: z.literal(name), ...shape }).describe(about)

const wait = z.boolean().default(true).describe('Until it runs; false: only until it is accepted')

export const Step = z
  .discriminatedUnion('do', [
    step('run', 'Starts a VM that was declared with `start: later`', {
      ...who,
      vm,
      wait,
      outcome,
      template: Name.optional().describe('It begins as this template has it, running'),
    }),
    step('migrate', 'Moves a running VM', {
      ...who,
      vm,
      to: node.optional().describe('Left out: the best one'),
      mode: z.enum(migrationModes).optional().describe('How it moves: docs/migration.md'),
      encoding: z.enum(encodingWishes).optional().describe('How pages travel'),
      'when-stuck': z.enum(stuckPolicies).optional().describe('When it writes too fast'),
      'downtime-max': Duration.refine(fits(downtime), 'from 1ms to 1m')
        .optional()
        .describe('Stop-and-copy when the estimate is below'),
      'bandwidth-max': z.number().positive().optional().describe('MB/s at most'),
      streams: z.int().min(1).max(streamsMax).optional().describe('Links that carry its pages'),
      verify: z.enum(['incremental', 'full']).optional(),
      force: z.boolean().default(false).describe('Also where a forecast is against it'),
      outcome,
    }),
    step('cancel', 'Cancels the migration of a VM that is under way', { vm, outcome }),
    step('post-copy', 'Lets a migration under way go on at the destination at once', {
      vm,
      outcome,
    }),
    step('relocate', 'Stops a VM and boots it on another node', {
      ...who,
      vm,
      to: node.optional().describe('Left out: the best other one'),
      outcome,
    }),
    step('clone', 'Makes new VMs from a running one: <vm>-1, <vm>-2 …', {
      ...who,
      vm,
      count: z.int().min(1).max(256).default(1),
      to: node.optional().describe("Left out: the parent's node, if there is room"),
      outcome,
    }),
    step('pause', 'Stops the vCPU of a VM', { ...who, vm }),
    step('resume', 'Lets a paused VM go on', { ...who, vm }),
    step('stop', 'Ends a VM', { ...who, vm }),
    step('start', 'Starts a VM that is stopped or has failed', { ...who, vm, wait, outcome }),
    step('remove', 'Forgets a VM that is stopped', { ...who, vm, outcome }),
    step('give', 'Makes a VM the VM of another person', {
      vm,
      person: Name.describe('A person of this scenario'),
      outcome,
    }),
    step('share', 'Makes a link to a VM, and somebody without an account comes by it', {
      vm,
      as: Name.describe('The person who makes the link: the owner of the VM, or an operator'),
      visitor: Name.describe('Who comes by it; named like a person from then on'),
      for: Duration.default(shareMs).describe('How long it leads there: a second at least'),
      'read-only': z.boolean().default(false).describe('They may look, and not type'),
      refused: who.refused,
    }),
    step('unshare', 'Revokes the link by which a visitor came', {
      visitor: Name.describe('The visitor of an earlier step'),
    }),
    step('crash-vm', 'Lets the guest in a VM panic (our own guest does, when told)', { vm }),
    step('hang-vm', 'Lets the guest in a VM hang (our own guest does, when told)', { vm }),
    step('set-policy', 'Changes how a VM is kept running', { vm, ...policyKeys, outcome }),
    step('set-group', 'Sets a group of VMs, or changes it', {
      group: Name.describe('What the group is called'),
      ...groupKeys,
      outcome,
    }),
    step('drop-group', 'Drops a group; its VMs stay', { group: Name, outcome }),
    step('set-rule', 'Sets a rule, or changes it', {
      rule: Name.describe('What the rule is called'),
      ...ruleKeys,
      outcome,
    }),
    step('drop-rule', 'Drops a rule', { rule: Name }),
    step('set-ha', 'Changes high availability of the whole cluster', { ...settingsKeys }),
    step('set-power', 'Changes how power is saved', { ...powerKeys }),
    step('snapshot', 'Takes a snapshot of a running VM, or several after each other', {
      ...who,
      vm,
      name: Name.describe('Of several: <name>-1, <name>-2 …'),
      count: z.int().min(1).max(256).default(1),
      outcome,
    }),
    step('merge', "Makes the layers of a VM's disk one", { ...who, vm, outcome }),
    step('restore', 'Lets a VM go on as a snapshot of it has it', {
      ...who,
      vm,
      snapshot: Name,
      outcome,
    }),
    step('template', 'Keeps what a running VM is now as a template', {
      ...who,
      vm,
      name: Name,
      outcome,
    }),
    step('drop-snapshot', 'Drops a snapshot', { ...who, vm, snapshot: Name, outcome }),
    step('drop-template', 'Drops a template', {
      ...who,
      template: Name.describe('What it is called'),
      outcome,
    }),
    step('balloon', 'Asks the guest of a VM to hold no more memory than this', {
      ...who,
      vm,
      memory: Size.refine(fits(BalloonRequest.shape.memoryMib), 'leave it 1MiB at least'),
      outcome,
    }),
    step('sleep-node', 'Empties a node and puts it into standby', { node, outcome }),
    step('wake-node', 'Wakes a node that sleeps', { node, outcome }),
    step('kill-node', 'SIGKILL to the node', { node }),
    step('stop-node', 'Shuts the node down in good order (SIGTERM)', { node }),
    step('hang-node', 'Freezes the process of the node for a while', { node, for: Duration }),
    step('cut-node', 'Cuts links of a living node', {
      node,
      coordinator: z.boolean().default(true).describe('The link to the coordinator'),
      peers: z.boolean().default(true).describe('The links to and from other nodes'),
    }),
    step('heal-node', 'Undoes the cuts of a node', { node }),
    step('cut-link', 'Cuts links, one way or both', linkKeys),
    step('heal-link', 'Undoes cuts of links', linkKeys),
    step('shape-link', 'Makes links slow, narrow or lossy; with none of it said: as good as any', {
      ...linkKeys,
      ...shapeKeys,
    }),
    step('drift-clock', 'The clock of a node goes too fast or too slowly from now on', {
      node,
      by: Drift.describe('What it gains, up to 2% either way, for which margins pay; +0%: none'),
    }),
    step('fail-disk', 'The store of disks and snapshots gives errors to this node', {
      node,
      reads: z.boolean().default(true).describe('What is read fails'),
      writes: z.boolean().default(true).describe('What is written or flushed fails'),
    }),
    step('fill-disk', 'For this node the store has no room: no file grows or is made', { node }),
    step('heal-disk', 'The store is well again for this node', { node }),
    step('kill-rack', 'SIGKILL to every node of a rack: its power is gone', { rack }),
    step('start-rack', 'Starts those of its nodes again that do not run', { rack }),
    step('cut-rack', 'Cuts a rack off from all that is outside of it', { rack }),
    step('heal-rack', 'Undoes the cuts between a rack and what is outside', { rack }),
    step('start-node', 'Starts the process of a killed node again', { node }),
    step('fence-node', 'Fences a node by the device, or by the word that it is off', {
      node,
      off: z.boolean().default(false).describe('An operator says that it is off'),
      outcome,
    }),
    step('evacuate', 'Takes a node out of service, and waits until its VMs have left', {
      node,
      outcome,
    }),
    step('return-node', 'Ends its maintenance: it takes VMs again', { node }),
    step('kill-coordinator', 'SIGKILL to the coordinator', {}),
    step('restart-coordinator', 'Starts it again on its data', {}),
    step('rebalance', 'Asks for one round of rebalancing, and waits for its moves', {}),
    step('wait', 'Lets time pass', { for: Duration }),
  ])
  .describe('One step')

export type Step = z.infer<typeof Step>
export type StepOf<Do extends Step['do']> = Extract<Step, { do: Do }>
export type Seen = z.infer<typeof Seen>

/**
 * The names of a clone step's VMs, numbered on from the clones that earlier steps made of the same
 * VM.
 */
export const cloneNames = (vmId: string, firstNumber: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${vmId}-${firstNumber + i}`)
