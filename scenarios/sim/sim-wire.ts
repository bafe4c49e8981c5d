// The way to the API of a simulated coordinator: the very HTTP routes and client streams, without
// sockets. A request takes no virtual time, but turns of the event loop: the world waits for them
// (isBusy). What is asked of a dead coordinator is lost, as on a real wire.

import { Accounts } from '#coordinator/accounts/accounts.ts'
import type { Passwords } from '#coordinator/accounts/records.ts'
import { hexOf } from '#coordinator/identity.ts'
import { LoadLog } from '#coordinator/loads/load-log.ts'
import { ClientStreams, routeOf, type StreamEnd } from '#coordinator/shell/client-streams.ts'
import { type Caller, Gate } from '#coordinator/shell/guard.ts'
import { createHttpApi } from '#coordinator/shell/http.ts'
import { createMetrics } from '#coordinator/shell/metrics.ts'
import type { App } from '#coordinator/shell/routing.ts'
import {
  accessOf,
  type HeldStream,
  StreamRights,
  whyNot,
} from '#coordinator/shell/stream-rights.ts'
import type { Random } from '#env/env.ts'
import { FaultError } from '#proto/faults.ts'
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
  readonly accounts: Accounts
  readonly gate: Gate
  readonly rights: StreamRights
}

export interface SimWirePorts {
  coordinator(): SimCoordinator
  /** Of identities that VMs get. */
  readonly random: Random
  /** Of what is given to people. */
  readonly secrets: Random
  readonly passwords: Passwords
  sha256(bytes: Uint8Array): Uint8Array
  /** Something is under way that the world must wait for. */
  stir(): void
}

/** Of who has made this world: its operator, as soon as somebody has an account. */
const machineSecret = 'gwo_of-this-world'

/** The world's own: it may do everything. */
export class SimWire implements ApiWire {
  readonly #ports: SimWirePorts
  readonly #served = new WeakMap<SimCoordinator, Served>()
  #pending = 0

  constructor(ports: SimWirePorts) {
    this.#ports = ports
  }

  get isBusy(): boolean {
    return this.#pending > 0
  }

  /** For who shows this secret, and may do what its account may. */
  of(secret: string): ApiWire {
    return {
      request: (method, path, body) => this.#request(secret, method, path, body),
      open: async (path, handlers) => this.#open(secret, path, handlers),
    }
  }

  request(method: string, path: string, body?: unknown): Promise<WireAnswer> {
    return this.#request(undefined, method, path, body)
  }

  async open(path: string, handlers: StreamHandlers): Promise<ConsoleSession> {
    return this.#open(undefined, path, handlers)
  }

  async #request(
    secret: string | undefined,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<WireAnswer> {
    const { app, accounts } = this.#servedBy(this.#living(`${method} ${path}`))
    this.#pending++
    try {
      const payload = body === undefined ? {} : { payload: body as object }
      const { headers } = callerWith(secret ?? (accounts.isOpen ? undefined : machineSecret))
      const ready = await app
      const answer = await ready.inject({ method: method as 'GET', url: path, headers, ...payload })
      const { statusCode: status, body: text } = answer
      return { isGood: status < 300, status, text }
    } finally {
      this.#pending--
    }
  }

  #open(secret: string | undefined, path: string, handlers: StreamHandlers): ConsoleSession {
    const sim = this.#living(path)
    const { streams, gate, rights } = this.#servedBy(sim)
    const route = routeOf(new URL(path, 'http://coordinator'), sim.coordinator)
    if (secret === undefined && route.problem) throw away(path, route.problem.detail)
    const caller = callerWith(secret)
    const problem =
      secret === undefined ? undefined : (whyNot(gate, route, caller) ?? route.problem)
    if (problem) throw new FaultError(problem.fault)
    const stream = new SimStream(sim, handlers, this.#ports.stir)
    // What it says first comes after the answer that it is open.
    sim.process.do(() => {
      if (secret === undefined) return streams.open(route, stream)
      rights.watch(stream, route, caller)
      streams.open(route, stream, accessOf(gate, caller))
    })
    return stream.session
  }

  #living(doing: string): SimCoordinator {
    const coordinator = this.#ports.coordinator()
    if (!coordinator.process.isAlive) throw away(doing, 'it is dead')
    return coordinator
  }

  #servedBy(sim: SimCoordinator): Served {
    const known = this.#served.get(sim)
    if (known) return known
    const { coordinator, consoles, screens, process } = sim
    const nowMs = () => process.nowMs()
    const accounts = this.#accountsOf(sim)
    const others = () => []
    const who = { accounts, cookie: 'godwit', isTls: false }
    const gate = new Gate({ ...who, state: coordinator.state, nowMs, others })
    const { random } = this.#ports
    const app = createHttpApi(
      {
        ...{ coordinator, metrics: createMetrics(coordinator), random, nowMs, others },
        loads: new LoadLog(coordinator.state, process),
        onBug: (thrown) => {
          throw thrown
        },
      },
      { ...who, gate },
    )
    const streams = new ClientStreams({ coordinator, consoles, screens, clock: process })
    const rights = new StreamRights({ gate, coordinator, clock: process })
    const served = { app, streams, accounts, gate, rights }
    this.#served.set(sim, served)
    return served
  }

  /** Open, as long as nobody has an account. */
  #accountsOf({ people, process }: SimCoordinator): Accounts {
    const { passwords, sha256, secrets } = this.#ports
    return new Accounts({
      ...{ shelf: people, passwords, sha256, mayBeOpen: true },
      wallMs: () => process.wallMs(),
      nowMs: () => process.nowMs(),
      randomBytes: (length) => secrets.bytes(length),
      machineHash: hexOf(sha256(new TextEncoder().encode(machineSecret))),
    })
  }
}

const callerWith = (secret: string | undefined): Caller => ({
  headers: {
    host: 'coordinator',
    ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
  },
  address: '127.0.0.1',
  method: 'GET',
})

/** One stream of a client, both ends of it. */
class SimStream implements StreamEnd, HeldStream {
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

  forbid(): void {
    this.#hear = () => undefined
    this.#end('not allowed any more')
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
