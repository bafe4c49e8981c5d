// The coordinator's views as one stream that outlives the coordinator: it reconnects for as long as
// it is open. Not here: what the views mean. Each view is passed on once, in order; times in ms.

import type { Clock } from '#env/env.ts'
import type { ClusterView } from '#proto/api.ts'
import type { ApiClient, Subscription } from '../api-client.ts'

/** A coordinator that restarts is back within a second or two: ask often, it is loopback. */
const reconnectMs = 100

export class ClusterWatch {
  readonly #api: ApiClient
  readonly #clock: Clock
  readonly #onView: (view: ClusterView) => void
  #stream: Subscription | undefined
  #open = true
  #connected = false

  constructor(api: ApiClient, clock: Clock, onView: (view: ClusterView) => void) {
    this.#api = api
    this.#clock = clock
    this.#onView = onView
    this.#connect()
  }

  /** Whether the coordinator is there, as far as this stream knows. */
  get connected(): boolean {
    return this.#connected
  }

  close(): void {
    this.#open = false
    this.#stream?.close()
  }

  #connect(): void {
    const handlers = {
      onView: (view: ClusterView) => {
        if (!this.#open) return
        this.#connected = true
        this.#onView(view)
      },
      onClose: () => this.#lost(),
    }
    this.#api.watch(handlers).then(
      (stream) => {
        this.#stream = stream
        if (!this.#open) stream.close()
      },
      () => this.#lost(),
    )
  }

  #lost(): void {
    this.#connected = false
    this.#stream = undefined
    if (this.#open) this.#clock.wakeAt(this.#clock.nowMs() + reconnectMs, () => this.#again())
  }

  #again(): void {
    if (this.#open) this.#connect()
  }
}
