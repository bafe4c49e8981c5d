// The lists that the CLI shows, as data: which rows of a ClusterView, which columns, what to say
// when there are none. Not here: how a table is drawn (table.ts), or how often (listing.ts).

import type { ClusterView, EventView, MigrationView, NodeView, VmView } from '#proto/api.ts'
import { ipv4OfMac } from '#proto/network-address.ts'
import { bytesText, countText, mibText, mipsText, msText, percentText } from '#proto/quantity.ts'
import {
  isHeard,
  type MigrationPhase,
  type NodePhase,
  type VmPhase,
  vmPhaseText,
} from '#proto/state.ts'
import { networkText, workloadOf } from '#proto/vm-spec.ts'
import type { Column } from './table.ts'
import type { Paint } from './terminal.ts'

export interface List<Row> {
  rows(view: ClusterView): readonly Row[]
  readonly columns: readonly Column<Row>[]
  /** Said instead of an empty table. */
  readonly empty: string
  /** Said beside the table, to a person. */
  note?(view: ClusterView): string | undefined
}

const none = '-'

export const nodePhasePaint: Record<NodePhase, Paint | undefined> = {
  online: 'green',
  suspect: 'yellow',
  unreachable: 'yellow',
  fencing: 'yellow',
  fenced: 'red',
  gone: 'dim',
}
const vmPhasePaint: Record<VmPhase, Paint | undefined> = {
  pending: 'yellow',
  starting: 'yellow',
  running: 'green',
  paused: 'cyan',
  migrating: 'cyan',
  recovering: 'yellow',
  stopping: 'yellow',
  stopped: 'dim',
  failed: 'red',
}
export const vmPaint = ({ phase, isUnknown }: VmView): Paint | undefined =>
  isUnknown ? 'yellow' : vmPhasePaint[phase]
const migrationPhasePaint: Record<MigrationPhase, Paint | undefined> = {
  queued: 'yellow',
  copying: 'cyan',
  switching: 'cyan',
  resolving: 'yellow',
  paging: 'cyan',
  done: 'green',
  failed: 'red',
  cancelled: 'dim',
}

export const nodeList: List<NodeView> = {
  rows: (view) => view.nodes,
  empty: 'No node has joined yet.',
  note: ({ leader }) => leader && `Coordinator ${leader.name} leads (term ${leader.term}).`,
  columns: [
    { title: 'NODE', text: (n) => n.id },
    { title: 'PHASE', text: nodePhaseText, paint: (n) => nodePhasePaint[n.phase] },
    { title: 'VMS', text: (n) => String(n.vmCount), align: 'right' },
    { title: 'CPU', text: cpuText, align: 'right' },
    { title: 'MEMORY', text: memoryText, align: 'right' },
    { title: 'LEASE', text: (n) => msText(n.leaseLeftMs), align: 'right' },
    { title: 'DEMAND', text: demandText, align: 'right', wide: true },
    { title: 'MIPS/CORE', text: coreSpeedText, align: 'right', wide: true },
    { title: 'PROCESS', text: (n) => mibText(n.memoryUsedMib), align: 'right', wide: true },
    { title: 'PID', text: (n) => String(n.pid), align: 'right', wide: true },
    { title: 'PEERS AT', text: (n) => n.peerAddress, wide: true },
  ],
}

function cpuText(node: NodeView): string {
  const { cpuGotPercent, capacity } = node
  if (!isHeard(node)) return none
  return `${countText(cpuGotPercent)} of ${percentText(capacity.cores * 100)}`
}
function demandText(node: NodeView): string {
  return isHeard(node) ? percentText(node.cpuDemandPercent) : none
}
function memoryText({ memoryReservedMib, capacity }: NodeView): string {
  return `${countText(memoryReservedMib)} of ${mibText(capacity.memoryMib)}`
}
function coreSpeedText({ capacity }: NodeView): string {
  return capacity.mipsPerCore === 0 ? 'unlimited' : countText(capacity.mipsPerCore)
}

/** What becomes of it when its node is lost, now. */
function protectionText({ spec, policy, replica }: VmView): string {
  if (replica?.phase === 'ready') return `${replica.level} on ${replica.nodeId}`
  const wanted = policy?.protection ?? (spec.ha ? 'restart' : 'none')
  return wanted === 'none' || wanted === 'restart' ? wanted : `restart (${wanted} to come)`
}

export const vmList: List<VmView> = {
  rows: (view) => view.vms,
  empty: 'No VMs. Start one: godwit run my-vm',
  columns: [
    { title: 'VM', text: (vm) => vm.id },
    { title: 'PHASE', text: vmPhaseText, paint: vmPaint },
    { title: 'NODE', text: (vm) => vm.nodeId ?? none },
    {
      title: 'CPU',
      text: (vm) => loadText(vm, (l) => percentText(l.cpuGotPercent)),
      align: 'right',
    },
    { title: 'MEMORY', text: heldText, align: 'right' },
    { title: 'DIRTY', text: dirtyText, align: 'right' },
    { title: 'WORKLOAD', text: (vm) => workloadOf(vm.spec) },
    { title: 'OWNER', text: (vm) => vm.owner ?? none, wide: true },
    { title: 'EPOCH', text: (vm) => String(vm.epoch), align: 'right', wide: true },
    { title: 'RECOVERED', text: (vm) => String(vm.recoveries), align: 'right', wide: true },
    { title: 'CLONE OF', text: (vm) => vm.clonedFrom ?? none, wide: true },
    { title: 'DISK', text: (vm) => mibText(vm.spec.diskMib), align: 'right', wide: true },
    { title: 'LAYERS', text: (vm) => String(vm.disk.layers.length), align: 'right', wide: true },
    { title: 'PROTECTION', text: protectionText, wide: true },
    {
      title: 'SPEED',
      text: (vm) => loadText(vm, (l) => mipsText(l.mips)),
      align: 'right',
      wide: true,
    },
    { title: 'ADDRESS', text: addressText, wide: true },
    { title: 'NETWORK', text: (vm) => networkText(vm.spec), wide: true },
    { title: 'MAC', text: (vm) => vm.identity.mac, wide: true },
    { title: 'ARGS', text: (vm) => vm.spec.args, wide: true },
    { title: 'FAULT', text: (vm) => vm.fault?.message ?? '', wide: true },
  ],
}

