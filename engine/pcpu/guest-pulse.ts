// Whether a guest still answers: now and then it is asked how its memory stands (VIRTIO 1.2,
// 5.5.6.3), which its kernel answers by itself, whatever else it does. One that has answered before
// and does not any more hangs. Nothing is known of a guest that has never answered: it has no
// driver. Not here: what is done about it (../pcpu.ts), the question itself
// (../devices/virtio-balloon.ts). Host ms.

/** It costs an interrupt: often enough for people and for placement. */
const askMsMax = 10_000
/** So often within a heartbeat, so that one answer may be late. */
const asksPerHeartbeat = 3

/** What of a balloon is looked at. */
export interface Asked {
  /** What it said last; undefined: nothing yet. */
  readonly use: unknown
  /** How often it has said so. */
  readonly answers: number
}

/** What it had of its pCPU, and what it would have had: since attached. */
export interface HadTime {
  readonly ranMs: number
  readonly stolenMs: number
}

/** Whoever has had so much of its heartbeat could have answered. */
const enoughToAnswer = 0.01

export class GuestPulse {
  #askedMs = Number.NEGATIVE_INFINITY
  #answers = 0
  /** The first question that is not answered, and what it had had by then. */
  #open: (HadTime & { readonly sinceMs: number }) | undefined

  /** Whether it is to be asked now. @param heartbeatMs so long it may be silent; or for ever. */
  isDue(
    { use, answers }: Asked,
    nowMs: number,
    heartbeatMs: number | undefined,
    had: HadTime,
  ): boolean {
    if (answers !== this.#answers || use === undefined) this.#open = undefined
    this.#answers = answers
    const everyMs = Math.min(askMsMax, (heartbeatMs ?? Infinity) / asksPerHeartbeat)
    if (use === undefined || nowMs - this.#askedMs < everyMs) return false
    this.#askedMs = nowMs
    this.#open ??= { ...had, sinceMs: nowMs }
    return true
  }

  /** It could not answer: its VM stands still. */
  forgive(): void {
    this.#open = undefined
  }

  /**
   * It has left a question open for so long, and could have answered: one that is slowed down to
   * next to nothing, for a migration say, could not.
   */
  isSilent(nowMs: number, heartbeatMs: number, { ranMs, stolenMs }: HadTime): boolean {
    const open = this.#open
    if (open === undefined || nowMs - open.sinceMs < heartbeatMs) return false
    const isStarved = stolenMs - open.stolenMs > (nowMs - open.sinceMs) / 2
    return !isStarved || ranMs - open.ranMs >= heartbeatMs * enoughToAnswer
  }
}
