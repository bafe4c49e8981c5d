// What the node tells Prometheus. Names end in their unit (Prometheus' conventions); no VM's name
// is ever a label, so that the number of series does not grow with the number of VMs.
// Not here: the HTTP port (process.ts).

import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { MigrationRecord } from '#proto/messages.ts'
import { mebibyte } from '#proto/units.ts'
import { lossReasons, type Traffic } from './network/traffic.ts'

/** Read each time somebody asks. */
export interface NodeNumbers {
  readonly vmsByState: ReadonlyMap<string, number>
  readonly reservedMib: number
  readonly capacityMib: number
  readonly cpuDemandPercent: number
  readonly cpuGotPercent: number
  readonly leaseLeftMs: number
  readonly isJoined: boolean
  readonly traffic: Traffic
  readonly trunks: number
  readonly learnedAddresses: number
}

const states = [
  ...['starting', 'running', 'paused', 'incoming', 'prepared', 'released', 'stranded'],
] as const

export class NodeMetrics {
  readonly #registry = new Registry()
  readonly #migrations: Counter<'purpose' | 'outcome'>
  readonly #sentBytes: Counter
  readonly #downtime: Histogram
  readonly #total: Histogram
  readonly #fenced: Counter
  readonly #heartbeats: Counter

  constructor(read: () => NodeNumbers) {
    const registers = [this.#registry]
    this.#gauges(read)
    this.#networkCounters(read)
    this.#migrations = new Counter({
      name: 'godwit_node_migrations_total',
      help: 'Migrations and clones of which this node was the source and that have ended.',
      labelNames: ['purpose', 'outcome'],
      registers,
    })
    this.#sentBytes = new Counter({
      name: 'godwit_node_migration_sent_bytes_total',
      help: 'Bytes of page frames sent.',
      registers,
    })
    this.#downtime = new Histogram({
      name: 'godwit_node_migration_downtime_seconds',
      help: 'From the pause at this node until the VM ran at the other (clones: at this one).',
      buckets: [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3, 1, 3],
      registers,
    })
    this.#total = new Histogram({
      name: 'godwit_node_migration_duration_seconds',
      help: 'From the command until the end of the migration.',
      buckets: [0.05, 0.1, 0.3, 1, 3, 10, 30, 100],
      registers,
    })
    this.#fenced = new Counter({
      name: 'godwit_node_fenced_vms_total',
      help: 'VMs that this node stopped because its lease was over.',
      registers,
    })
    this.#heartbeats = new Counter({
      name: 'godwit_node_heartbeats_total',
      help: 'Heartbeats sent.',
      registers,
    })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  heartbeat(): void {
    this.#heartbeats.inc()
  }

  fenced(): void {
    this.#fenced.inc()
  }

  /** @param outcome `done`, or the code of the fault that ended it. */
  migrationEnded(purpose: 'migrate' | 'clone', outcome: string, record: MigrationRecord): void {
    this.#migrations.inc({ purpose, outcome })
    this.#sentBytes.inc(record.bytes)
    if (outcome !== 'done') return
    this.#downtime.observe(record.downtimeMs / 1000)
    this.#total.observe(record.totalMs / 1000)
  }

  #gauges(read: () => NodeNumbers): void {
    this.#gauge('lease_left_seconds', 'Until protected VMs must stop.', () => {
      return Math.max(0, read().leaseLeftMs) / 1000
    })
    this.#gauge('joined', '1 while the coordinator is connected.', () => Number(read().isJoined))
    this.#gauge('memory_reserved_bytes', 'RAM of all VMs, arriving ones too.', () => {
      return read().reservedMib * mebibyte
    })
    this.#gauge('memory_capacity_bytes', 'RAM that VMs may have.', () => {
      return read().capacityMib * mebibyte
    })
    this.#gauge('cpu_demand_cores', 'Cores the VMs could have used.', () => {
      return read().cpuDemandPercent / 100
    })
    this.#gauge('cpu_used_cores', 'Cores the VMs have used.', () => read().cpuGotPercent / 100)
    new Gauge({
      name: 'godwit_node_vms',
      help: 'VMs by state.',
      labelNames: ['state'],
      registers: [this.#registry],
      collect() {
        for (const state of states) this.set({ state }, read().vmsByState.get(state) ?? 0)
      },
    })
  }

  #networkCounters(read: () => NodeNumbers): void {
    this.#gauge('network_trunks', 'Other nodes that guests here can reach.', () => read().trunks)
    this.#gauge('network_learned_addresses', 'Addresses heard from other nodes.', () => {
      return read().learnedAddresses
    })
    for (const what of ['frames', 'bytes'] as const)
      this.#counter(
        `network_${what}_total`,
        `Ethernet ${what} through the switch: in from a VM or a trunk, or out to one.`,
        ['port', 'direction'],
        (count) => {
          for (const port of ['vm', 'trunk'] as const)
            for (const direction of ['in', 'out'] as const)
              count({ port, direction }, read().traffic[port][direction][what])
        },
      )
    this.#counter(
      'network_lost_frames_total',
      'Frames that went nowhere, by the reason.',
      ['reason'],
      (count) => {
        for (const reason of lossReasons) count({ reason }, read().traffic.lost[reason])
      },
    )
  }

  /** Of what is counted elsewhere, read each time somebody asks. */
  #counter<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    read: (count: (labels: Record<Label, string>, value: number) => void) => void,
  ): void {
    new Counter({
      name: `godwit_node_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset()
        read((labels, value) => this.inc(labels, value))
      },
    })
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name: `godwit_node_${name}`,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }
}
