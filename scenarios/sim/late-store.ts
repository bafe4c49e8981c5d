// A store that is durable a moment later, as etcd is: what a coordinator had not written when it
// died was never written, and whoever heard of it before heard too much. Not here: a store that is
// durable at once (sim-coordinator.ts). Virtual ms.

import type { AccountShelf } from '#coordinator/accounts/records.ts'
import type { RecordKey, StoredRecord } from '#coordinator/core/records.ts'
import type { ClusterStore } from '#coordinator/store.ts'
import type { Clock } from '#env/env.ts'

export class LateStore implements ClusterStore {
  readonly #store: ClusterStore
  readonly #clock: Clock
  readonly #lagMs: number
  readonly #stir: () => void

  /**
   * @param clock of the coordinator that writes: what it had to do dies with it
   * @param stir somebody has a promise that was kept
   */
  constructor(store: ClusterStore, clock: Clock, lagMs: number, stir: () => void) {
    this.#store = store
    this.#clock = clock
    this.#lagMs = lagMs
    this.#stir = stir
  }

  get people(): AccountShelf {
    return this.#store.people
  }

  load(): StoredRecord[] {
    return this.#store.load()
  }

  apply(puts: readonly StoredRecord[], deletes: readonly RecordKey[]): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.wakeAt(this.#clock.nowMs() + this.#lagMs, () => {
        void this.#store.apply(puts, deletes)
        this.#stir()
        resolve()
      })
    })
  }

  close(): void {}
}
