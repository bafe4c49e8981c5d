// What an operator declares about high availability: policies, rules, settings. Checked as a whole
// before anything is changed: what contradicts itself or what was said before is refused, and the
// fault says with what. Everything counts from the next tick on. Not here: what is done about it.

import { type Fault, fault } from '#proto/faults.ts'
import {
  type HaGroup,
  type HaRule,
  type HaRuleView,
  type HaSettingsChange,
  type HaView,
  namesText,
} from '#proto/ha.ts'
import { asNodeId } from '#proto/ids.ts'
import { declaredTexts } from '#proto/policy-text.ts'
import type { ClusterState, Vm } from '../cluster-state.ts'
import { tell } from '../events.ts'
import { type ApiCommand, type Step, touch } from '../step-context.ts'
import { type OnPaper, shortagesOf, spareMibOf, toleratedOf } from './admission.ts'
import { dropGroup, setGroup as putGroup, spelledOut } from './groups.ts'
import { brokenBy } from './rules.ts'

export function haView(state: ClusterState): HaView {
  const failures = Math.max(1, state.ha.tolerate)
  return {
    settings: state.ha,
    tolerated: toleratedOf(state),
    spareMib: spareMibOf(state),
    shortages: shortagesOf(state, failures).map(({ nodes, vms }) => ({
      ...{ nodes: [...nodes], vms: [...vms] },
    })),
    rules: rulesView(state),
    groups: groupsView(state),
  }
}

