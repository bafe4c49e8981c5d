// The way to whichever of several coordinators leads: the one that answered last is asked first,
// and when it does not lead, or cannot be reached, the others, until one does. What may have been
// done already is not asked for twice: a change whose answer was lost is told as lost.
// Not here: the way to one of them (api-wire.ts). Times in ms.

import type { Clock } from '#env/env.ts'
import { sleep } from '#env/sleep.ts'
import { Problem } from '#proto/api.ts'
import { jsonOf } from '#proto/json.ts'
import type { ApiWire, ConsoleSession, StreamHandlers, WireAnswer } from './api-wire.ts'
import { isUnsent, WebWire } from './api-wire.ts'

/** So long somebody waits while no coordinator leads: longer than an election takes. */
const searchMsMax = 12_000
const roundEveryMs = 200
/** One of several that says nothing is left for the next. */
const answerMsMax = 4000

export class SeveralWire implements ApiWire {
  readonly #wires: readonly ApiWire[]
  readonly #clock: Clock
  #at = 0

  constructor(wires: readonly ApiWire[], clock: Clock) {
    this.#wires = wires
    this.#clock = clock
  }

  async request(method: string, path: string, body?: unknown): Promise<WireAnswer> {
    const isLook = method === 'GET'
    return this.#search(
      (wire) => wire.request(method, path, body),
      (answer) => !saysNotLeader(answer),
      (thrown) => isLook || isUnsent(thrown),
    )
  }

  open(path: string, handlers: StreamHandlers): Promise<ConsoleSession> {
    return this.#search(
      (wire) => wire.open(path, handlers),
      () => true,
      () => true,
    )
  }

  /** The first answer that counts; at the end of all patience, whatever came last. */
  async #search<T>(
    ask: (wire: ApiWire) => Promise<T>,
    counts: (answer: T) => boolean,
    mayAskAnother: (thrown: unknown) => boolean,
  ): Promise<T> {
    const endMs = this.#clock.nowMs() + searchMsMax
    for (let tried = 1; ; tried++) {
      const isLast = this.#clock.nowMs() >= endMs
      try {
        const answer = await ask(this.#wires[this.#at] as ApiWire)
        if (isLast || counts(answer)) return answer
      } catch (thrown) {
        if (isLast || !mayAskAnother(thrown)) throw thrown
      }
      this.#at = (this.#at + 1) % this.#wires.length
      if (tried % this.#wires.length === 0) await sleep(this.#clock, roundEveryMs)
    }
  }
}

/** The way to one, or to whichever of these leads. */
export function wireTo(
  urls: readonly string[],
  clock: Clock,
  secret?: string,
  traceparent?: string,
): ApiWire {
  const [only, another] = urls
  if (only !== undefined && another === undefined) return new WebWire(only, secret, traceparent)
  const wires = urls.map((url) => new WebWire(url, secret, traceparent, answerMsMax))
  return new SeveralWire(wires, clock)
}

/** It says so before it does anything. */
function saysNotLeader({ status, text }: WireAnswer): boolean {
  return status === 503 && Problem.safeParse(jsonOf(text)).data?.fault.code === 'not-leader'
}
