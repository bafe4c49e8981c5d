// Guessing is slow: after a few failed logins, of one account or from one address, each next try
// has to wait twice as long. A try counts as failed from its beginning until it has succeeded, so
// that a thousand at once gain nothing. Pure: times in ms of one clock, handed in.

/** Who mistypes three times waits for nothing. */
const freeTries = 3
const firstWaitMs = 1000
const waitMsMax = 60_000
/** Without another try, all is forgotten. */
const forgetMs = 15 * 60_000
/** Strangers can make up names for ever: the oldest is forgotten. */
const keysMax = 10_000

interface Failures {
  count: number
  lastMs: number
}

export class LoginPace {
  readonly #failures = new Map<string, Failures>()

  /** Ms until the next try may be made; 0: now. */
  waitMs(keys: readonly string[], nowMs: number): number {
    return Math.max(0, ...keys.map((key) => this.#waitOf(key, nowMs)))
  }

  /** A try begins. */
  count(keys: readonly string[], nowMs: number): void {
    for (const key of keys) {
      const before = this.#alive(key, nowMs)
      this.#failures.delete(key)
      this.#failures.set(key, { count: (before?.count ?? 0) + 1, lastMs: nowMs })
    }
    while (this.#failures.size > keysMax)
      this.#failures.delete(this.#failures.keys().next().value ?? '')
  }

  /** It succeeded: of this account nothing was guessed. An address only loses its last try. */
  forgive(account: string, address?: string): void {
    this.#failures.delete(account)
    const failures = address === undefined ? undefined : this.#failures.get(address)
    if (failures) failures.count--
  }

  #waitOf(key: string, nowMs: number): number {
    const failures = this.#alive(key, nowMs)
    if (!failures || failures.count < freeTries) return 0
    const waitMs = Math.min(waitMsMax, firstWaitMs * 2 ** (failures.count - freeTries))
    return failures.lastMs + waitMs - nowMs
  }

  #alive(key: string, nowMs: number): Failures | undefined {
    const failures = this.#failures.get(key)
    return failures && nowMs - failures.lastMs < forgetMs ? failures : undefined
  }
}