export const rulesView = (state: ClusterState): HaRuleView[] =>
  [...state.rules.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((rule) => ({ rule, broken: brokenBy(state, rule) }))

type Declared = Extract<
  ApiCommand,
  { do: 'set-group' | 'drop-group' | 'set-rule' | 'drop-rule' | 'set-ha' }
>

/** What is said of several VMs, or of all. */
export function declare(step: Step, command: Declared): null | Fault {
  switch (command.do) {
    case 'set-group':
      return setGroup(step, command.group)
    case 'drop-group':
      return dropGroup(step, command.name)
    case 'set-rule':
      return setRule(step, command.rule)
    case 'drop-rule':
      return dropRule(step, command.name)
    case 'set-ha':
      return setHa(step, command.change)
  }
}

export const groupsView = ({ groups }: ClusterState): HaGroup[] =>
  [...groups.values()].sort((a, b) => (a.name < b.name ? -1 : 1))

/** Whatever rules name it must be able to hold with those who are in it. */
const setGroup = (step: Step, group: HaGroup): null | Fault =>
  putGroup(step, group, (rule) => contradiction(step.state, rule))

function setRule(step: Step, rule: HaRule): null | Fault {
  const against = contradiction(step.state, rule)
  if (against !== undefined) return fault('against-rule', `${rule.name}: ${against}`)
  const isNew = !step.state.rules.has(rule.name)
  step.state.rules.set(rule.name, rule)
  touch(step, 'rule', rule.name)
  tell(step, 'ha-changed', `rule ${rule.name} is ${isNew ? 'set' : 'changed'}: ${ruleText(rule)}`)
  warnOfUnknown(step, rule)
  return null
}

/** A node that is still to come may be named, as VMs may; a name that is wrong is to be seen. */
function warnOfUnknown(step: Step, rule: HaRule): void {
  if (rule.kind !== 'node-affinity') return
  const { name, nodes } = rule
  const unknown = nodes.filter(({ id }) => !step.state.nodes.has(asNodeId(id)))
  if (unknown.length === 0) return
  const ids = unknown.map(({ id }) => id).join(', ')
  tell(step, 'ha-warning', `rule ${name} names ${ids}: no such node has ever been here`)
}

function dropRule(step: Step, name: string): null | Fault {
  if (!step.state.rules.delete(name)) return unknownRule(step.state, name)
  touch(step, 'rule', name)
  tell(step, 'ha-changed', `rule ${name} is dropped`)
  return null
}

function unknownRule(state: ClusterState, name: string): Fault {
  const names = [...state.rules.keys()].join(', ') || 'none'
  return fault('unknown-rule', `there is no rule ${name}; there are ${names}`)
}

/** What is declared of all who are in it. */
export const groupText = ({ policy }: HaGroup): string =>
  declaredTexts(policy).join(', ') || 'nothing is declared of it'

export function ruleText(rule: HaRule): string {
  const vms = namesText(rule.vms)
  const how = rule.strict ? '' : ' if possible'
  if (rule.kind === 'keep-together') return `${vms} stay together${how}`
  if (rule.kind === 'keep-apart') return `${vms} stay apart${how}`
  const nodes = rule.nodes.map(({ id, priority }) => (priority > 0 ? `${id} (${priority})` : id))
  const verb = rule.vms.length === 1 && !vms.includes(' ') ? 'belongs' : 'belong'
  return `${vms} ${verb} on ${nodes.join(', ')}${how}`
}

/** What cannot all be so, whatever the cluster does; undefined: nothing is known against it. */
function contradiction(state: ClusterState, asked: HaRule): string | undefined {
  const rule = spelledOut(state, asked)
  const others = [...state.rules.values()].filter(({ name }) => name !== rule.name)
  const rules = others.map((other) => spelledOut(state, other))
  if (new Set(rule.vms).size < rule.vms.length) return 'it names a VM twice'
  if (rule.kind === 'node-affinity') {
    const nodes = rule.nodes.map(({ id }) => id)
    if (new Set(nodes).size < nodes.length) return 'it names a node twice'
    const other = rules.find(
      (r) => r.kind === rule.kind && r.vms.some((id) => rule.vms.includes(id)),
    )
    if (other) return `rule ${other.name} says on which nodes one of its VMs belongs already`
  }
  return againstCompany([...rules, rule])
}

/** Strict rules that keep VMs together and apart, or together on no common node. */
function againstCompany(rules: readonly HaRule[]): string | undefined {
  const strict = rules.filter((rule) => rule.strict)
  for (const company of companiesOf(strict)) {
    const isIn = (id: string) => company.has(id)
    const apart = strict.find((r) => r.kind === 'keep-apart' && r.vms.filter(isIn).length > 1)
    if (apart) return `rule ${apart.name} keeps apart what has to stay together`
    const sets = strict.flatMap((rule) =>
      rule.kind === 'node-affinity' && rule.vms.some(isIn) ? [rule.nodes.map(({ id }) => id)] : [],
    )
    const [first = [], ...others] = sets
    if (sets.length > 0 && !first.some((id) => others.every((set) => set.includes(id))))
      return `${[...company].join(', ')} have to stay together, and belong on no common node`
  }
  return undefined
}

function companiesOf(strict: readonly HaRule[]): Set<string>[] {
  const companies: Set<string>[] = []
  for (const { kind, vms } of strict) {
    if (kind !== 'keep-together') continue
    const merged = new Set(vms)
    for (const company of companies.filter((one) => vms.some((id) => one.has(id)))) {
      for (const id of company) merged.add(id)
      companies.splice(companies.indexOf(company), 1)
    }
    companies.push(merged)
  }
  return companies
}

function setHa(step: Step, change: HaSettingsChange): null | Fault {
  const said = Object.entries(change).filter(([, value]) => value !== undefined)
  step.state.ha = { ...step.state.ha, ...Object.fromEntries(said) }
  touch(step, 'ha', 'ha')
  const text = said.map(([name, value]) => `${name} ${value}`).join(', ')
  tell(step, 'ha-changed', `high availability is now: ${text}`)
  return null
}

/**
 * Admission control: may these be there too? Refused, or done with a warning, when the failures
 * that were promised to be tolerated would be no more.
 */
export function admit(step: Step, vms: readonly Vm[], nodeId: Vm['nodeId']): Fault | undefined {
  const { tolerate, admission } = step.state.ha
  if (tolerate === 0 || nodeId === undefined) return undefined
  const onPaper: OnPaper = new Map(vms.map((vm) => [vm.id, { vm, nodeId }]))
  const [shortage] = shortagesOf(step.state, tolerate, onPaper)
  if (!shortage) return undefined
  const why =
    `with ${vms.map(({ id }) => id).join(', ')}, the loss of ${shortage.nodes.join(' and ')} ` +
    `would leave no room for ${shortage.vms.join(', ')}`
  if (admission === 'refuse') {
    // Whose VMs those are is not for another person to know.
    if (vms.some(({ owner }) => owner !== undefined)) return noSpareRoom(vms)
    return fault(
      'no-room',
      `${why}: add a node, or \`godwit ha cluster --tolerate ${tolerate - 1}\``,
    )
  }
  tell(step, 'ha-warning', why)
  return undefined
}

const noSpareRoom = (vms: readonly Vm[]): Fault =>
  fault(
    'no-room',
    `with ${vms.map(({ id }) => id).join(', ')}, an outage would leave no room for all that is ` +
      'protected: ask an operator',
  )
