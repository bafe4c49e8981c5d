// Relying on the store's pages for longer than a mark counts: the mark is made anew now and then.
// Not here: what a mark is (../snapshots/store-files.ts). Times in ms.

import { FaultError } from '#proto/faults.ts'
import { type Mark, markUsing, type StorePorts } from '../snapshots/store-files.ts'

/** Well before a mark is taken for a dead node's. */
const renewMs = 3 * 60_000

export class StoreUse {
  readonly #ports: StorePorts
  #mark: Mark
  #madeMs: number

  private constructor(ports: StorePorts, mark: Mark) {
    this.#ports = ports
    this.#mark = mark
    this.#madeMs = ports.clock.nowMs()
  }

  /** Throws a FaultError while the store is being cleared. */
  static async begin(ports: StorePorts): Promise<StoreUse> {
    return new StoreUse(ports, await mark(ports))
  }

  /** To be called now and then. */
  async goOn(): Promise<void> {
    const { clock } = this.#ports
    if (clock.nowMs() - this.#madeMs < renewMs) return
    const next = await mark(this.#ports)
    this.#mark()
    this.#mark = next
    this.#madeMs = clock.nowMs()
  }

  end(): void {
    this.#mark()
  }
}

async function mark(ports: StorePorts): Promise<Mark> {
  const made = await markUsing(ports)
  if (typeof made !== 'function') throw new FaultError(made.fault)
  return made
}
