// One client's way to an etcd in memory, on its clock: it can be cut, slow, or lose answers.
// Not here: what etcd does (scenarios/sim/sim-etcd.ts). Times in ms.

import type { Etcd } from '#coordinator/etcd/etcd-words.ts'
import { sleep } from '#env/sleep.ts'
import { type SimEtcd, unanswered } from '#scenarios/sim/sim-etcd.ts'

const latencyMs = 1

export class EtcdClient implements Etcd {
  readonly #etcd: SimEtcd
  /** Nothing arrives. */
  isCut = false
  /** What is asked is done, and no answer comes back. */
  losesAnswers = false
  /** The next request alone arrives so late. */
  nextArrivesInMs: number | undefined

  constructor(etcd: SimEtcd) {
    this.#etcd = etcd
  }

  async call(path: string, body: object, timeoutMs: number): Promise<unknown> {
    const { clock } = this.#etcd
    if (this.isCut) return this.#late(timeoutMs)
    const text = JSON.stringify(body)
    const do_ = () => this.#etcd.answer(path, JSON.parse(text) as never)
    const arrivesInMs = this.nextArrivesInMs ?? latencyMs
    this.nextArrivesInMs = undefined
    if (arrivesInMs >= timeoutMs) {
      clock.wakeAt(clock.nowMs() + arrivesInMs, () => void quietly(do_))
      return this.#late(timeoutMs)
    }
    await sleep(clock, arrivesInMs)
    if (this.losesAnswers) {
      quietly(do_)
      return this.#late(timeoutMs)
    }
    const answer = do_()
    await sleep(clock, latencyMs)
    return answer
  }

  async #late(timeoutMs: number): Promise<never> {
    await sleep(this.#etcd.clock, timeoutMs)
    throw unanswered(`nothing within ${timeoutMs} ms`)
  }
}

/** Nobody hears what comes of it. */
function quietly(act: () => unknown): void {
  try {
    act()
  } catch {
    // It was refused: that is nobody's to hear either.
  }
}
