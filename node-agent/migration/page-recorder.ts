// Writes down which pages a migration sends when, how and why, for who asks for it. Bounded: what
// would make it too long is left out, and it says so. Times in ms since the beginning.

import type { PageEncoding } from '#proto/page-frame.ts'
import { type PageLog, type PageLogEntry, runNumbersMax, runsOf } from '#proto/page-log.ts'

/**
 * It goes to the coordinator in one message with the result, which may have controlBytesMax. What
 * an entry takes there by its names and numbers at most, and each number of its runs.
 */
const logBytesMax = 3 << 20
const entryBytes = 80
const numberBytes = 5

export interface SentPagesNote extends Omit<PageLogEntry, 'ms' | 'runs'> {
  readonly encoding: PageEncoding
  readonly pages: Uint32Array
}

export class PageRecorder {
  readonly #about: Pick<PageLog, 'vmId' | 'migrationId' | 'pageCount'>
  readonly #sinceMs: number
  readonly #entries: PageLogEntry[] = []
  #numbers = 0
  #bytes = 0
  #isCut = false

  constructor(about: Pick<PageLog, 'vmId' | 'migrationId' | 'pageCount'>, sinceMs: number) {
    this.#about = about
    this.#sinceMs = sinceMs
  }

  note({ pages, ...entry }: SentPagesNote, nowMs: number): void {
    const runs = runsOf(pages)
    const bytes = this.#bytes + entryBytes + runs.length * numberBytes
    this.#isCut ||= this.#numbers + runs.length > runNumbersMax || bytes > logBytesMax
    if (this.#isCut) return
    this.#numbers += runs.length
    this.#bytes = bytes
    this.#entries.push({ ...entry, ms: nowMs - this.#sinceMs, runs })
  }

  log(): PageLog {
    return { ...this.#about, isCut: this.#isCut, entries: this.#entries }
  }
}
