// The `expectations` of a scenario: what must come of it, each judged by itself (runner/judges.ts).
// `eventually` kinds have a deadline (`within`, from the start or from the end of the step named by
// `after`); `always` and `never` kinds are watched from there to the end; the rest is judged once,
// at the end. single-copy, epochs that only grow, and no process dying unasked are watched in every
// run, unasked.

import { z } from 'zod'
import { PowerState } from '#proto/power.ts'
import { NodePhase, VmPhase } from '#proto/state.ts'
import { Name } from '#proto/vm-spec.ts'
import { refusals, waysToVm } from './persons.ts'
import { Duration, Share } from './quantities.ts'

const vm = Name.describe('A VM of this scenario, or a clone made by it')
const node = Name.describe('A node of this scenario')
export const migrationCauses = [
  'scenario',
  'rebalance',
  'operator',
  'evacuation',
  'return',
  'rule',
  'consolidation',
] as const
const oneOrMore = <T extends z.ZodType>(one: T) => z.union([one, z.array(one).min(1)])
const nodes = oneOrMore(node).describe('One node, or several of which any will do')
const phases = oneOrMore(VmPhase).describe('One phase, or several of which any will do')

const person = Name.describe('A person of this scenario')
const way = z.enum(waysToVm)

const after = Name.optional().describe('The label of the step at whose end the watch begins')
const within = Duration.default(30_000).describe('The deadline, counted from where it begins')
const hold = z
  .enum(['eventually', 'always', 'never'])
  .default('eventually')
  .describe('Seen once before the deadline; at all times; at no time')
const state = { after, within, hold }
const deadline = { after, within }

const kind = <Kind extends string, Shape extends z.ZodRawShape>(
  name: Kind,
  about: string,
  shape: Shape,
) => z.strictObject({ expect: z.literal(name), ...shape }).describe(about)

export const Expectation = z
  .discriminatedUnion('expect', [
    kind('vm-on', 'A VM runs on a node', { vm, node: nodes, ...state }),
    kind('vm-phase', 'A VM is in a phase', { vm, phase: phases, ...state }),
    kind('disk-layers', 'The disk of a VM has no more layers than this', {
      vm,
      'at-most': z.int().min(1),
      ...state,
    }),
    kind('vms-running', 'So many VMs run', {
      min: z.int().min(0).default(0),
      max: z.int().min(0).optional(),
      ...state,
    }),
    kind('node-phase', 'A node is in a phase', { node, phase: NodePhase, ...state }),
    kind('node-power', 'A node is on, in standby, or between', {
      node,
      is: PowerState,
      ...state,
    }),
    kind('power-saved', 'So much less was drawn than if all nodes had been on, all along', {
      'at-least': Share,
    }),
    kind('node-load', "The VMs of a node ask for no more than this of one core's time", {
      node,
      'at-most': Share,
      ...state,
    }),
    kind('vm-at-end', 'How a VM is at the end', {
      vm,
      node: nodes.optional(),
      phase: phases.optional(),
    }),
    kind('node-at-end', 'How a node is at the end', { node, phase: NodePhase }),
    kind('fenced', 'These nodes were fenced in the run, and no others', { nodes: z.array(node) }),
    kind('rule-kept', 'All is as a rule says', { rule: Name, ...state }),
    kind('restarts', 'A VM was started again so often after a crash or the loss of its node', {
      vm,
      min: z.int().min(0).default(0),
      max: z.int().min(0).optional(),
    }),
    kind('told', 'The cluster tells of something in these words', {
      text: z.string().min(1),
      ...deadline,
    }),
    kind('recovered', 'A VM was restarted after its node was lost, and runs', { vm, ...deadline }),
    kind('not-restarted', 'A VM runs on without a restart, whatever happens around it', { vm }),
    kind('guest-answers', 'The guest in a VM answers a ping', { vm, ...deadline }),
    kind('console-contains', 'The guest says this', { vm, text: z.string().min(1), ...deadline }),
    kind('console-never', 'The guest never says this', { vm, text: z.string().min(1) }),
    kind('self-fenced', 'A living node stops its VM by itself before another starts it', {
      vm,
      node,
    }),
    kind('migrations', 'So many migrations ended so', {
      vm: vm.optional(),
      cause: z.enum(migrationCauses).optional(),
      outcome: z.enum(['done', 'failed', 'cancelled']).default('done'),
      min: z.int().min(0).default(0),
      max: z.int().min(0).optional(),
    }),
    kind('identities-differ', 'A VM and its clones each answer `id` with another identity', { vm }),
    kind('no-lost-writes', 'Every acknowledged write of a client is read back', { client: Name }),
    kind('some-writes', 'A client got at least so many writes acknowledged', {
      client: Name,
      min: z.int().min(1),
    }),
    kind('typed-in-order', 'All that a typist typed is in the editor, once and in order', {
      typist: Name,
    }),
    kind('some-keys', 'A typist typed at least so many letters', {
      typist: Name,
      min: z.int().min(1),
    }),
    kind('screen-shown', 'What a typist sees at the end is what the VM shows', { typist: Name }),
    kind('screen-waits', 'A typist never waited longer than this to see something new', {
      typist: Name,
      'at-most': Duration,
    }),
    kind('reaches', 'A person gets to a VM, by their own session', {
      ...{ person, vm },
      by: way.default('screen').describe('Which way'),
      ...deadline,
    }),
    kind('kept-out', 'A person tries again and again to get to a VM, and is refused each time', {
      ...{ person, vm },
      by: z
        .array(way)
        .min(1)
        .default([...waysToVm])
        .describe('Which ways; left out: all'),
      code: z.enum(refusals).optional().describe('How they are refused; left out: however'),
      after,
    }),
    kind('single-copy', 'No VM runs twice at any instant, by what the agents themselves say', {}),
  ])
  .describe('One expectation')

export type Expectation = z.infer<typeof Expectation>
export type ExpectationOf<Kind extends Expectation['expect']> = Extract<
  Expectation,
  { expect: Kind }
>
