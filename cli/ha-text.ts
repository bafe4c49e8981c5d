// High availability as text: its state, rules, and why a VM is where it is. Pure.
// Not here: the commands (commands/ha.ts).

import type { VmView } from '#proto/api.ts'
import type { HaGroup, HaRule, HaRuleView, HaView, WhyView } from '#proto/ha.ts'
import { declaredTexts } from '#proto/policy-text.ts'
import { mibText } from '#proto/quantity.ts'
import { whenText } from './columns.ts'
import { type Column, tableText } from './table.ts'
import type { Paint } from './terminal.ts'

type Painter = (style: Paint, text: string) => string

const nodesText = (rule: HaRule): string =>
  rule.kind === 'node-affinity'
    ? rule.nodes.map(({ id, priority }) => (priority > 0 ? `${id}:${priority}` : id)).join(', ')
    : '–'

const ruleColumns: readonly Column<HaRuleView>[] = [
  { title: 'RULE', text: ({ rule }) => rule.name },
  { title: 'KIND', text: ({ rule }) => rule.kind },
  { title: 'VMS', text: ({ rule }) => rule.vms.join(', ') },
  { title: 'NODES', text: ({ rule }) => nodesText(rule) },
  { title: 'STRICT', text: ({ rule }) => (rule.strict ? 'yes' : 'no') },
  { title: 'NOT SO', text: ({ broken }) => broken.join('; ') || '–' },
]

export const rulesText = (rules: readonly HaRuleView[], paint: Painter): string =>
  tableText(ruleColumns, rules, paint)

const groupColumns: readonly Column<HaGroup>[] = [
  { title: 'GROUP', text: ({ name }) => name },
  { title: 'VMS', text: ({ vms }) => vms.join(', ') || '–' },
  { title: 'DECLARED', text: ({ policy }) => declaredTexts(policy).join(', ') || '–' },
]

export const groupsText = (groups: readonly HaGroup[], paint: Painter): string =>
  tableText(groupColumns, groups, paint)

const shutdownTexts = {
  'fail-over': 'start elsewhere',
  freeze: 'wait for it',
  migrate: 'move away first',
} as const

export function haText(view: HaView, vms: readonly VmView[], paint: Painter): string {
  const { settings, tolerated, spareMib, shortages, rules, groups } = view
  const armed = settings.armed ? 'armed' : paint('yellow', 'disarmed: nothing happens by itself')
  const protectedVms = vms.filter(({ spec }) => spec.ha).length
  const promise =
    settings.tolerate > 0 ? `, ${settings.tolerate} promised (${settings.admission})` : ''
  const lines = [
    `high availability is ${armed}; ${protectedVms} of ${vms.length} VMs are protected`,
    `${tolerated} ${tolerated === 1 ? 'node' : 'nodes'} may fail now${promise}`,
    `${mibText(spareMib)} of memory are free on nodes in service`,
    `VMs of a node that shuts down ${shutdownTexts[settings.shutdown]}`,
    ...shortages.map(({ nodes, vms: stranded }) =>
      paint('yellow', `without ${nodes.join(' and ')} no room for ${stranded.join(', ')}`),
    ),
  ]
  if (groups.length > 0) lines.push('', groupsText(groups, paint))
  if (rules.length > 0) lines.push('', rulesText(rules, paint))
  return lines.join('\n')
}

export function whyText({ now, bound, nodes, mend, story }: WhyView, paint: Painter): string {
  const part = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', paint('bold', title), ...lines.map((line) => `  ${line}`)]
  const width = Math.max(0, ...nodes.map(({ id }) => id.length))
  const seen = nodes.map(({ id, may, text }) => {
    const mark = may ? paint('green', '✓') : paint('red', '✗')
    return `${mark} ${id.padEnd(width)}  ${text}`
  })
  const told = story.map(({ wallMs, text }) => `${whenText(wallMs)}  ${text}`)
  return [
    now,
    ...part('What binds it', bound),
    ...part('Each node', seen),
    ...part('What would have to change', mend),
    ...part('Its story', told),
  ].join('\n')
}