function loadText(vm: VmView, text: (load: NonNullable<VmView['load']>) => string): string {
  return vm.load && !vm.isUnknown ? text(vm.load) : none
}
/** What a guest has given up by its balloon is not its own now. */
function heldText({ spec, load }: VmView): string {
  const givenUpMib = Math.round((load?.balloonBytes ?? 0) / 2 ** 20)
  const all = mibText(spec.memoryMib)
  return givenUpMib === 0 ? all : `${countText(spec.memoryMib - givenUpMib)} of ${all}`
}
/** The address that the VM's node gives it, if its guest asks. */
function addressText({ spec, identity }: VmView): string {
  return spec.network ? ipv4OfMac(identity.mac) : none
}
function dirtyText(vm: VmView): string {
  return loadText(vm, (load) => `${countText(load.dirtyPagesPerSec)} pages/s`)
}

export const migrationList: List<MigrationView> = {
  rows: (view) => view.migrations,
  empty: 'No VM has moved yet. Move one: godwit migrate my-vm',
  columns: [
    { title: 'ID', text: (m) => m.id },
    { title: 'WHAT', text: (m) => m.purpose },
    { title: 'VM', text: (m) => m.vmId },
    { title: 'FROM', text: (m) => m.from },
    { title: 'TO', text: (m) => m.to },
    { title: 'PHASE', text: (m) => m.phase, paint: (m) => migrationPhasePaint[m.phase] },
    { title: 'ROUNDS', text: roundsText, align: 'right' },
    { title: 'SENT', text: (m) => bytesText(m.bytes), align: 'right' },
    { title: 'TOTAL', text: (m) => recordText(m, (r) => r.totalMs), align: 'right' },
    { title: 'DOWNTIME', text: (m) => recordText(m, (r) => r.downtimeMs), align: 'right' },
    { title: 'CAUSE', text: (m) => m.cause },
    { title: 'CLONES', text: (m) => m.cloneIds.join(' ') || none, wide: true },
    { title: 'HASH', text: (m) => m.record?.hash || none, wide: true },
    { title: 'FAULT', text: (m) => m.fault?.message ?? '', wide: true },
  ],
}

function roundsText({ record, round }: MigrationView): string {
  return String(record?.rounds.length ?? round + 1)
}
function recordText(
  { record }: MigrationView,
  ms: (record: NonNullable<MigrationView['record']>) => number,
): string {
  return record ? msText(ms(record)) : none
}

export const eventList: List<EventView> = {
  rows: (view) => view.events,
  empty: 'Nothing has happened yet.',
  columns: [
    { title: 'TIME', text: (e) => whenText(e.wallMs) },
    { title: 'KIND', text: (e) => e.kind, wide: true },
    { title: 'WHAT HAPPENED', text: (e) => e.text, paint: (e) => eventPaint(e) },
    { title: 'BY', text: (e) => e.by ?? '', wide: true },
    { title: 'SEQ', text: (e) => String(e.seq), align: 'right', wide: true },
  ],
}

/** 14:03:59.120 of today, 2026-04-11 14:03:59.120 of another day; in local time. */
export function whenText(wallMs: number, nowMs = Date.now()): string {
  const day = dayText(wallMs)
  return day === dayText(nowMs) ? clockTimeText(wallMs) : `${day} ${clockTimeText(wallMs)}`
}

/** 2026-04-11 14:03:59, in local time. */
export const dayTimeText = (wallMs: number): string =>
  `${dayText(wallMs)} ${clockTimeText(wallMs).slice(0, 'HH:MM:SS'.length)}`

/** 2026-04-11, in local time. */
function dayText(wallMs: number): string {
  const at = new Date(wallMs)
  const two = (n: number) => String(n).padStart(2, '0')
  return [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
}

/** 14:03:59.120, in local time. */
export function clockTimeText(wallMs: number): string {
  const at = new Date(wallMs)
  const two = (n: number) => String(n).padStart(2, '0')
  const day = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')
  return `${day}.${String(at.getMilliseconds()).padStart(3, '0')}`
}

function eventPaint({ kind }: EventView): Paint | undefined {
  if (/failed|crashed|fenced/.test(kind)) return 'red'
  if (/suspect|unreachable|fencing|recovering|cancelled|warning/.test(kind)) return 'yellow'
  return /done|recovered|online|running/.test(kind) ? 'green' : undefined
}

function nodePhaseText(n: NodeView): string {
  if (n.evacuation) return `${n.phase}, in maintenance`
  return n.phase === 'online' && n.power !== 'on' ? n.power : n.phase
}
