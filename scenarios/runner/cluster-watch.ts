// The coordinator's views as one stream that outlives the coordinator: it reconnects for as long as
// it is open. A view holds only the last events: where some came and went between two views, they
// are fetched, and the view tells them too. Not here: what the views mean. Each view is passed on
// once, in order; times in ms.

import type { Clock } from '#env/env.ts'
import type { ClusterView } from '#proto/api.ts'
import type { ApiClient, Subscription } from '../api-client.ts'

/** A coordinator that restarts is back within a second or two: ask often, it is loopback. */
const reconnectMs = 100

export class ClusterWatch {
  readonly #api: ApiClient
  readonly #clock: Clock
  readonly #onView: (view: ClusterView) => void
  readonly #onLost: () => void
  /** Views that wait for events that came before theirs. */
  readonly #waiting: ClusterView[] = []
  /** The last event that was passed on; undefined: no view has come. */
  #lastSeq: number | undefined
  #stream: Subscription | undefined
  #open = true
  #connected = false

  /** @param onLost nothing is seen from now on, until the next view */
  constructor(
    api: ApiClient,
    clock: Clock,
    onView: (view: ClusterView) => void,
    onLost: () => void = () => {},
  ) {
    this.#api = api
    this.#clock = clock
    this.#onView = onView
    this.#onLost = onLost
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
        this.#see(view)
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

  #see(view: ClusterView): void {
    if (this.#waiting.length > 0) this.#waiting.push(view)
    else if (this.#lacksEvents(view)) {
      this.#waiting.push(view)
      void this.#passWaiting()
    } else this.#pass(view)
  }

  /** A coordinator that was restarted may count its events anew: then nothing is known to lack. */
  #lacksEvents({ events }: ClusterView): boolean {
    const first = events[0]?.seq
    return first !== undefined && this.#lastSeq !== undefined && first > this.#lastSeq + 1
  }

  async #passWaiting(): Promise<void> {
    for (let view = this.#waiting[0]; view; view = this.#waiting[0]) {
      const whole = this.#lacksEvents(view) ? await this.#completed(view) : view
      this.#waiting.shift()
      if (this.#open) this.#pass(whole)
    }
  }

  /** As it is, when the coordinator has gone meanwhile. */
  async #completed(view: ClusterView): Promise<ClusterView> {
    const first = view.events[0]?.seq ?? 0
    const since = await this.#api.events(this.#lastSeq).catch(() => [])
    return { ...view, events: [...since.filter(({ seq }) => seq < first), ...view.events] }
  }

  #pass(view: ClusterView): void {
    this.#lastSeq = view.events.at(-1)?.seq ?? 0
    this.#onView(view)
  }

  #lost(): void {
    if (this.#open && this.#connected) this.#onLost()
    this.#connected = false
    this.#stream = undefined
    if (this.#open) this.#clock.wakeAt(this.#clock.nowMs() + reconnectMs, () => this.#again())
  }

  #again(): void {
    if (this.#open) this.#connect()
  }
}
