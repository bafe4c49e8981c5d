// Steps and expectations as sentences: for progress lines, the report and the transcript. One table
// each. A sentence says only what the scenario says, so that it is the same in every run.

import { mibText } from '#proto/quantity.ts'
import type { Expectation, ExpectationOf } from './expectations.ts'
import { policyKeys, settingsKeys } from './high-availability.ts'
import { linkText, shapeText } from './links.ts'
import type { WayToVm } from './persons.ts'
import { powerKeys } from './power.ts'
import { saidText } from './quantities.ts'
import { askedBy, type Seen, type Step, type StepOf, shareMs } from './timeline.ts'

type StepSentences = { readonly [Do in Step['do']]: (step: StepOf<Do>) => string }

const stepSentences: StepSentences = {
  run: ({ vm, template, wait }) =>
    `start ${vm}${template ? ` from template ${template}` : ''}${unawaited(wait)}`,
  start: ({ vm, wait }) => `start ${vm} again${unawaited(wait)}`,
  remove: ({ vm }) => `remove ${vm}`,
  give: ({ vm, person }) => `give ${vm} to ${person}`,
  share: ({ vm, visitor, for: forMs, 'read-only': isReadOnly }) => {
    const long = forMs === shareMs ? '' : ` for ${saidText(forMs)}`
    return `let ${visitor} come to ${vm} by a link${long}${isReadOnly ? ', to look' : ''}`
  },
  unshare: ({ visitor }) => `revoke the link of ${visitor}`,
  'crash-vm': ({ vm }) => `let the guest in ${vm} panic`,
  'hang-vm': ({ vm }) => `let the guest in ${vm} hang`,
  'set-policy': ({ vm, ...step }) => `let ${vm} be kept running with ${keysText(step, policyKeys)}`,
  'set-group': ({ group, vms, policy }) => {
    const how = policy ? `, kept running with ${keysText(policy, policyKeys)}` : ''
    return `let ${vms.join(', ')} be group ${group}${how}`
  },
  'drop-group': ({ group }) => `drop group ${group}`,
  'set-rule': ({ rule, vms, kind, nodes }) =>
    `set rule ${rule}: ${kind} of ${vms.join(', ')}${nodes ? ` on ${nodes.join(', ')}` : ''}`,
  'drop-rule': ({ rule }) => `drop rule ${rule}`,
  'set-ha': (step) => `set high availability to ${keysText(step, settingsKeys)}`,
  'set-power': (step) => `set power to ${keysText(step, powerKeys)}`,
  snapshot: ({ vm, name, count }) =>
    count === 1 ? `take snapshot ${name} of ${vm}` : `take ${count} snapshots ${name} of ${vm}`,
  merge: ({ vm }) => `merge the disk layers of ${vm}`,
  restore: ({ vm, snapshot }) => `let ${vm} go on as snapshot ${snapshot} has it`,
  template: ({ vm, name }) => `keep ${vm} as template ${name}`,
  migrate: ({ vm, to, force, ...step }) => {
    const how = keysText(step, migrateKeys)
    return `migrate ${vm} to ${to ?? 'the best node'}${how && ` with ${how}`}${force ? ', by force' : ''}`
  },
  cancel: ({ vm }) => `cancel the migration of ${vm}`,
  'post-copy': ({ vm }) => `let ${vm} go on at its destination at once`,
  'drop-snapshot': ({ vm, snapshot }) => `drop snapshot ${snapshot} of ${vm}`,
  'drop-template': ({ template }) => `drop template ${template}`,
  balloon: ({ vm, memory }) => `ask ${vm} to hold ${mibText(memory)}`,
  'sleep-node': ({ node }) => `put node ${node} to sleep`,
  'wake-node': ({ node }) => `wake node ${node}`,
  relocate: ({ vm, to }) => `stop ${vm} and start it on ${to ?? 'the best other node'}`,
  clone: ({ vm, count, to }) =>
    `clone ${vm} ${count === 1 ? 'once' : `${count} times`}${to === undefined ? '' : ` to ${to}`}`,
  pause: ({ vm }) => `pause ${vm}`,
  resume: ({ vm }) => `resume ${vm}`,
  stop: ({ vm }) => `stop ${vm}`,
  'kill-node': ({ node }) => `kill node ${node} (SIGKILL)`,
  'stop-node': ({ node }) => `shut node ${node} down (SIGTERM)`,
  'hang-node': (step) => `freeze node ${step.node} for ${saidText(step.for)}`,
  'cut-node': ({ node, coordinator, peers }) => {
    const from = [...(coordinator ? ['the coordinator'] : []), ...(peers ? ['its peers'] : [])]
    return `cut node ${node} from ${from.join(' and ')}`
  },
  'heal-node': ({ node }) => `heal the links of node ${node}`,
  'cut-link': (step) => `cut ${linkText(step)}`,
  'heal-link': (step) => `heal ${linkText(step)}`,
  'shape-link': (step) => `make ${linkText(step)} ${shapeText(step)}`,
  'drift-clock': ({ node, by: share }) => {
    const ppm = Math.round(Math.abs(share) * 1e6)
    if (ppm === 0) return `let the clock of node ${node} go evenly`
    return `let the clock of node ${node} go ${ppm} ppm too ${share > 0 ? 'fast' : 'slowly'}`
  },
  'fail-disk': ({ node, reads, writes }) => {
    const what = [...(reads ? ['reads'] : []), ...(writes ? ['writes'] : [])]
    return `let ${what.join(' and ')} of the store fail on node ${node}`
  },
  'fill-disk': ({ node }) => `let the store have no room for node ${node}`,
  'heal-disk': ({ node }) => `let the store be well again for node ${node}`,
  'kill-rack': ({ rack }) => `kill rack ${rack} (SIGKILL)`,
  'start-rack': ({ rack }) => `start rack ${rack} again`,
  'cut-rack': ({ rack }) => `cut rack ${rack} off`,
  'heal-rack': ({ rack }) => `heal the links of rack ${rack}`,
  'start-node': ({ node }) => `start node ${node} again`,
  'fence-node': ({ node, off }) =>
    off ? `say that node ${node} is off` : `fence node ${node} by the device`,
  evacuate: ({ node }) => `evacuate node ${node}`,
  'return-node': ({ node }) => `return node ${node} to service`,
  'kill-coordinator': () => 'kill the coordinator (SIGKILL)',
  'restart-coordinator': () => 'start the coordinator again',
  rebalance: () => 'rebalance the cluster',
  wait: (step) => `wait ${saidText(step.for)}`,
}

