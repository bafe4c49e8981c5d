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

export class GuestPulse {
  #askedMs = Number.NEGATIVE_INFINITY
  #answers = 0
  /** The first question that is not answered. */
  #openSinceMs: number | undefined

  /** Whether it is to be asked now. @param heartbeatMs so long it may be silent; or for ever. */
  isDue({ use, answers }: Asked, nowMs: number, heartbeatMs: number | undefined): boolean {
    if (answers !== this.#answers || use === undefined) this.#openSinceMs = undefined
    this.#answers = answers
    const everyMs = Math.min(askMsMax, (heartbeatMs ?? Infinity) / asksPerHeartbeat)
    if (use === undefined || nowMs - this.#askedMs < everyMs) return false
    this.#askedMs = nowMs
    this.#openSinceMs ??= nowMs
    return true
  }

  /** It could not answer: its VM stands still. */
  forgive(): void {
    this.#openSinceMs = undefined
  }

  /** For how long it has left a question open. */
  silentMs(nowMs: number): number {
    return this.#openSinceMs === undefined ? 0 : nowMs - this.#openSinceMs
  }
}
