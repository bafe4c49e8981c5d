// Both ends of a replica in virtual time: the real primary and the real replica, over a link in
// memory that a test can listen to, hold up and cut. The machines are doubles with real RAM: what
// is asked of them is noted. Not here: pCPUs and guests (test/scenarios/sim has those).

import { setImmediate } from 'node:timers/promises'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { MemoryLog, MemoryTransport, VirtualClock } from '#env/memory.ts'
import { promptZstd } from '#env/real/zstd.ts'
import { GuestConsole } from '#node-agent/console.ts'
import { type HeldVm, HeldVms } from '#node-agent/held-vms.ts'
import { breathsPending } from '#node-agent/migration/breath.ts'
import { newPace } from '#node-agent/migration/pace.ts'
import { Primary } from '#node-agent/replication/primary.ts'
import { Replica } from '#node-agent/replication/replica.ts'
import type { Vmm } from '#node-agent/vmm.ts'
import { type Fault, FaultError, fault } from '#proto/faults.ts'
import { asCommandId, asMigrationId, asNodeId } from '#proto/ids.ts'
import {
  type DestinationMessage,
  type ReplicaOffer,
  SourceMessage,
  type StateSection,
} from '#proto/messages.ts'
import { mebibyte, pageBytes, protocolVersion } from '#proto/units.ts'
import { type MessageLink, WireChannel } from '#proto/wire.ts'
import { coreModule } from '../../engine/cpu/test-hart.ts'
import { vmOrder } from '../coordinator-double.ts'

export const bytes = (text: string) => new TextEncoder().encode(text)
const text = (from: Uint8Array) => new TextDecoder().decode(from)
const address = 'ws://b:7000'
const limits = { messageBytesMax: 8 << 20 }

/** One VM's machine: its RAM is real, the rest is what a test says. */
export class MachineDouble {
  readonly memory = WasmGuestMemory.create(coreModule, 4 * mebibyte)
  readonly did: string[] = []
  cpu = 1
  runs = true
  isGone = false
  diskFails = false
  held = ''
  disk = ''
  /** What is asked next waits for it. */
  wait: { readonly what: string; readonly until: Promise<void> } | undefined
  #taken = ''
  readonly #dirty = new Set<number>()

  get vmm(): Vmm {
    return this as unknown as Vmm
  }

  /** The guest writes a page, and another value into its CPU. */
  write(page: number, value: number): void {
    this.memory.store(Uint32Array.of(page), new Uint8Array(pageBytes).fill(value))
    this.#dirty.add(page)
    this.cpu = value
  }

  memoryOf = () => (this.isGone ? undefined : this.memory)
  mustHave = () => this.memory
  describe = async () => [{ kind: 'cpu', version: 1 }]
  whole = async () => undefined
  openLog = async () => 1
  closeLog = async () => void this.did.push('close-log')
  changeDisk = async (_: HeldVm, __: unknown, epoch: number) => void this.did.push(`disk @${epoch}`)

  async takeLog(_: HeldVm, __: number, pause: unknown) {
    if (pause !== false) this.runs = false
    const bitmap = new Uint8Array(this.memory.pageCount / 8)
    for (const page of this.#dirty) bitmap[page >> 3] = (bitmap[page >> 3] ?? 0) | (1 << (page & 7))
    const pages = this.#dirty.size
    this.#dirty.clear()
    return { bitmap, pages }
  }

  async capture(): Promise<StateSection[]> {
    const captured = { kind: 'cpu', version: 1, bytes: Uint8Array.of(this.cpu) }
    await this.#waitFor('capture')
    return [captured]
  }

  async restore(_: HeldVm, sections: readonly StateSection[]): Promise<void> {
    this.cpu = sections.find(({ kind }) => kind === 'cpu')?.bytes[0] ?? 0
    this.did.push('restore')
  }

  async restoredAs(vm: HeldVm, sections: readonly StateSection[]) {
    await this.restore(vm, sections)
    return { sections: await this.capture(), tookMs: 0 }
  }

  async resume(): Promise<void> {
    this.runs = true
    this.did.push('resume')
  }

  async ask(_: HeldVm, command: { do: string; untilMs?: number; batch?: Uint8Array }) {
    await this.#waitFor(command.do)
    this.did.push(command.untilMs === undefined ? command.do : `allow ${command.untilMs}`)
    if (command.do === 'take-held') {
      this.#taken += this.held
      const batch = bytes(this.held)
      this.held = ''
      return { batch }
    }
    if (command.do === 'write-held' || command.do === 'release-disk') this.#write(command.do)
    if (command.batch) this.disk += text(command.batch)
    return undefined
  }

  #write(what: string): void {
    if (this.diskFails) throw new Error('the disk is full')
    this.disk += this.#taken + (what === 'release-disk' ? this.held : '')
    this.#taken = ''
    if (what === 'release-disk') this.held = ''
  }

