// A scenario as a story in sentences, and the first scenario that somebody begins with.
// Pure. Not here: the sentences of steps and expectations (sentences.ts).

import { mibText } from '#proto/quantity.ts'
import type { Scenario } from '../schema.ts'
import type { ClientPart, ClusterPart, TypistPart, VmPart } from './cluster.ts'
import {
  type GroupPart,
  type PolicyPart,
  type RulePart,
  settingsKeys,
} from './high-availability.ts'
import { linkText, shapeText } from './links.ts'
import { modelText } from './model.ts'
import type { PersonPart } from './persons.ts'
import { powerKeys } from './power.ts'
import { saidText } from './quantities.ts'
import { expectationSentence, keysText, stepSentence } from './sentences.ts'
import type { Step } from './timeline.ts'

export function storyText(scenario: Scenario): string {
  const { name, about, seed, repetitions, cluster, timeline, expectations } = scenario
  const part = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]
  return [
    `${name}: ${about}`,
    ...(repetitions === 1
      ? []
      : ['', `It is played ${repetitions} times, with another seed each, from ${seed} on.`]),
    ...part(`What stands there (${fencedAfter(cluster)})`, whatStands(scenario)),
    ...part(
      'What happens',
      timeline.map((step, n) => `${n + 1}. ${stepSentence(step)}${labelText(step)}`),
    ),
    ...part('What should come of it', expectations.map(expectationSentence)),
    '',
  ].join('\n')
}

/** What comes first. */
function fencedAfter({ lease, margin, 'fence-after': device }: ClusterPart): string {
  const soon = device !== undefined && device < lease + margin
  const after = soon ? `${saidText(device)}, by a device` : saidText(lease + margin)
  return `a silent node is fenced after ${after}`
}

/** Others say when they begin by it. */
const labelText = ({ label }: Step): string => (label === undefined ? '' : ` ("${label}")`)

function whatStands(scenario: Scenario): string[] {
  const { cluster, vms, groups, rules, persons, clients, typists } = scenario
  const { nodes, racks, links, rebalance, ha, power } = cluster
  const set = (what: string, keys: string) => (keys === '' ? [] : [`${what}: ${keys}`])
  return [
    ...nodes.map(nodeText),
    ...Object.entries(racks).map(([rack, ids]) => `rack ${rack}: ${ids.join(', ')}`),
    ...(rebalance ? ['the cluster rebalances by itself'] : []),
    ...set('high availability', keysText(ha ?? {}, settingsKeys)),
    ...set('power', keysText(power ?? {}, powerKeys)),
    ...links.map((link) => `${linkText(link)}: ${shapeText(link)}`),
    ...vms.map(vmText),
    ...groups.map(groupText),
    ...rules.map(ruleText),
    ...persons.map(personText),
    ...clients.map(clientText),
    ...typists.map(typistText),
  ]
}

function nodeText({ id, cores, mips, memory, start }: ClusterPart['nodes'][number]): string {
  const speed = mips === 0 ? 'as fast as it can' : `${mips} MIPS a core`
  const later = start === 'later' ? ', joins when told' : ''
  return `node ${id}: ${cores} pCPU, ${speed}, ${mibText(memory)}${later}`
}

function vmText({ id, args, image, memory, disk, cap, node, start, ha, ...vm }: VmPart): string {
  const parts = [
    vm.model ? modelText(vm.model) : args || image,
    mibText(memory),
    ...(disk === 0 ? [] : [`a disk of ${mibText(disk)}`]),
    ...(cap === 100 ? [] : [`at most ${cap} % of a core`]),
    ...(node === undefined ? [] : [`starts on ${node}`]),
    ...(start === 'later' ? ['starts when told'] : []),
    ...(ha ? [] : ['not protected']),
    ...policyTexts(vm.policy ?? {}),
  ]
  return `VM ${id}: ${parts.join(', ')}`
}

const policyTexts = ({
  priority,
  after,
  restarts,
  relocations,
  failback,
  locked,
  protection,
  isolation,
  checkpoint,
}: PolicyPart) => [
  ...(protection === undefined ? [] : [`protection ${protection}`]),
  ...(checkpoint === undefined ? [] : [`checkpoint every ${saidText(checkpoint)}`]),
  ...(isolation === undefined ? [] : [`isolation ${isolation}`]),
  ...(priority === undefined ? [] : [`priority ${priority}`]),
  ...(after === undefined ? [] : [`after ${after.join(' and ')}`]),
  ...(restarts === undefined ? [] : [`${restarts} restarts`]),
  ...(relocations === undefined ? [] : [`${relocations} relocations`]),
  ...(failback === false ? ['no failback'] : []),
  ...(locked ? ['locked'] : []),
]

const groupText = ({ name, vms, policy }: GroupPart): string =>
  [`group ${name}: ${vms.join(', ')}`, ...policyTexts(policy ?? {})].join('; ')

const ruleText = ({ name, kind, vms, nodes, strict }: RulePart): string => {
  const where = nodes ? ` on ${nodes.join(', ')}` : ''
  const how = strict === undefined ? '' : strict ? ', strictly' : ', if possible'
  return `rule ${name}: ${kind} of ${vms.join(', ')}${where}${how}`
}

function personText({ id, role, vms, quota }: PersonPart): string {
  const allowed = Object.entries(quota ?? {}).map(([key, most = 0]) =>
    key === 'memory' || key === 'disk' ? `${mibText(most)} of ${key}` : countedText(key, most),
  )
  const parts = [
    role,
    ...(vms.length > 0 ? [`owner of ${vms.join(', ')}`] : []),
    ...(allowed.length > 0 ? [`at most ${allowed.join(', ')}`] : []),
  ]
  return `account ${id}: ${parts.join(', ')}`
}

/** `1 VM`, `2 snapshots` */
function countedText(key: string, count: number): string {
  const noun = key === 'vms' ? 'VMs' : key
  return `${count} ${count === 1 ? noun.slice(0, -1) : noun}`
}

const clientText = ({ id, vm, 'writes-per-second': rate }: ClientPart): string =>
  `client ${id} writes to ${vm}, ${rate} times a second`

const typistText = ({ id, vm, as }: TypistPart): string =>
  `${id} types at the screen of ${vm}${as === undefined ? '' : `, by the account ${as}`}`

/** File → text of a scenario that runs and passes. */
export const firstFiles = (name: string): Readonly<Record<string, string>> => ({
  'README.md': `# ${name}

**What.** A store runs on \`a\` while a client writes to it. \`a\` is killed.

**Why.** To begin with something that works. Say here what your scenario is for.

**What should happen.** The store is restarted on \`b\` when \`a\` is surely fenced, and loses no
acknowledged write.
`,
  'scenario.yaml': `# For your editor: godwit scenario schema > scenario.schema.json
name: ${name}
about: A store loses its node and comes back on another one.

cluster:
  nodes:
    - { id: a, mips: 40, memory: 64MiB }
    - { id: b, mips: 40, memory: 64MiB }

vms:
  - { id: store, args: workload=kv, disk: 4MiB, node: a }

clients:
  - { id: shop, vm: store, writes-per-second: 40 }

timeline:
  - { do: wait, for: 2s }
  - { do: kill-node, node: a, label: killed }
  - { do: wait, for: 5s }

expectations:
  - { expect: recovered, vm: store, within: 10s, after: killed }
  - { expect: vm-at-end, vm: store, node: b, phase: running }
  - { expect: no-lost-writes, client: shop }
`,
})
