// Requests to a guest and their answers, over one line: each is repeated until it is answered.
// Every request here must be harmless to repeat: reads, pings, and writes of a value that stays the
// same. Line protocol: docs/guest.md. Times in ms.

import type { Clock } from '#env/env.ts'
import type { ApiClient } from './api-client.ts'
import { GuestLine } from './guest-line.ts'

interface Waiting {
  readonly line: string
  saidAtMs: number
  readonly onAnswer: (words: readonly string[]) => void
}

/**
 * Longer than any switchover, shorter than a person's patience: input can be lost with a dead node.
 */
const repeatMs = 2000
const lookMs = 500

export class GuestRequests {
  readonly #clock: Clock
  readonly #prefix: string
  readonly #line: GuestLine
  readonly #waiting = new Map<string, Waiting>()
  #number = 0
  #closed = false

  /**
   * `prefix`: tells this client's requests from others' on the same console; 1-6 of [a-z0-9], with
   * a digit.
   */
  constructor(api: ApiClient, clock: Clock, vmId: string, prefix: string) {
    this.#clock = clock
    this.#prefix = prefix
    this.#line = new GuestLine(api, clock, vmId, false, {
      onOpen: () => this.#repeat(0),
      onLine: (text) => this.#heard(text),
    })
    this.#look()
  }

  /** Asks `<verb> <words…>`; `onAnswer` gets the words after the request's id, once. */
  ask(request: string, onAnswer: (words: readonly string[]) => void): void {
    const id = `${this.#prefix}.${(this.#number++).toString(36)}`
    const line = `${id} ${request}`
    this.#waiting.set(id, { line, saidAtMs: this.#clock.nowMs(), onAnswer })
    this.#line.say(line)
  }

  /** Requests without an answer yet. */
  get unanswered(): number {
    return this.#waiting.size
  }

  close(): void {
    this.#closed = true
    this.#line.close()
  }

  #heard(text: string): void {
    const [id = '', ...words] = text.split(' ')
    const request = this.#waiting.get(id)
    if (request === undefined) return
    this.#waiting.delete(id)
    request.onAnswer(words)
  }

  #look(): void {
    this.#clock.wakeAt(this.#clock.nowMs() + lookMs, () => {
      if (this.#closed) return
      this.#repeat(repeatMs)
      this.#look()
    })
  }

  /** Says again, oldest first, what has waited for at least `olderThanMs`. */
  #repeat(olderThanMs: number): void {
    const nowMs = this.#clock.nowMs()
    for (const request of this.#waiting.values()) {
      if (nowMs - request.saidAtMs < olderThanMs) continue
      request.saidAtMs = nowMs
      this.#line.say(request.line)
    }
  }
}