  async #waitFor(what: string): Promise<void> {
    if (this.wait?.what === what) await this.wait.until
  }
}

export class Ends {
  readonly clock = new VirtualClock(1000)
  readonly network = new MemoryTransport()
  readonly here = new MachineDouble()
  readonly there = new MachineDouble()
  readonly console = new GuestConsole()
  readonly copyConsole = new GuestConsole()
  readonly vm: HeldVm
  readonly primary: Primary
  /** What left the primary's node, in order. */
  readonly left: string[] = []
  /** What the replica's node heard and said: `offer`, `> accept`. */
  readonly spoken: string[] = []
  /** Answers of the replica that do not leave its node. */
  mute = new Set<string>()
  /** Connecting waits for it. */
  connecting: Promise<void> = Promise.resolve()
  mayLaunch: Fault | undefined
  replica: Replica | undefined
  link: WireChannel<SourceMessage, DestinationMessage> | undefined
  closed: string | undefined
  diskFault: Fault | undefined
  #copy: HeldVm | undefined
  #bytesPerMs: number | undefined

  constructor({ continuous = true, everyMs = 100, everyPage = false } = {}) {
    const vms = new HeldVms(64)
    this.vm = vms.becomeStarting(vmOrder('vm1', 1, { memoryMib: 4 }))
    vms.becomeRunning(this.vm)
    this.console.sendFrom = 0
    if (everyPage) for (let page = 0; page < 256; page++) this.here.write(page, page)
    const order = { t: 'replicate', commandId: asCommandId('c1'), vmId: this.vm.vmId } as const
    const destination = { nodeId: asNodeId('b'), address }
    const replicaId = asMigrationId('r1')
    const names = { epoch: this.vm.epoch, replicaId, destination }
    this.primary = new Primary(
      this.vm,
      { ...order, ...names, everyMs, continuous },
      {
        ...{ clock: this.clock, log: new MemoryLog(), zstd: promptZstd, vmm: this.here.vmm },
        ...{ nodeId: 'a', console: this.console, nodePace: newPace(0, 0) },
        connect: async (to) => {
          await this.connecting
          const link = await this.network.connect(to, limits, 1000)
          return this.#bytesPerMs === undefined ? link : this.#slow(link)
        },
        hello: () => hello,
        thaw: () => void this.console.thaw(),
        released: () => this.#released(),
        frames: ({ frames }) => void this.left.push(`${frames.length} frames`),
        changed: () => undefined,
        diskFailed: (why) => {
          this.diskFault = why
          this.primary.guestEnded(() => this.left.push('the disk has failed'))
        },
      },
    )
    void this.network.listen(address, limits, (link) => this.#take(link as never))
  }

  /** Until the first checkpoint is kept, and said to be. */
  static async kept(options = {}): Promise<Ends> {
    const ends = new Ends(options)
    ends.primary.begin()
    await ends.settle()
    if (ends.vm.replica?.state !== 'kept') throw new Error(`it is ${ends.vm.replica?.state}`)
    return ends
  }

  get copy(): HeldVm {
    if (!this.#copy) throw new Error('no replica was offered')
    return this.#copy
  }

  /** What the primary says from now on goes no faster; 0: it does not leave. */
  throughRate(bytesPerMs: number): void {
    this.#bytesPerMs = bytesPerMs
  }

  #slow(link: MessageLink): MessageLink {
    const waiting: Uint8Array[] = []
    let wanted: { readonly below: number; readonly resolve: () => void }[] = []
    const buffered = () => waiting.reduce((sum, { length }) => sum + length, 0)
    const next = () => {
      const [bytes] = waiting
      const rate = this.#bytesPerMs ?? 0
      if (!bytes || rate === 0) return
      this.clock.wakeAt(this.clock.nowMs() + bytes.length / rate, () => {
        link.send(waiting.shift() ?? bytes)
        const here = wanted.filter(({ below }) => buffered() <= below)
        wanted = wanted.filter((one) => !here.includes(one))
        for (const { resolve } of here) resolve()
        next()
      })
    }
    return {
      peer: link.peer,
      get bufferedBytes() {
        return buffered()
      },
      send: (bytes) => {
        if (waiting.push(bytes) === 1) next()
      },
      drained: (below) =>
        buffered() <= below
          ? Promise.resolve()
          : new Promise((resolve) => wanted.push({ below, resolve })),
      onMessage: (fn) => link.onMessage(fn),
      onClose: (fn) => link.onClose(fn),
      close: (reason) => link.close(reason),
    }
  }

  /** All that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 40 || breathsPending() > 0; turn++) await setImmediate()
  }

  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.nowMs() + ms
    await this.settle()
    while ((this.clock.nextAlarmMs ?? Number.POSITIVE_INFINITY) <= untilMs) {
      this.clock.ringNext()
      await this.settle()
    }
    this.clock.advance(untilMs - this.clock.nowMs())
  }

  /** The guest says something, on its console and to its network. */
  say(words: string): void {
    this.console.push(this.console.mark().outputEnd, bytes(words))
    if (this.console.next()) throw new Error('it is told at once')
    const batch = { frames: [bytes(words)], lost: 0 }
    if (!this.primary.holdFrames(batch)) this.left.push('a frame at once')
  }

  #released(): void {
    const chunk = this.console.next()
    if (chunk) this.left.push(`says ${text(chunk.bytes)}`)
    this.left.push(`accepted ${this.console.acceptedForGood}`)
  }

