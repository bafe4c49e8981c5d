// ClusterViews for the tests of what shows them (terminal, page): a cluster at work, with every
// phase in it. Numbers are plausible and fixed. Not here: a coordinator that acts
// (coordinator-double.ts).

import type {
  ClusterView,
  EventView,
  MigrationView,
  NodeView,
  TemplateView,
  VmView,
} from '#proto/api.ts'
import { haSettingsDefault } from '#proto/ha.ts'
import type { LaboratoryView } from '#proto/laboratory.ts'
import type { Forecast } from '#proto/pre-copy/forecast.ts'
import { VmSpec, type VmSpecInput } from '#proto/vm-spec.ts'
import { noPower } from '../scenarios/no-power.ts'

export function nodeView(id: string, some: Partial<NodeView> = {}): NodeView {
  return {
    id,
    phase: 'online',
    capacity: { cores: 2, mipsPerCore: 100, memoryMib: 1024 },
    peerAddress: 'ws://127.0.0.1:40001',
    pid: 4242,
    cpuDemandPercent: 90,
    cpuGotPercent: 84,
    memoryUsedMib: 131,
    memoryReservedMib: 160,
    vmCount: 4,
    power: 'on',
    leaseLeftMs: 2310,
    ...some,
  }
}

export function vmView(
  id: string,
  spec: VmSpecInput,
  some: Partial<Omit<VmView, 'id' | 'spec'>> = {},
): VmView {
  return {
    id,
    phase: 'running',
    spec: VmSpec.parse(spec),
    identity: {
      instanceId: '0b6f6c4e-6c0b-4f0c-9c8e-0a5d0f3c1b2a',
      mac: '52:54:00:1a:2b:3c',
      randomSeed: '5a'.repeat(32),
    },
    disk: { sizeBytes: 0, layers: [] },
    nodeId: 'n1',
    epoch: 3,
    recoveries: 0,
    load: {
      cpuDemandPercent: 31,
      cpuGotPercent: 30,
      mips: 29,
      touchedBytes: 9_000_000,
      dirtyPagesPerSec: 210,
    },
    ...some,
  }
}

export function migrationView(id: string, some: Partial<MigrationView> = {}): MigrationView {
  return {
    id,
    purpose: 'migrate',
    vmId: 'ledger',
    cloneIds: [],
    from: 'n1',
    to: 'n2',
    phase: 'copying',
    cause: 'operator',
    round: 2,
    sentPages: 1234,
    pagesOfRound: 2048,
    bytes: 38_600_000,
    expectedDowntimeMs: 14.2,
    queuedAtMs: 10_000,
    ...some,
  }
}

/** All nodes run, and no link is cut. */
export const laboratoryView = (...ids: string[]): LaboratoryView => ({
  nodes: ids.map((id) => ({
    ...{ id, process: 'running' as const },
    cut: { coordinator: false, peers: false },
  })),
  links: [],
})

export const forecastView = (): Forecast => ({
  ...{ verdict: 'fits', way: 'converges' },
  rounds: { expected: 3, low: 2, high: 4 },
  bytes: { expected: 19_400_000, low: 19_000_000, high: 21_000_000 },
  totalMs: { expected: 84, low: 50.5, high: 158 },
  downtimeMs: { expected: 9.6, low: 4.3, high: 16.7 },
})

export function doneMigration(id: string, some: Partial<MigrationView> = {}): MigrationView {
  const round = {
    round: 0,
    pages: 8192,
    zeroPages: 4100,
    bytes: 16_900_000,
    ms: 240,
    dirtyPages: 410,
  }
  return migrationView(id, {
    phase: 'done',
    round: 2,
    bytes: 18_900_000,
    endedAtMs: 10_412,
    expectedDowntimeMs: 8.9,
    record: {
      rounds: [round, { ...round, round: 1, pages: 410 }, { ...round, round: 2, pages: 31 }],
      bytes: 18_900_000,
      pages: 8633,
      zeroPages: 4100,
      totalMs: 412,
      downtimeMs: 9.4,
      hash: '9f3ac01be5d87724',
    },
    ...some,
  })
}

const beganMs = Date.UTC(2026, 10, 23, 9, 14, 2)

export function eventView(seq: number, kind: EventView['kind'], text: string): EventView {
  return { seq, wallMs: beganMs + seq * 1370, atMs: seq * 1370, kind, text }
}

export const templateView = (name: string, some: Partial<TemplateView> = {}): TemplateView => ({
  ...{ name, about: '', phase: 'ready', memoryMib: 32, diskMib: 16 },
  ...{ image: 'godwit-guest', args: 'workload=kv', takenWallMs: Date.UTC(2026, 3, 11, 9) },
  ...some,
})

