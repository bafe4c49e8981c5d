// The way to the API of a simulated coordinator: the very HTTP routes and client streams, without
// sockets. A request takes no virtual time, but turns of the event loop: the world waits for them
// (isBusy). What is asked of a dead coordinator is lost, as on a real wire.

import { Accounts } from '#coordinator/accounts/accounts.ts'
import { ClientStreams, routeOf, type StreamEnd } from '#coordinator/shell/client-streams.ts'
import { Gate } from '#coordinator/shell/guard.ts'
import { createHttpApi } from '#coordinator/shell/http.ts'
import { createMetrics } from '#coordinator/shell/metrics.ts'
import type { App } from '#coordinator/shell/routing.ts'
import type { Random } from '#env/env.ts'
import {
  type ApiWire,
  away,
  type ConsoleSession,
  type StreamHandlers,
  type WireAnswer,
} from '../api-wire.ts'
import type { SimCoordinator } from './sim-coordinator.ts'

/** What belongs to one process of the coordinator. */
interface Served {
  readonly app: Promise<App>
  readonly streams: ClientStreams
}

export class SimWire implements ApiWire {
  readonly #coordinator: () => SimCoordinator
  readonly #random: Random
  readonly #stir: () => void
  readonly #served = new WeakMap<SimCoordinator, Served>()
  #pending = 0

  /** @param stir something is under way that the world must wait for */
  constructor(coordinator: () => SimCoordinator, random: Random, stir: () => void) {
    this.#stir = stir
    this.#coordinator = coordinator
    this.#random = random
  }

  get isBusy(): boolean {
    return this.#pending > 0
  }

  async request(method: string, path: string, body?: unknown): Promise<WireAnswer> {
    const coordinator = this.#living(`${method} ${path}`)
    this.#pending++
    try {
      const app = await this.#servedBy(coordinator).app
      const payload = body === undefined ? {} : { payload: body as object }
      const headers = { host: 'coordinator' }
      const answer = await app.inject({ method: method as 'GET', url: path, headers, ...payload })
      const { statusCode: status, body: text } = answer
      return { isGood: status < 300, status, text }
    } finally {
      this.#pending--
    }
  }

  async open(path: string, handlers: StreamHandlers): Promise<ConsoleSession> {
    const coordinator = this.#living(path)
    const route = routeOf(new URL(path, 'http://coordinator'), coordinator.coordinator)
    if (route.problem) throw away(path, route.problem.detail)
    const stream = new SimStream(coordinator, handlers, this.#stir)
    // What it says first comes after the answer that it is open.
    coordinator.process.do(() => this.#servedBy(coordinator).streams.open(route, stream))
    return stream.session
  }

  #living(doing: string): SimCoordinator {
    const coordinator = this.#coordinator()
    if (!coordinator.process.isAlive) throw away(doing, 'it is dead')
    return coordinator
  }

  #servedBy(sim: SimCoordinator): Served {
    const known = this.#served.get(sim)
    if (known) return known
    const { coordinator, consoles, screens, process } = sim
    const nowMs = () => process.nowMs()
    const accounts = nobodyHasAnAccount(nowMs)
    const cookie = 'godwit'
    const others = () => []
    const gate = new Gate({
      accounts,
      state: coordinator.state,
      cookie,
      isTls: false,
      nowMs,
      others,
    })
    const app = createHttpApi(
      {
        ...{ coordinator, metrics: createMetrics(coordinator), random: this.#random, nowMs },
        others,
        onBug: (thrown) => {
          throw thrown
        },
      },
      { accounts, cookie, isTls: false, gate },
    )
    const streams = new ClientStreams({ coordinator, consoles, screens, clock: process })
    const served = { app, streams }
    this.#served.set(sim, served)
    return served
  }
}

/** A simulated cluster is its world's own: open, and without secrets. */
function nobodyHasAnAccount(nowMs: () => number): Accounts {
  const none = () => Promise.resolve('')
  return new Accounts({
    shelf: { load: () => [], put: () => undefined, remove: () => undefined },
    passwords: { hash: none, verify: () => Promise.resolve(false) },
    ...{ wallMs: nowMs, nowMs, mayBeOpen: true },
    randomBytes: (length) => new Uint8Array(length),
    sha256: (bytes) => bytes,
  })
}

/** One stream of a client, both ends of it. */
class SimStream implements StreamEnd {
  readonly bufferedBytes = 0
  readonly #coordinator: SimCoordinator
  readonly #handlers: StreamHandlers
  #hear: (bytes: Uint8Array) => void = () => undefined
  #onClose: (() => void)[] = []
  #isOpen = true
  readonly #stir: () => void

  constructor(coordinator: SimCoordinator, handlers: StreamHandlers, stir: () => void) {
    this.#stir = stir
    this.#coordinator = coordinator
    this.#handlers = handlers
    coordinator.process.onDeath(() => this.#end('the connection is lost'))
  }

  get session(): ConsoleSession {
    const { process } = this.#coordinator
    return {
      send: (bytes) => {
        const copy = bytes.slice()
        if (this.#isOpen) process.do(() => this.#hear(copy))
      },
      close: () => {
        if (this.#isOpen) process.do(() => this.#end('closed'))
      },
    }
  }

  text(text: string): void {
    this.#soon(() => this.#handlers.onText(text))
  }

  bytes(bytes: Uint8Array): void {
    const copy = bytes.slice()
    this.#soon(() => this.#handlers.onBytes(copy))
  }

  close(reason: string): void {
    this.#end(reason)
  }

  drop(): void {
    this.#end('dropped')
  }

  onBytes(fn: (bytes: Uint8Array) => void): void {
    this.#hear = fn
  }

  onClose(fn: () => void): void {
    this.#onClose.push(fn)
  }

  #end(reason: string): void {
    if (!this.#isOpen) return
    this.#soon(() => this.#handlers.onClose(reason))
    this.#isOpen = false
    for (const fn of this.#onClose.splice(0)) fn()
  }

  #soon(fn: () => void): void {
    if (!this.#isOpen) return
    this.#stir()
    queueMicrotask(fn)
  }
}
