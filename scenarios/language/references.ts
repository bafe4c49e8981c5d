// What a schema cannot see: that every name used in a scenario is declared in it, and that its
// parts fit together. Each finding carries the path of the value at fault, so that the reader is
// sent to the right line.

import { groupNamed } from '#proto/ha.ts'
import type { Scenario } from '../schema.ts'
import {
  beatsInLease,
  type ClientPart,
  type ClusterPart,
  type TypistPart,
  type VmPart,
} from './cluster.ts'
import type { Expectation } from './expectations.ts'
import { type GroupPart, nodeIdOf, type RulePart } from './high-availability.ts'
import { findingsOfKept } from './kept-references.ts'
import { findingsOfLinkStep, findingsOfPlaces } from './link-references.ts'
import { namesOfMany } from './many.ts'
import { findingsOfModels } from './model-findings.ts'
import { findingsOfOrder } from './order-findings.ts'
import { findingsOfPersons } from './person-references.ts'
import { cloneNames, type Step } from './timeline.ts'
import { type Finding, unknown } from './unknown-name.ts'
import type { YamlPath } from './yaml-text.ts'

export type { Finding }

export function findingsOf(scenario: Scenario): Finding[] {
  const { cluster, vms, groups, rules, clients, typists, timeline, expectations } = scenario
  const names = namesOf(scenario)
  return [
    ...twice('node', ['cluster', 'nodes'], cluster.nodes),
    ...findingsOfLease(cluster),
    ...findingsOfPlaces(scenario),
    ...twice('VM', ['vms'], vms),
    ...twice('person', ['persons'], scenario.persons),
    ...twice('client', ['clients'], clients),
    ...twice('typist', ['typists'], typists),
    ...vms.flatMap((vm, i) => unknownNode(names, ['vms', i, 'node'], vm.node)),
    ...vms.flatMap((vm, i) => findingsOfPolicy(names, ['vms', i, 'policy'], vm.policy?.after)),
    ...groups.flatMap((group, i) => findingsOfGroup(names, ['groups', i], group)),
    ...rules.flatMap((rule, i) => findingsOfRule(names, ['rules', i], rule)),
    ...twice(
      'group',
      ['groups'],
      groups.map(({ name }) => ({ id: name })),
      'name',
    ),
    ...twice(
      'rule',
      ['rules'],
      rules.map(({ name }) => ({ id: name })),
      'name',
    ),
    ...findingsOfOrder(scenario),
    ...findingsOfModels(scenario),
    ...findingsOfPersons(scenario),
    ...findingsOfKept(timeline),
    ...clients.flatMap((client, i) => findingsOfClient(client, ['clients', i], vms)),
    ...typists.flatMap((typist, i) => findingsOfTypist(typist, ['typists', i], vms)),
    ...timeline.flatMap((step, i) => findingsOfStep(scenario, names, step, i)),
    ...expectations.flatMap((item, i) => findingsOfExpectation(names, item, ['expectations', i])),
  ]
}

const findingsOfLease = ({ lease, heartbeat }: ClusterPart): Finding[] =>
  heartbeat * beatsInLease <= lease
    ? []
    : [{ path: ['cluster', 'lease'], message: 'a lease is three heartbeats at least' }]

interface Names {
  readonly nodes: readonly string[]
  /** Declared VMs and all clones that the timeline makes. */
  readonly vms: readonly string[]
  readonly clients: readonly string[]
  readonly typists: readonly string[]
  /** Declared, and set by the timeline. */
  readonly groups: readonly string[]
  readonly rules: readonly string[]
  readonly labels: readonly string[]
}

function namesOf({ cluster, vms, groups, rules, clients, typists, timeline }: Scenario): Names {
  return {
    nodes: cluster.nodes.flatMap(namesOfMany),
    vms: [...vms.flatMap(namesOfMany), ...clonesOf(timeline).flatMap((clone) => clone.ids)],
    clients: clients.map((client) => client.id),
    typists: typists.map((typist) => typist.id),
    groups: [
      ...groups.map(({ name }) => name),
      ...timeline.flatMap((step) => (step.do === 'set-group' ? step.group : [])),
    ],
    rules: [
      ...rules.map(({ name }) => name),
      ...timeline.flatMap((step) => (step.do === 'set-rule' ? step.rule : [])),
    ],
    labels: timeline.flatMap((step) => step.label ?? []),
  }
}