export function stepSentence(step: Step): string {
  const sentence = stepSentences[step.do] as (step: Step) => string
  const { as, refused } = askedBy(step)
  const who = as === undefined ? '' : `${as}: `
  const told = refused === undefined ? '' : `; the answer is ${refused}`
  return triggerText(step) + who + sentence(step) + told + outcomeText(step)
}

/** How it has to end, when that is not well. */
function outcomeText(step: Step): string {
  const outcome = 'outcome' in step ? step.outcome : 'done'
  return outcome === 'done' ? '' : outcome === 'failed' ? '; it has to fail' : '; it may fail'
}

const unawaited = (wait: boolean): string => (wait ? '' : ', and wait for nothing')

function triggerText({ at, after, when }: Step): string {
  if (at !== undefined) return `at ${saidText(at)}: `
  if (after !== undefined) return `after "${after}": `
  return when === undefined ? '' : `once ${seenText(when)}: `
}

/** Of what a step waits for. */
export function seenText(when: Seen): string {
  if ('told' in when) return `the cluster tells of "${when.told}"`
  if ('says' in when) return `the guest in ${when.vm} says "${when.says}"`
  if ('node' in when) return `node ${when.node} is ${when.phase}`
  if ('vm' in when) return `${when.vm} is ${when.phase}`
  const { migration, phase, round } = when
  const how = [...(phase ? [phase] : []), ...(round === undefined ? [] : [`in round ${round}`])]
  return `the migration of ${migration} is ${how.join(' and ') || 'under way'}`
}

type ExpectationSentences = {
  readonly [Kind in Expectation['expect']]: (item: ExpectationOf<Kind>) => string
}

