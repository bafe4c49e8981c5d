// Who writes to the key-value stores of a search, and believes what they answer: a write that was
// acknowledged must be there in the end, whatever befell its VM. One customer a store, one write at
// a time; a key whose write was not answered is written no more, since that one may still come.
// Excused are stores that somebody put back on purpose: to a snapshot, or to a checkpoint that is
// older than what was acknowledged.
// Not here: what guests find themselves (guest-words.ts), scenarios' clients (kv-client.ts).
// Virtual ms.

import type { Vm } from '#coordinator/core/cluster-state.ts'
import { protectionOf } from '#coordinator/core/ha/protection.ts'
import type { VmId } from '#proto/ids.ts'
import type { SimCoordinator } from './sim-coordinator.ts'
import type { SimWorld } from './sim-world.ts'

const everyMs = 100
const keys = 64
const patienceMs = 1500
/** Of all answers in the end: guests may be restarted still. */
const patienceMsInTheEnd = 60_000
const encoder = new TextEncoder()

export const isStore = ({ id, spec }: Vm): boolean =>
  spec.args === 'workload=kv' && spec.diskMib > 0 && id.startsWith('v')

export class Customers {
  readonly #world: SimWorld
  readonly #all = new Map<VmId, Customer>()
  readonly #excused = new Set<VmId>()
  #isOver = false

  constructor(world: SimWorld) {
    this.#world = world
  }

  /** So many keys hold a write that was acknowledged, and is promised. */
  get acknowledged(): number {
    return [...this.#all.values()].reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  }

  open(): void {
    if (this.#isOver) return
    for (const customer of this.#served()) customer.write(this.#world.nowMs)
    this.#world.network.later(() => this.open(), everyMs)
  }

  /** Nothing that it has acknowledged is promised any more. */
  excuse(vmId: VmId): void {
    this.#excused.add(vmId)
    this.#all.delete(vmId)
  }

  /** Reads everything back. @returns what was acknowledged and is not there, a sentence each */
  async complaints(): Promise<string[]> {
    this.#isOver = true
    const world = this.#world
    const untilMs = world.nowMs + patienceMsInTheEnd
    const unread = () => this.#served().filter((customer) => !customer.read(world.nowMs))
    while (unread().length > 0 && world.nowMs < untilMs) await world.pass(everyMs / 4)
    return this.#served().flatMap(({ complaints }) => complaints)
  }

  /** Of the stores that run now: nobody, while no coordinator leads to them. */
  #served(): Customer[] {
    const { coordinator } = this.#world
    if (!coordinator.process.isGoing) return []
    const stores = [...coordinator.coordinator.state.vms.values()].filter(isStore)
    for (const vm of stores) if (protectionOf(vm) === 'checkpoint') this.excuse(vm.id)
    return stores.flatMap(({ id, phase }) => {
      if (this.#excused.has(id)) return []
      const customer = this.#all.get(id) ?? new Customer(id)
      this.#all.set(id, customer)
      customer.reach(coordinator)
      return phase === 'running' ? [customer] : []
    })
  }
}

interface Asked {
  readonly id: string
  readonly key: string
  /** Absent: it was read. */
  readonly version?: number
  readonly sinceMs: number
}

class Customer {
  readonly #vmId: VmId
  /** Of each key. */
  readonly #acknowledged = new Map<string, number>()
  readonly #doubtful = new Set<string>()
  /** Read back in the end. */
  readonly #found = new Set<string>()
  readonly #lost: string[] = []
  #serial = 0
  #turn = 0
  #isOver = false
  #asked: Asked | undefined
  #coordinator: SimCoordinator | undefined
  #send: (bytes: Uint8Array) => void = () => undefined
  #text = ''

  constructor(vmId: VmId) {
    this.#vmId = vmId
  }

  get acknowledged(): number {
    return this.#acknowledged.size
  }

  /** What has been lost, or is not told. */
  get complaints(): string[] {
    const untold = [...this.#acknowledged.keys()].filter((key) => !this.#found.has(key))
    if (untold.length === 0) return this.#lost
    return [...this.#lost, `the store in ${this.#vmId} does not say what ${untold[0]} is`]
  }

  /** By a console of the coordinator that leads now. */
  reach(coordinator: SimCoordinator): void {
    if (coordinator === this.#coordinator) return
    this.#coordinator = coordinator
    this.#text = ''
    const text = new TextDecoder()
    const lost = () => {
      if (this.#coordinator === coordinator) this.#coordinator = undefined
    }
    const { input } = coordinator.consoles.attach(this.#vmId, {
      ...{ isReplay: false, bufferedBytes: 0, header: () => undefined, close: lost },
      output: (bytes) => this.#hear(text.decode(bytes, { stream: true })),
    })
    this.#send = input
  }

  /** What is there is read before it is written again, which would hide that it was lost. */
  write(nowMs: number): void {
    if (this.#isWaiting(nowMs)) return
    const key = `k${++this.#turn % keys}`
    if (this.#acknowledged.has(key)) this.#ask({ key, nowMs })
    else this.#put(key, nowMs)
  }

  #put(key: string, nowMs: number): void {
    if (!this.#doubtful.has(key)) this.#ask({ key, version: this.#turn, nowMs })
  }

  /** @returns whether all has been read */
  read(nowMs: number): boolean {
    this.#isOver = true
    const key = [...this.#acknowledged.keys()].find((one) => !this.#found.has(one))
    if (key === undefined) return true
    if (!this.#isWaiting(nowMs)) this.#ask({ key, nowMs })
    return false
  }

  #isWaiting(nowMs: number): boolean {
    if (!this.#asked) return false
    if (nowMs < this.#asked.sinceMs + patienceMs) return true
    this.#doubtful.add(this.#asked.key)
    this.#asked = undefined
    return false
  }

  #ask({ key, version, nowMs }: { key: string; version?: number; nowMs: number }): void {
    const id = `q${++this.#serial}`
    const isWrite = version !== undefined
    this.#asked = { id, key, sinceMs: nowMs, ...(isWrite ? { version } : {}) }
    const text = isWrite ? `${id} put ${key} ${version}\n` : `${id} get ${key}\n`
    this.#send(encoder.encode(text))
  }

  #hear(text: string): void {
    const lines = (this.#text + text).split('\n')
    this.#text = lines.pop() ?? ''
    for (const line of lines) {
      const [id, ...rest] = line.split(' ')
      if (id === this.#asked?.id) this.#answered(rest.join(' '))
    }
  }

  #answered(answer: string): void {
    const { key, version, sinceMs } = this.#asked as Asked
    this.#asked = undefined
    if (version === undefined) this.#compare(key, answer, sinceMs)
    else if (answer.startsWith('ok ')) this.#acknowledged.set(key, version)
  }

  #compare(key: string, answer: string, nowMs: number): void {
    if (/^error /.test(answer)) return
    const acknowledged = this.#acknowledged.get(key) ?? 0
    const isThere = Number(/^value (\d+)$/.exec(answer)?.[1] ?? -1) >= acknowledged
    if (!isThere)
      this.#lost.push(`${this.#vmId} acknowledged ${key} as ${acknowledged}, and says "${answer}"`)
    if (this.#isOver) this.#found.add(key)
    else this.#put(key, nowMs)
  }
}
