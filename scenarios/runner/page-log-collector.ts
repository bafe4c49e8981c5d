// Fetches the page log of each migration of a run soon after its end: the coordinator keeps them in
// memory, and only the newest. What it has not got (the run ended before, the coordinator was
// killed) is left out: a report has a picture less, and no run fails for it. Not here: what is
// drawn of them (report/heat-map.ts).

import type { ClusterView } from '#proto/api.ts'
import type { PageLog } from '#proto/page-log.ts'
import { migrationHasEnded } from '#proto/state.ts'
import type { ApiClient } from '../api-client.ts'

/** So many are fetched in a run: a report draws no more, and a storm of moves stays small. */
export const pageLogsMax = 24

export class PageLogCollector {
  readonly #api: () => ApiClient
  readonly #logs = new Map<string, PageLog | undefined>()
  readonly #asked: Promise<void>[] = []

  constructor(api: () => ApiClient) {
    this.#api = api
  }

  onView({ migrations }: ClusterView): void {
    for (const { id, purpose, phase } of migrations) {
      if (purpose !== 'migrate' || !migrationHasEnded(phase) || this.#logs.has(id)) continue
      if (this.#logs.size >= pageLogsMax) return
      this.#logs.set(id, undefined)
      this.#asked.push(this.#fetch(id))
    }
  }

  /** Asks once more for what was not there yet: a source's last word may come after the end. */
  async settle(): Promise<void> {
    await Promise.all(this.#asked)
    const missing = [...this.#logs].filter(([, log]) => log === undefined)
    await Promise.all(missing.map(([id]) => this.#fetch(id)))
  }

  get logs(): PageLog[] {
    return [...this.#logs.values()].filter((log) => log !== undefined)
  }

  async #fetch(id: string): Promise<void> {
    try {
      this.#logs.set(id, await this.#api().pageLog(id))
    } catch {
      // Refused, or the coordinator is away: nothing of it is drawn.
    }
  }
}