export function clusterView(some: Partial<ClusterView> = {}): ClusterView {
  return {
    clusterId: 'tour',
    ha: haSettingsDefault,
    rules: [],
    power: noPower,
    version: '0.1.0',
    revision: 41,
    nodes: [],
    vms: [],
    migrations: [],
    events: [],
    ...some,
  }
}

/**
 * Three nodes online, one lost; a migration under way, clones, VMs in every phase, a past and a
 * story.
 */
export function busyCluster(): ClusterView {
  return clusterView({ nodes: nodes(), vms: vms(), migrations: migrations(), events: events() })
}

function nodes(): NodeView[] {
  return [
    nodeView('n1', { cpuGotPercent: 187, memoryReservedMib: 224, vmCount: 5 }),
    nodeView('n2', { cpuGotPercent: 61, memoryReservedMib: 352, vmCount: 6, leaseLeftMs: 2480 }),
    nodeView('n3', {
      phase: 'suspect',
      cpuGotPercent: 12,
      memoryReservedMib: 64,
      leaseLeftMs: 740,
    }),
    nodeView('n4', {
      phase: 'fenced',
      cpuGotPercent: 0,
      memoryReservedMib: 0,
      vmCount: 0,
      leaseLeftMs: 0,
    }),
  ]
}

const kv = { args: 'workload=kv', memoryMib: 32, diskMib: 16 }
const idle = {
  cpuDemandPercent: 2,
  cpuGotPercent: 2,
  mips: 2,
  touchedBytes: 1,
  dirtyPagesPerSec: 4,
}

function vms(): VmView[] {
  const clones = [1, 2, 3, 4, 5].map((n) =>
    vmView(`shop-${n}`, kv, { nodeId: 'n2', clonedFrom: 'shop', load: idle }),
  )
  return [
    vmView('ledger', kv, { phase: 'migrating' }),
    vmView('shop', kv, { load: idle }),
    vmView('crunch', { args: 'workload=cpu load=80' }, { nodeId: 'n1' }),
    vmView('proof', { args: 'workload=check mib=8 rate=1000' }, { phase: 'paused' }),
    vmView('scratch-writes-a-lot', { args: 'workload=dirty wss=16 rate=2000', memoryMib: 64 }),
    ...clones,
    vmView('night-job', { args: 'workload=cpu load=30' }, { nodeId: 'n3', phase: 'recovering' }),
    ...homelessVms().map(away),
  ]
}

function homelessVms(): VmView[] {
  const noRoom = 'No node has 2048 MiB free; add a node or stop a VM.'
  const lost = 'Its node n4 is lost and ha is off; start it again.'
  return [
    vmView('archive', kv, { phase: 'stopped' }),
    vmView(
      'huge',
      { memoryMib: 2048 },
      { phase: 'pending', fault: { code: 'no-room', message: noRoom } },
    ),
    vmView(
      'solo',
      { ha: false },
      { phase: 'failed', fault: { code: 'lease-lost', message: lost } },
    ),
  ]
}

/** On no node, and so without load. */
function away({ nodeId: _node, load: _load, ...vm }: VmView): VmView {
  return vm
}

function migrations(): MigrationView[] {
  return [
    doneMigration('m-1', { vmId: 'shop' }),
    doneMigration('m-2', {
      purpose: 'clone',
      vmId: 'shop',
      cloneIds: ['shop-1', 'shop-2', 'shop-3'],
    }),
    doneMigration('m-3', { vmId: 'crunch', from: 'n2', to: 'n1', cause: 'rebalance' }),
    migrationView('m-4', {
      vmId: 'scratch-writes-a-lot',
      phase: 'failed',
      to: 'n4',
      fault: { code: 'link-lost', message: 'The destination n4 is gone; the VM goes on at n1.' },
    }),
    migrationView('m-5'),
  ]
}

function events(): EventView[] {
  return [
    eventView(1, 'coordinator-started', 'The coordinator has started.'),
    eventView(2, 'node-online', 'Node n1 is online.'),
    eventView(3, 'node-online', 'Node n2 is online.'),
    eventView(4, 'vm-running', 'VM ledger runs on n1.'),
    eventView(5, 'migration-done', 'VM shop moved from n1 to n2 in 412 ms, downtime 9.4 ms.'),
    eventView(6, 'clone-done', 'VM shop was cloned three times on n2.'),
    eventView(7, 'node-suspect', 'Node n4 has stopped answering.'),
    eventView(8, 'node-fenced', 'Node n4 is fenced: its lease is over.'),
    eventView(9, 'vm-recovered', 'VM crunch runs again, on n1, 3,102 ms after its node was lost.'),
    eventView(10, 'migration-started', 'VM ledger moves from n1 to n2.'),
  ]
}