/**
 * The names of the VMs that each clone step makes: `x-1`, `x-2`, … numbered on from step to step.
 */
export function clonesOf(timeline: readonly Step[]): { step: number; ids: string[] }[] {
  const made = new Map<string, number>()
  return timeline.flatMap((step, index) => {
    if (step.do !== 'clone') return []
    const before = made.get(step.vm) ?? 0
    made.set(step.vm, before + step.count)
    return [{ step: index, ids: cloneNames(step.vm, before + 1, step.count) }]
  })
}

function twice(
  what: string,
  path: YamlPath,
  items: readonly { id: string; count?: number | undefined }[],
  key = 'id',
): Finding[] {
  const seen = new Set<string>()
  return items.flatMap((item, i) => {
    const names = namesOfMany(item)
    const id = names.find((name) => seen.has(name))
    for (const name of names) seen.add(name)
    if (id === undefined) return []
    return [{ path: [...path, i, key], message: `there already is a ${what} \`${id}\`` }]
  })
}

const unknownNode = (names: Names, path: YamlPath, name: string | undefined): Finding[] =>
  unknown('node', path, name, names.nodes)

function findingsOfClient(client: ClientPart, path: YamlPath, vms: readonly VmPart[]): Finding[] {
  const vm = vms.find(({ id }) => id === client.vm)
  const ids = vms.map(({ id }) => id)
  if (vm === undefined) return unknown('VM', [...path, 'vm'], client.vm, ids)
  const wrong = (message: string): Finding[] => [{ path: [...path, 'vm'], message }]
  if (!/(^| )workload=kv( |$)/.test(vm.args))
    return wrong(`\`${vm.id}\` is no key-value store: its args need workload=kv`)
  if (vm.disk === 0) return wrong(`\`${vm.id}\` keeps nothing: give it a disk, e.g. disk: 4MiB`)
  return []
}

function findingsOfTypist(typist: TypistPart, path: YamlPath, vms: readonly VmPart[]): Finding[] {
  const vm = vms.find(({ id }) => id === typist.vm)
  const ids = vms.map(({ id }) => id)
  if (vm === undefined) return unknown('VM', [...path, 'vm'], typist.vm, ids)
  const wrong = (message: string): Finding[] => [{ path: [...path, 'vm'], message }]
  if (!/(^| )workload=desktop( |$)/.test(vm.args))
    return wrong(`\`${vm.id}\` has no editor: its args need workload=desktop`)
  if (vm.screen === undefined)
    return wrong(`\`${vm.id}\` has no screen: give it one, e.g. screen: 320x240`)
  return []
}

const findingsOfPolicy = (names: Names, path: YamlPath, after: readonly string[] = []) =>
  after.flatMap((id, i) => unknownMember(names, [...path, 'after', i], id))

/** Of a VM, or of a group. */
const unknownMember = (names: Names, path: YamlPath, name: string): Finding[] =>
  groupNamed(name) === undefined
    ? unknown('VM', path, name, names.vms)
    : unknown('group', path, groupNamed(name), names.groups)

type GroupKeys = Pick<GroupPart, 'vms' | 'policy'>

const findingsOfGroup = (names: Names, path: YamlPath, { vms, policy }: GroupKeys): Finding[] => [
  ...vms.flatMap((id, i) => unknown('VM', [...path, 'vms', i], id, names.vms)),
  ...findingsOfPolicy(names, [...path, 'policy'], policy?.after),
]

type RuleKeys = Pick<RulePart, 'kind' | 'vms' | 'nodes'>

function findingsOfRule(names: Names, path: YamlPath, { kind, vms, nodes }: RuleKeys): Finding[] {
  const found = [
    ...vms.flatMap((id, i) => unknownMember(names, [...path, 'vms', i], id)),
    ...(nodes ?? []).flatMap((text, i) =>
      unknownNode(names, [...path, 'nodes', i], nodeIdOf(text)),
    ),
  ]
  const isAffinity = kind === 'node-affinity'
  if (isAffinity && nodes === undefined)
    found.push({ path, message: 'node-affinity needs `nodes`, e.g. nodes: [a:2, b:1]' })
  if (!isAffinity && nodes !== undefined)
    found.push({ path: [...path, 'nodes'], message: `${kind} is about VMs: it takes no nodes` })
  if (!isAffinity && vms.length < 2 && !vms.some(groupNamed))
    found.push({ path: [...path, 'vms'], message: `${kind} needs two VMs at least, or a group` })
  return found
}

