// How often somebody may ask: a bucket each, which holds so many requests and fills up again at a
// steady rate. Pure: times in ms of one clock, handed in.
// Source: the token bucket of RFC 2697 and its relatives, counted in requests.

/** A page that draws much at once, and a script that loops without a pause, both fit. */
const requestsMax = 300
const perSecond = 100
/** A stranger without an account has less. */
const strangerPart = 0.2
const keysMax = 10_000

interface Bucket {
  level: number
  atMs: number
}

export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>()

  /** Takes one; or says in how many ms there will be one. */
  take(key: string, nowMs: number, isStranger: boolean): number {
    const part = isStranger ? strangerPart : 1
    const before = this.#buckets.get(key) ?? { level: requestsMax * part, atMs: nowMs }
    const filled = before.level + ((nowMs - before.atMs) / 1000) * perSecond * part
    const level = Math.min(requestsMax * part, filled)
    this.#buckets.delete(key)
    this.#buckets.set(key, { level: level < 1 ? level : level - 1, atMs: nowMs })
    if (this.#buckets.size > keysMax) this.#buckets.delete(this.#buckets.keys().next().value ?? '')
    return level < 1 ? ((1 - level) / (perSecond * part)) * 1000 : 0
  }
}
