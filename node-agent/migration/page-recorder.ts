// Writes down which pages a migration sends when, how and why, for who asks for it. Bounded: what
// would make it too long is left out, and it says so. Times in ms since the beginning.

import type { PageEncoding } from '#proto/page-frame.ts'
import { type PageLog, type PageLogEntry, runNumbersMax, runsOf } from '#proto/page-log.ts'

export interface SentPagesNote extends Omit<PageLogEntry, 'ms' | 'runs'> {
  readonly encoding: PageEncoding
  readonly pages: Uint32Array
}

export class PageRecorder {
  readonly #about: Pick<PageLog, 'vmId' | 'migrationId' | 'pageCount'>
  readonly #sinceMs: number
  readonly #entries: PageLogEntry[] = []
  #numbers = 0
  #isCut = false

  constructor(about: Pick<PageLog, 'vmId' | 'migrationId' | 'pageCount'>, sinceMs: number) {
    this.#about = about
    this.#sinceMs = sinceMs
  }

  note({ pages, ...entry }: SentPagesNote, nowMs: number): void {
    const runs = runsOf(pages)
    this.#isCut ||= this.#numbers + runs.length > runNumbersMax
    if (this.#isCut) return
    this.#numbers += runs.length
    this.#entries.push({ ...entry, ms: nowMs - this.#sinceMs, runs })
  }

  log(): PageLog {
    return { ...this.#about, isCut: this.#isCut, entries: this.#entries }
  }
}