function findingsOfStep(scenario: Scenario, names: Names, step: Step, index: number): Finding[] {
  const path = ['timeline', index]
  const before = scenario.timeline.slice(0, index)
  const earlier = before.flatMap((other) => other.label ?? [])
  const found = [
    ...unknown('earlier step', [...path, 'after'], step.after, earlier),
    ...('vm' in step ? unknown('VM', [...path, 'vm'], step.vm, names.vms) : []),
    ...('node' in step ? unknownNode(names, [...path, 'node'], step.node) : []),
    ...('to' in step && !('one-way' in step) ? unknownNode(names, [...path, 'to'], step.to) : []),
    ...(step.do === 'set-policy' ? findingsOfPolicy(names, path, step.after) : []),
    ...(step.do === 'set-group' ? findingsOfGroup(names, path, step) : []),
    ...(step.do === 'drop-group'
      ? unknown('group', [...path, 'group'], step.group, names.groups)
      : []),
    ...(step.do === 'set-rule' ? findingsOfRule(names, path, step) : []),
    ...(step.do === 'drop-rule' ? unknown('rule', [...path, 'rule'], step.rule, names.rules) : []),
    ...findingsOfSeen(names, step, path),
    ...findingsOfLinkStep(scenario, step, path),
  ]
  if (step.label !== undefined && earlier.includes(step.label))
    found.push({ path: [...path, 'label'], message: `the label \`${step.label}\` is taken` })
  if ([step.at, step.after, step.when].filter((trigger) => trigger !== undefined).length > 1)
    found.push({ path, message: 'a step has one trigger at most: at, after or when' })
  if (step.do === 'run' && !scenario.vms.some((vm) => vm.id === step.vm && vm.start === 'later'))
    found.push({
      path: [...path, 'vm'],
      message: `\`${step.vm}\` needs \`start: later\` to be run`,
    })
  if (step.do === 'fail-disk' && !step.reads && !step.writes)
    found.push({ path, message: 'nothing fails by this: leave reads or writes true' })
  if (step.do === 'cut-node' && !step.coordinator && !step.peers)
    found.push({ path, message: 'this cuts nothing: leave coordinator or peers true' })
  return found
}

function findingsOfSeen(names: Names, { when }: Step, path: YamlPath): Finding[] {
  if (when === undefined || 'told' in when) return []
  if ('node' in when) return unknownNode(names, [...path, 'when', 'node'], when.node)
  return 'vm' in when
    ? unknown('VM', [...path, 'when', 'vm'], when.vm, names.vms)
    : unknown('VM', [...path, 'when', 'migration'], when.migration, names.vms)
}

function findingsOfExpectation(names: Names, item: Expectation, path: YamlPath): Finding[] {
  const nodes = 'node' in item ? [item.node ?? []].flat() : []
  const after = 'after' in item ? item.after : undefined
  return [
    ...('vm' in item ? unknown('VM', [...path, 'vm'], item.vm, names.vms) : []),
    ...nodes.flatMap((node) => unknownNode(names, [...path, 'node'], node)),
    ...('nodes' in item
      ? item.nodes.flatMap((node, i) => unknownNode(names, [...path, 'nodes', i], node))
      : []),
    ...('rule' in item ? unknown('rule', [...path, 'rule'], item.rule, names.rules) : []),
    ...('client' in item ? unknown('client', [...path, 'client'], item.client, names.clients) : []),
    ...('typist' in item ? unknown('typist', [...path, 'typist'], item.typist, names.typists) : []),
    ...unknown('step labelled', [...path, 'after'], after, names.labels),
    ...('max' in item && item.max !== undefined && item.max < item.min
      ? [{ path: [...path, 'max'], message: `it is below min, ${item.min}: nothing is both` }]
      : []),
  ]
}
