// A scenario as a story in sentences, and the first scenario that somebody begins with.
// Pure. Not here: the sentences of steps and expectations (sentences.ts).

import { mibText } from '#proto/quantity.ts'
import type { Scenario } from '../schema.ts'
import type { TypistPart, VmPart } from './cluster.ts'
import type { GroupPart, PolicyPart, RulePart } from './high-availability.ts'
import { linkText, shapeText } from './links.ts'
import type { PersonPart } from './persons.ts'
import { durationText } from './quantities.ts'
import { expectationSentence, stepSentence } from './sentences.ts'

export function storyText(scenario: Scenario): string {
  const { name, about, repetitions, cluster, timeline, expectations } = scenario
  const { lease, margin } = cluster
  const part = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]
  return [
    `${name}: ${about}`,
    ...(repetitions === 1
      ? []
      : ['', `It is played ${repetitions} times, with another seed each.`]),
    ...part(
      `What stands there (a silent node is fenced after ${durationText(lease + margin)})`,
      whatStands(scenario),
    ),
    ...part(
      'What happens',
      timeline.map((step, n) => `${n + 1}. ${stepSentence(step)}`),
    ),
    ...part('What should come of it', expectations.map(expectationSentence)),
    '',
  ].join('\n')
}

function whatStands(scenario: Scenario): string[] {
  const { cluster, vms, groups, rules, persons, clients, typists } = scenario
  const { nodes, racks, links } = cluster
  const speed = (mips: number) => (mips === 0 ? 'as fast as it can' : `${mips} MIPS a core`)
  return [
    ...nodes.map((n) => `node ${n.id}: ${n.cores} pCPU, ${speed(n.mips)}, ${mibText(n.memory)}`),
    ...Object.entries(racks).map(([rack, ids]) => `rack ${rack}: ${ids.join(', ')}`),
    ...links.map((link) => `${linkText(link)}: ${shapeText(link)}`),
    ...vms.map(vmText),
    ...groups.map(groupText),
    ...rules.map(ruleText),
    ...persons.map(personText),
    ...clients.map((one) => `client ${one.id} writes to ${one.vm}`),
    ...typists.map(typistText),
  ]
}

function vmText({ id, args, image, memory, node, start, ha, policy }: VmPart): string {
  const parts = [
    args || image,
    mibText(memory),
    ...(node === undefined ? [] : [`starts on ${node}`]),
    ...(start === 'later' ? ['starts when told'] : []),
    ...(ha ? [] : ['not protected']),
    ...policyTexts(policy ?? {}),
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
}: PolicyPart) => [
  ...(protection === undefined ? [] : [`protection ${protection}`]),
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
