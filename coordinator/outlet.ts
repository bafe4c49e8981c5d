// What a step does to the world, in order, and never before what it must remember is durable: the
// rule "`persist` stands before `send`" for a store that takes its time. With one that is durable
// at once everything goes through without waiting. When a write fails for good, nothing that stands
// behind it is ever done.
// Not here: effects (core/step-context.ts), the writing (store.ts).

import type { RecordKey, StoredRecord } from './core/records.ts'
import type { Store } from './store.ts'

type Entry =
  | { readonly kind: 'write'; isDurable: boolean }
  | { readonly kind: 'act'; readonly act: () => void }

export class Outlet {
  readonly #store: Store
  readonly #failed: (thrown: unknown) => void
  #queue: Entry[] = []
  #isShut = false

  /** @param failed a write did not become durable: told once, and from then on all is shut */
  constructor(store: Store, failed: (thrown: unknown) => void) {
    this.#store = store
    this.#failed = failed
  }

  /** Throws what a store throws that is durable at once. */
  persist(puts: readonly StoredRecord[], deletes: readonly RecordKey[]): void {
    if (this.#isShut) return
    const written = this.#store.apply(puts, deletes)
    if (!written) return
    const entry: Entry = { kind: 'write', isDurable: false }
    this.#queue.push(entry)
    written.then(
      () => {
        entry.isDurable = true
        this.#flow()
      },
      (thrown) => this.#fail(thrown),
    )
  }

  /** What is passed now is done at once. */
  get isFree(): boolean {
    return !this.#isShut && this.#queue.length === 0
  }

  /** Done now, or when all that was written before is durable. Never after shut(). */
  pass(act: () => void): void {
    if (this.#isShut) return
    if (this.#queue.length === 0) act()
    else this.#queue.push({ kind: 'act', act })
  }

  /** Nothing leaves any more, not even what waits. */
  shut(): void {
    this.#isShut = true
    this.#queue = []
  }

  #flow(): void {
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      if (head.kind === 'write' && !head.isDurable) return
      // What an act asks to be done stands behind what waits here already.
      if (head.kind === 'act') head.act()
      this.#queue.shift()
    }
  }

  #fail(thrown: unknown): void {
    if (this.#isShut) return
    this.shut()
    this.#failed(thrown)
  }
}
