// Keeps what the coordinator's views show over time: migrations by id (a view holds only the last),
// failovers, and the cluster's own story, line by line. Pure. Times in ms of the run.

import type { ClusterView, EventView, MigrationView } from '#proto/api.ts'
import { invariant } from '#proto/invariant.ts'
import type { FailoverRecord, Tracks } from '../report/recording.ts'
import { FailoverWatch } from './failover-watch.ts'
import { TrackKeeper } from './tracks.ts'

export class Chronicle {
  readonly #migrations = new Map<string, MigrationView>()
  readonly #failovers = new FailoverWatch()
  readonly #tracks = new TrackKeeper()
  readonly events: { readonly atMs: number; readonly text: string }[] = []
  #view: ClusterView | undefined
  #lastEventSeq = -1

  /** Takes a view in; answers with the events that no view before it had. */
  onView(view: ClusterView, nowMs: number): EventView[] {
    this.#view = view
    for (const migration of view.migrations) this.#migrations.set(migration.id, migration)
    this.#failovers.onView(view, nowMs)
    this.#tracks.onView(view, nowMs)
    const lastSeq = view.events.at(-1)?.seq ?? -1
    // A coordinator that was restarted may count its events anew.
    if (lastSeq < this.#lastEventSeq) this.#lastEventSeq = -1
    const news = view.events.filter((event) => event.seq > this.#lastEventSeq)
    this.#lastEventSeq = Math.max(this.#lastEventSeq, lastSeq)
    for (const { text } of news) this.events.push({ atMs: nowMs, text })
    return news
  }

  /** There is no coordinator that shows anything, from now to the next view. */
  unseen(nowMs: number): void {
    this.#tracks.unseen(nowMs)
  }

  breaks(nodeId: string, cause: FailoverRecord['cause'], nowMs: number): void {
    this.#failovers.broken(nodeId, cause, nowMs, this.view)
  }

  get hasView(): boolean {
    return this.#view !== undefined
  }

  /** The last view, with every migration of the run. */
  get view(): ClusterView {
    invariant(this.#view, 'no view has come yet')
    return this.#view
  }

  get whole(): ClusterView {
    return { ...this.view, migrations: this.migrations }
  }

  get migrations(): MigrationView[] {
    return [...this.#migrations.values()]
  }

  get tracks(): Tracks {
    return this.#tracks.tracks
  }

  get recoveriesBefore(): ReadonlyMap<string, number> {
    return this.#failovers.recoveriesBefore
  }

  get failovers(): FailoverRecord[] {
    return this.#failovers.records
  }
}
