// The only doors into the phases of a migration (or clone: the same machinery). They keep the
// indexes true, tell the story and mark the records. Who may run the VM afterwards is not decided
// here (doubt.ts, migrations.ts).

import type { Fault } from '#proto/faults.ts'
import { invariant } from '#proto/invariant.ts'
import type { MigrationRecord } from '#proto/messages.ts'
import type { MigrationPhase } from '#proto/state.ts'
import { forgetBurden } from './burdens.ts'
import { isOpen, type Migration } from './cluster-state.ts'
import { tell } from './events.ts'
import { learnLink } from './forecasts.ts'
import { endedMigrationsKept } from './limits.ts'
import { nodeOf, type Step, touch } from './step-context.ts'
import { migrationView } from './views.ts'

/** Phase → the phases it may be entered from. */
const doorsFrom: Record<MigrationPhase, readonly MigrationPhase[]> = {
  queued: [],
  copying: ['queued'],
  switching: ['copying'],
  resolving: ['copying', 'switching'],
  paging: ['copying', 'switching', 'resolving'],
  done: ['copying', 'switching', 'resolving', 'paging'],
  failed: ['queued', 'copying', 'switching', 'resolving', 'paging'],
  cancelled: ['queued', 'copying', 'switching', 'resolving'],
}

function enter(step: Step, migration: Migration, phase: MigrationPhase): void {
  invariant(
    doorsFrom[phase].includes(migration.phase),
    `migration ${migration.id} may not go from ${migration.phase} to ${phase}`,
  )
  migration.phase = phase
  touch(step, 'migration', migration.id)
}

const about = ({ id, vmId, to }: Migration) => ({ migrationId: id, vmId, nodeId: to })
const nameOf = ({ purpose, vmId, cloneIds, from, to }: Migration) =>
  purpose === 'migrate'
    ? `the migration of ${vmId} from ${from} to ${to}`
    : `the clone of ${vmId} into ${cloneIds.join(', ')} on ${to}`

/** A migration enters the cluster; the shell's queue admits it when both ends have a place. */
export function addMigration(step: Step, migration: Migration): void {
  invariant(migration.phase === 'queued', `migration ${migration.id} is not new`)
  step.state.migrations.set(migration.id, migration)
  step.state.openMigrations.add(migration.id)
  if (migration.purpose === 'migrate')
    nodeOf(step.state, migration.to).live.incoming.add(migration.id)
  forgetBurden(step.state, migration.to)
  touch(step, 'migration', migration.id)
  const { id: migrationId, from, to } = migration
  step.effects.push({ kind: 'queue-migration', migrationId, from, to })
  const { cause, why } = migration
  const text = `${nameOf(migration)} is queued (${cause}${why ? `: ${why}` : ''})`
  tell(step, 'migration-queued', text, about(migration))
}

export function becomeCopying(step: Step, migration: Migration): void {
  enter(step, migration, 'copying')
  migration.live.newsAtMs = step.nowMs
  tell(step, 'migration-started', `${nameOf(migration)} has begun`, about(migration))
}

export function becomeSwitching(step: Step, migration: Migration): void {
  if (migration.phase === 'copying') enter(step, migration, 'switching')
}

export function becomeResolving(step: Step, migration: Migration): void {
  if (migration.phase !== 'resolving') enter(step, migration, 'resolving')
}

/** Post-copy: it has moved, and its last pages come. */
export function becomePaging(step: Step, migration: Migration): void {
  if (migration.phase === 'paging') return
  enter(step, migration, 'paging')
  const isClone = migration.purpose === 'clone'
  const is = isClone ? 'runs; its pages come' : 'has switched over; its last pages come'
  const text = `${nameOf(migration)} ${is} as they are needed`
  tell(step, 'migration-paging', text, about(migration))
}

/** What an end (`done`, `failed`, `cancelled`) brings with it. */
export interface MigrationEnd {
  readonly phase: 'done' | 'failed' | 'cancelled'
  readonly fault?: Fault | undefined
  readonly record?: MigrationRecord | undefined
}

export function becomeEnded(step: Step, migration: Migration, end: MigrationEnd): void {
  enter(step, migration, end.phase)
  migration.endedAtMs = step.nowMs
  if (end.fault) migration.fault = end.fault
  if (end.record) migration.record = end.record
  migration.live.asked = undefined
  step.state.openMigrations.delete(migration.id)
  nodeOf(step.state, migration.to).live.incoming.delete(migration.id)
  forgetBurden(step.state, migration.to)
  tellEnd(step, migration, end)
  step.effects.push({ kind: 'migration-ended', migration: migrationView(migration) })
  forgetOldest(step)
}

function tellEnd(step: Step, migration: Migration, { phase, fault }: MigrationEnd): void {
  const outcome = phase === 'done' ? 'is done' : `has ended: ${fault?.message ?? phase}`
  const isClone = migration.purpose === 'clone'
  const kind = `migration-${phase}` as const
  tell(
    step,
    isClone ? (phase === 'done' ? 'clone-done' : 'clone-failed') : kind,
    `${nameOf(migration)} ${outcome}`,
    about(migration),
  )
}

/**
 * The copy is on its way out of doubt: from now on the store knows that the source will never
 * resume by itself.
 */
export function markReleased(step: Step, migration: Migration): void {
  migration.live.releasedAtMs ??= step.nowMs
  if (migration.sourceReleased) return
  // What the destination said before may be older than the copy it holds now: its next report
  // counts.
  if (migration.live.destination !== 'prepared') migration.live.destination = 'unknown'
  migration.sourceReleased = true
  touch(step, 'migration', migration.id)
}

/** Certainties about the two ends, which only ever grow. */
export function markCertain(
  step: Step,
  migration: Migration,
  what: 'sourceLost' | 'destinationLost' | 'destinationDiscarded' | 'hasMoved',
): void {
  if (migration[what]) return
  migration[what] = true
  touch(step, 'migration', migration.id)
}

/**
 * The result came after the end was known from elsewhere: it still tells how long everything took.
 */
export function addRecord(step: Step, migration: Migration, record: MigrationRecord): void {
  if (migration.record) return
  migration.record = record
  learnLink(step.state, migration, record)
  touch(step, 'migration', migration.id)
}

function forgetOldest(step: Step): void {
  const { migrations, openMigrations } = step.state
  if (migrations.size - openMigrations.size <= endedMigrationsKept) return
  for (const migration of migrations.values()) {
    if (isOpen(migration)) continue
    migrations.delete(migration.id)
    touch(step, 'migration', migration.id)
    return
  }
}