  #take(link: never): void {
    this.link = new WireChannel<SourceMessage, DestinationMessage>(link, SourceMessage, {
      message: (message) => this.#hear(message),
      frame: (frame) => this.replica?.receive(frame),
      closed: (reason) => {
        this.closed = reason
        this.replica?.closed({ send: () => undefined, close: () => undefined }, reason)
      },
    })
  }

  #hear(message: SourceMessage): void {
    this.spoken.push(message.t)
    if (message.t === 'hello') this.#say({ t: 'welcome', ...welcome })
    else if (message.t === 'replica-offer') this.#open(message)
    else this.replica?.hear(message)
  }

  #open(offer: ReplicaOffer): void {
    this.#copy = new HeldVms(64).becomeReplica(offer.vm, offer.migrationId)
    const link = {
      send: (message: DestinationMessage) => this.#say(message),
      close: (reason: string) => this.link?.close(reason),
    }
    this.replica = new Replica(offer, this.#copy, this.there.memory, link, {
      ...{ clock: this.clock, log: new MemoryLog(), zstd: promptZstd, vmm: this.there.vmm },
      ...{ console: this.copyConsole, mayLaunch: () => this.mayLaunch, changed: () => undefined },
    })
    this.there.runs = false
    this.replica.begin()
  }

  #say(message: DestinationMessage): void {
    if (this.mute.has(message.t)) return
    this.spoken.push(`> ${message.t}`)
    this.link?.send(message)
  }
}

const welcome = { protocolVersion, clusterId: 'c', leaseMs: 1000, heartbeatMs: 250 }
const hello: SourceMessage = {
  ...{ t: 'hello', protocolVersion, role: 'peer', nodeId: asNodeId('a'), incarnation: 'i', pid: 1 },
  ...{ token: 't', peerAddress: 'ws://a', capacity: { cores: 1, mipsPerCore: 0, memoryMib: 64 } },
  vms: [],
}

/** What it throws, as a fault. */
export async function faultOfPromise(promise: Promise<unknown>): Promise<Fault> {
  return promise.then(
    () => fault('internal', 'it came off'),
    (thrown) => (thrown instanceof FaultError ? thrown.fault : fault('internal', String(thrown))),
  )
}
