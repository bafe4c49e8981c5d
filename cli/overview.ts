// The whole cluster as a few lines of text: sums, a bar for each node, the busiest VMs, what moves.
// Pure: from a ClusterView to text. Not here: when it is drawn (commands/top.ts).

import type { ClusterView, NodeView, VmView } from '#proto/api.ts'
import { bar, countText, mibText, mipsText, percentText } from '#proto/quantity.ts'
import { isHeard, isRunning, vmPhaseText } from '#proto/state.ts'
import { workloadOf } from '#proto/vm-spec.ts'
import { hasEnded } from '#scenarios/runner/stage.ts'
import { nodePhasePaint, vmPaint } from './columns.ts'
import { outcomeText, progressLine } from './migration-progress.ts'
import { type Column, tableText } from './table.ts'
import type { Terminal } from './terminal.ts'

/** A screen has room for so many; `godwit vms` has them all. */
const vmsMax = 20
const endedMigrationsMax = 3
const barWidth = 16

export function overviewText(view: ClusterView, { paint }: Pick<Terminal, 'paint'>): string {
  const vms = [...view.vms].sort((a, b) => cpuOf(b) - cpuOf(a) || (a.id < b.id ? -1 : 1))
  const more = vms.length - vmsMax
  const moves = view.migrations.filter((m) => !hasEnded(m)).map(progressLine)
  const ended = view.migrations.filter(hasEnded).slice(-endedMigrationsMax).map(outcomeText)
  const parts = [
    paint('bold', headline(view)),
    tableText(nodeColumns, view.nodes, paint),
    view.vms.length === 0 ? '' : tableText(vmColumns, vms.slice(0, vmsMax), paint),
    more > 0 ? `… and ${more} more: godwit vms` : '',
    [...moves, ...ended].join('\n'),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function headline({ nodes, vms, migrations, leader }: ClusterView): string {
  const online = nodes.filter(({ phase }) => phase === 'online').length
  const running = vms.filter(isRunning).length
  const unknown = vms.filter(({ isUnknown }) => isUnknown).length
  const moving = migrations.filter((migration) => !hasEnded(migration)).length
  const got = nodes.filter(isHeard).reduce((sum, node) => sum + node.cpuGotPercent, 0)
  return [
    `${online} of ${nodes.length} nodes online`,
    `${running} of ${vms.length} VMs running${unknown > 0 ? `, ${unknown} unknown` : ''}`,
    `${moving} moving`,
    `CPU ${percentText(got)}`,
    ...(leader ? [`led by ${leader.name}`] : []),
  ].join('   ')
}

const loadOf = ({ cpuGotPercent, capacity }: NodeView) => cpuGotPercent / (capacity.cores * 100)
const fillOf = ({ memoryReservedMib, capacity }: NodeView) => memoryReservedMib / capacity.memoryMib
const cpuOf = (vm: VmView): number => (vm.isUnknown ? 0 : (vm.load?.cpuGotPercent ?? 0))

const nodeColumns: readonly Column<NodeView>[] = [
  { title: 'NODE', text: (n) => n.id },
  { title: 'PHASE', text: (n) => n.phase, paint: (n) => nodePhasePaint[n.phase] },
  { title: 'VMS', text: (n) => String(n.vmCount), align: 'right' },
  { title: 'CPU', text: loadText },
  {
    title: 'MEMORY',
    text: (n) => `${bar(fillOf(n), barWidth)} ${mibText(n.memoryReservedMib)}`,
  },
]

function loadText(node: NodeView): string {
  if (!isHeard(node)) return '-'
  return `${bar(loadOf(node), barWidth)} ${percentText(loadOf(node) * 100)}`
}

const vmColumns: readonly Column<VmView>[] = [
  { title: 'VM', text: (vm) => vm.id },
  { title: 'PHASE', text: vmPhaseText, paint: vmPaint },
  { title: 'NODE', text: (vm) => vm.nodeId ?? '-' },
  { title: 'CPU', text: (vm) => (vm.isUnknown ? '-' : percentText(cpuOf(vm))), align: 'right' },
  {
    title: 'SPEED',
    text: (vm) => (vm.isUnknown ? '-' : mipsText(vm.load?.mips ?? 0)),
    align: 'right',
  },
  {
    title: 'DIRTY PAGES/S',
    text: (vm) => (vm.isUnknown ? '-' : countText(vm.load?.dirtyPagesPerSec ?? 0)),
    align: 'right',
  },
  { title: 'WORKLOAD', text: (vm) => workloadOf(vm.spec) },
]
