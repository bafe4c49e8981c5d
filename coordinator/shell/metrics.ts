// What the coordinator tells Prometheus: godwit_coordinator_…, in base units (seconds, bytes),
// without ids as labels. Gauges are counted when they are asked for; the rest is counted as it
// happens, and told from 0 on: of a series that begins with 1 Prometheus sees no increase.

import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { MigrationPhase, migrationHasEnded, NodePhase, VmPhase } from '#proto/state.ts'
import type { Coordinator } from '../coordinator.ts'
import { isUnknown } from '../core/views.ts'

export interface CoordinatorMetrics {
  readonly contentType: string
  text(): Promise<string>
}

export function createMetrics(coordinator: Coordinator): CoordinatorMetrics {
  const registry = new Registry()
  countPhases(coordinator, registry)
  countMigrations(coordinator, registry)
  countDecisions(coordinator, registry)
  countMerges(coordinator, registry)
  return { contentType: registry.contentType, text: () => registry.metrics() }
}

function countPhases({ state }: Coordinator, registry: Registry): void {
  const gauge = (name: string, help: string, phases: readonly string[], rows: Rows) =>
    new Gauge({
      ...{ name: `godwit_coordinator_${name}`, help, labelNames: ['phase'] },
      registers: [registry],
      collect() {
        const counts = new Map(phases.map((phase) => [phase, 0]))
        for (const { phase } of rows()) counts.set(phase, (counts.get(phase) ?? 0) + 1)
        for (const [phase, count] of counts) this.set({ phase }, count)
      },
    })
  const open = () => [...state.openMigrations].flatMap((id) => state.migrations.get(id) ?? [])
  const openPhases = MigrationPhase.options.filter((phase) => !migrationHasEnded(phase))
  const vms = () =>
    [...state.vms.values()].map((vm) => ({ phase: isUnknown(state, vm) ? 'unknown' : vm.phase }))
  gauge('nodes', 'Nodes by phase.', NodePhase.options, () => state.nodes.values())
  gauge('vms', 'VMs by phase; unknown: its node is silent.', [...VmPhase.options, 'unknown'], vms)
  gauge('migrations_open', 'Migrations and clones that have not ended.', openPhases, open)
}

type Rows = () => Iterable<{ readonly phase: string }>

const purposes = ['migrate', 'clone'] as const
const outcomes = MigrationPhase.options.filter(migrationHasEnded)
const namesOf = { totalMs: 'total', downtimeMs: 'downtime', bytes: 'bytes' } as const

function countMigrations(coordinator: Coordinator, registry: Registry): void {
  const registers = [registry]
  const labelNames = ['purpose', 'outcome'] as const
  const ended = new Counter({
    name: 'godwit_coordinator_migrations_total',
    help: 'Migrations and clones that have ended.',
    ...{ labelNames, registers },
  })
  const downtime = new Histogram({
    name: 'godwit_coordinator_migration_downtime_seconds',
    help: 'From the pause at the source to the first instruction at the destination.',
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    ...{ labelNames: ['purpose'] as const, registers },
  })
  const total = new Histogram({
    name: 'godwit_coordinator_migration_total_seconds',
    help: 'From the beginning of the copy to the release by the source.',
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300],
    ...{ labelNames: ['purpose'] as const, registers },
  })
  const forecasts = new Histogram({
    name: 'godwit_coordinator_migration_forecast_ratio',
    help: 'What was measured of a migration, as a multiple of what its forecast expected.',
    buckets: [0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.33, 2, 4],
    ...{ labelNames: ['of'] as const, registers },
  })
  for (const purpose of purposes) {
    for (const outcome of outcomes) ended.inc({ purpose, outcome }, 0)
    for (const histogram of [downtime, total]) histogram.zero({ purpose })
  }
  for (const of of Object.values(namesOf)) forecasts.zero({ of })
  coordinator.observe({
    migrationEnded: ({ purpose, phase, record, forecast }) => {
      ended.inc({ purpose, outcome: phase })
      if (phase !== 'done' || !record) return
      downtime.observe({ purpose }, record.downtimeMs / 1000)
      total.observe({ purpose }, record.totalMs / 1000)
      for (const key of ['totalMs', 'downtimeMs', 'bytes'] as const)
        if (forecast && forecast[key].expected > 0)
          forecasts.observe({ of: namesOf[key] }, record[key] / forecast[key].expected)
    },
  })
}

function countDecisions(coordinator: Coordinator, registry: Registry): void {
  const registers = [registry]
  const leads = new Gauge({
    name: 'godwit_coordinator_leads',
    help: '1: it leads; 0: it waits until it is needed.',
    registers,
  })
  leads.set(1)
  const fences = new Counter({
    name: 'godwit_coordinator_fences_total',
    help: 'Nodes whose lease and margin ran out.',
    registers,
  })
  const recoveries = new Counter({
    name: 'godwit_coordinator_recoveries_total',
    help: 'VMs that run again after their node was lost.',
    registers,
  })
  const steps = new Histogram({
    name: 'godwit_coordinator_step_seconds',
    help: 'From an input to the last of its effects carried out, the store included.',
    buckets: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1],
    ...{ labelNames: ['input'] as const, registers },
  })
  coordinator.observe({
    carriedOut: ({ kind }, tookMs) => steps.observe({ input: kind }, tookMs / 1000),
    event: ({ kind }) => {
      if (kind === 'node-fenced') fences.inc()
      if (kind === 'vm-recovered') recoveries.inc()
    },
  })
}

function countMerges(coordinator: Coordinator, registry: Registry): void {
  const registers = [registry]
  const { vms } = coordinator.state
  new Gauge({
    name: 'godwit_coordinator_disk_layers_max',
    help: 'Layers of the disk that has most of them.',
    registers,
    collect() {
      this.set([...vms.values()].reduce((most, vm) => Math.max(most, vm.disk.layers.length), 0))
    },
  })
  const merges = new Counter({
    name: 'godwit_coordinator_layer_merges_total',
    help: 'Merges of layers of disks that have ended.',
    ...{ labelNames: ['outcome'] as const, registers },
  })
  for (const outcome of ['done', 'failed']) merges.inc({ outcome }, 0)
  coordinator.observe({
    event: ({ kind }) => {
      if (kind === 'layers-merged') merges.inc({ outcome: 'done' })
      if (kind === 'merge-failed') merges.inc({ outcome: 'failed' })
    },
  })
}
