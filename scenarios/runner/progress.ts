// What a person sees while a scenario runs: one line a thing that happens. Times in ms of the run.
// Not here: how a line is printed (cli/), and what is kept for the report (report/recording.ts).

import type { EventView } from '#proto/api.ts'

export interface Progress {
  readonly atMs: number
  /**
   * `event`: the cluster's own words. `step` and `verdict`: the scenario's. `cluster`: the run
   * itself.
   */
  readonly kind: 'cluster' | 'step' | 'event' | 'verdict'
  readonly text: string
  /** A step that failed, or an expectation that did not hold. */
  readonly isBad: boolean
}

/** What the steps' own lines say already, or what nobody wants to read twenty times. */
const quiet: ReadonlySet<EventView['kind']> = new Set([
  'vm-placed',
  'vm-running',
  'migration-queued',
  'node-online',
  'coordinator-started',
])

export const isNews = (event: EventView): boolean => !quiet.has(event.kind)