const expectationSentences: ExpectationSentences = {
  'vm-on': ({ vm, node, ...how }) => held(`${vm} runs on ${anyOf(node)}`, how),
  'vms-running': ({ min, max, ...how }) => held(`there are ${bounds(min, max, 'running VM')}`, how),
  'disk-layers': ({ vm, 'at-most': most, ...how }) =>
    held(`the disk of ${vm} has at most ${most} layers`, how),
  'vm-phase': ({ vm, phase, ...how }) => held(`${vm} is ${anyOf(phase)}`, how),
  'node-phase': ({ node, phase, ...how }) => held(`node ${node} is ${phase}`, how),
  'node-power': ({ node, is, ...how }) => held(`node ${node} is ${is}`, how),
  'power-saved': ({ 'at-least': share }) => `at least ${share} % of the energy is saved`,
  'node-load': ({ node, 'at-most': share, ...how }) =>
    held(`the VMs on ${node} ask for at most ${share} % of a core`, how),
  'vm-at-end': ({ vm, node, phase }) =>
    `at the end ${vm} is ${phase ? anyOf(phase) : 'there'}${node ? ` on ${anyOf(node)}` : ''}`,
  'node-at-end': ({ node, phase }) => `at the end node ${node} is ${phase}`,
  fenced: ({ nodes }) =>
    nodes.length === 0 ? 'no node is fenced' : `${nodes.join(', ')} and no others are fenced`,
  'rule-kept': ({ rule, ...how }) => held(`rule ${rule} is kept`, how),
  restarts: ({ vm, min, max }) => `${vm} has ${bounds(min, max, 'restart')}`,
  told: ({ text, ...how }) => by(`the cluster tells of "${text}"`, how),
  recovered: ({ vm, ...how }) => by(`${vm} is restarted and runs again`, how),
  'not-restarted': ({ vm }) => `${vm} is never restarted`,
  'guest-answers': ({ vm, ...how }) => by(`the guest in ${vm} answers`, how),
  'console-contains': ({ vm, text, ...how }) => by(`the guest in ${vm} says "${text}"`, how),
  'console-never': ({ vm, text }) => `the guest in ${vm} never says "${text}"`,
  'self-fenced': ({ vm, node }) =>
    `node ${node} lives and stops ${vm} by itself before it runs elsewhere`,
  migrations: ({ vm, cause, outcome, min, max }) => {
    const whose = vm === undefined ? '' : ` of ${vm}`
    const why = cause === undefined ? '' : ` ${causes[cause]}`
    return `${bounds(min, max, 'migration')}${whose}${why} ${outcomes[outcome]}`
  },
  'identities-differ': ({ vm }) => `${vm} and each of its clones answer with another identity`,
  'no-lost-writes': ({ client }) => `no acknowledged write of ${client} is lost`,
  'typed-in-order': ({ typist }) => `all that ${typist} typed is there, once and in order`,
  'some-keys': ({ typist, min }) => `${typist} types at least ${min} letters`,
  'screen-shown': ({ typist }) => `${typist} sees what the VM shows`,
  'screen-waits': ({ typist, 'at-most': most }) =>
    `${typist} never waits longer than ${saidText(most)} to see something new`,
  'some-writes': ({ client, min }) => `at least ${min} writes of ${client} are acknowledged`,
  reaches: ({ person, vm, by: way, ...how }) =>
    by(`${person} reaches ${wayText(way)} of ${vm}`, how),
  'kept-out': ({ person, vm, by: ways, code, after }) => {
    const last = ways.slice(-1).map(wayText)
    const which = [...[ways.slice(0, -1).map(wayText).join(', ')].filter(Boolean), ...last]
    const never = { hold: 'never', after, within: 0 } as const
    const told = code === undefined ? '' : `; the answer is ${code}`
    return `${held(`${person} reaches ${which.join(' or ')} of ${vm}`, never)}${told}`
  },
  'single-copy': () => 'no VM runs twice at any instant',
}

export function expectationSentence(item: Expectation): string {
  const sentence = expectationSentences[item.expect] as (item: Expectation) => string
  return sentence(item)
}

/** The keys of a step that are said, as they are written. */
export const keysText = (step: object, keys: object): string =>
  Object.entries(step)
    .filter(([key, value]) => key in keys && value !== undefined)
    .map(([key, value]) => `${key} ${keyText(key, value)}`)
    .join(', ')

/** Those of how it moves; force is told apart. */
const migrateKeys = {
  ...{ mode: 0, encoding: 0, 'when-stuck': 0, 'downtime-max': 0, 'bandwidth-max': 0 },
  ...{ streams: 0, verify: 0 },
}

function keyText(key: string, value: unknown): string {
  if (key === 'checkpoint') return `every ${saidText(Number(value))}`
  const unit = units[key]
  if (unit) return unit(Number(value))
  return Array.isArray(value) ? value.join(' and ') : String(value)
}

const units: Readonly<Record<string, (value: number) => string>> = {
  ...{ 'sleep-after': saidText, wake: saidText, 'downtime-max': saidText },
  ...{ 'bandwidth-max': (value) => `${value} MB/s`, 'load-max': (value) => `${value} %` },
  ...{ 'standby-watts': watts, 'idle-watts': watts, 'max-watts': watts },
}

function watts(value: number): string {
  return `${value} W`
}

interface Deadline {
  readonly after?: string | undefined
  readonly within: number
}

const by = (fact: string, { after, within }: Deadline): string =>
  `${fact} within ${saidText(within)}${after === undefined ? '' : ` of "${after}"`}`

function held(fact: string, how: Deadline & { hold: 'eventually' | 'always' | 'never' }): string {
  if (how.hold === 'eventually') return by(fact, how)
  return `${how.hold}${how.after === undefined ? '' : ` after "${how.after}"`}: ${fact}`
}

const wayText = (way: WayToVm): string => (way === 'api' ? 'the state' : `the ${way}`)

const anyOf = (names: string | readonly string[]): string => [names].flat().join(' or ')

const outcomes = { done: 'succeeded', failed: 'failed', cancelled: 'got cancelled' } as const
const causes = {
  scenario: 'by this timeline',
  rebalance: 'by rebalancing',
  evacuation: 'of an evacuation',
  return: 'on the way home',
  rule: 'for a rule',
  consolidation: 'of consolidation',
  operator: 'by an operator',
} as const

function bounds(min: number, max: number | undefined, noun: string): string {
  const many = (count: number) => `${count} ${noun}${count === 1 ? '' : 's'}`
  if (max === undefined) return `at least ${many(min)}`
  return min === max ? `exactly ${many(min)}` : `${min} to ${many(max)}`
}
