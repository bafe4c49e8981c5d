// How far a long transfer has come, as one line that is drawn again in place: what part, how fast,
// and how long it will still take at that pace. Nothing is drawn where nobody looks. Ms, bytes.

import type { Clock } from '#env/env.ts'
import { bar, bytesText, msText } from '#proto/quantity.ts'
import type { Cli } from './cli.ts'
import type { LiveBlock } from './terminal.ts'

const barWidth = 24
/** Often enough to look alive, seldom enough to cost nothing. */
const drawEveryMs = 100

export class TransferProgress {
  readonly #clock: Clock
  readonly #title: string
  readonly #live: LiveBlock | undefined
  readonly #beganMs: number
  #drawnMs = Number.NEGATIVE_INFINITY

  constructor({ clock, terminal }: Pick<Cli, 'clock' | 'terminal'>, title: string) {
    this.#clock = clock
    this.#title = title
    this.#live = terminal.notesInteractive ? terminal.live('stderr') : undefined
    this.#beganMs = clock.nowMs()
  }

  /** `part`: of all that is to be done, 0 to 1; `bytes`: what has been moved. */
  see(part: number, bytes: number): void {
    const nowMs = this.#clock.nowMs()
    if (!this.#live || nowMs - this.#drawnMs < drawEveryMs) return
    this.#drawnMs = nowMs
    this.#live.draw(progressText(this.#title, part, bytes, nowMs - this.#beganMs))
  }

  get tookMs(): number {
    return this.#clock.nowMs() - this.#beganMs
  }

  end(): void {
    this.#live?.clear()
  }
}

/** `shop.gwt  ██████░░░░  25 %  12.3 MB  6.1 MB/s  another 6 s`. */
export function progressText(title: string, part: number, bytes: number, tookMs: number): string {
  const parts = [title, bar(part, barWidth), `${Math.floor(100 * part)} %`, bytesText(bytes)]
  if (tookMs > 0) parts.push(`${bytesText(Math.round((1000 * bytes) / tookMs))}/s`)
  // Before that a pace says little.
  const isKnown = part > 0 && part < 1 && tookMs > 500
  if (isKnown) parts.push(`another ${msText(Math.ceil((tookMs * (1 - part)) / part))}`)
  return parts.join('  ')
}
