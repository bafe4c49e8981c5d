// A client of the key-value store in a VM: writes at a steady rate, remembers every
// acknowledgement, and reads everything back at the end. It notices nothing of a migration; after a
// failover it repeats what was not answered. Line protocol: docs/guest.md, `workload=kv`. Not here:
// what counts as lost (kv-ledger.ts). Times in ms.

import type { Clock, Random } from '#env/env.ts'
import type { ApiClient } from './api-client.ts'
import { GuestRequests } from './guest-requests.ts'
import { KvLedger, type LostWrite } from './kv-ledger.ts'

export interface KvLoad {
  readonly id: string
  readonly vmId: string
  readonly writesPerSecond: number
  readonly keys: number
  readonly inFlight: number
}

export interface KvFindings {
  readonly acknowledged: number
  /** The longest a write waited for its acknowledgement: what an outage looks like from outside. */
  readonly waitMsMax: number
  /** Answers other than `ok`: the store refused, and promised nothing. */
  readonly refused: number
  readonly verifiedKeys: number
  readonly lost: readonly LostAnswer[]
}

/** What the guest said when it was asked for the key, and when it was asked once more. */
export interface LostAnswer extends LostWrite {
  readonly answers: readonly [string, string]
}

export class KvClient {
  readonly load: KvLoad
  readonly #clock: Clock
  readonly #random: Random
  readonly #onChange: () => void
  readonly #requests: GuestRequests
  readonly #prefix: string
  readonly #ledger = new KvLedger()
  readonly #lost: LostAnswer[] = []
  #writing = true
  #underWay = 0
  #waitMsMax = 0
  #refused = 0
  #verifiedKeys = 0

  /** `prefix`: unlike that of every other client of the cluster; see GuestRequests. */
  constructor(
    ports: { readonly api: ApiClient; readonly clock: Clock; readonly random: Random },
    load: KvLoad,
    prefix: string,
    onChange: () => void,
  ) {
    this.load = load
    this.#clock = ports.clock
    this.#random = ports.random
    this.#prefix = prefix
    this.#onChange = onChange
    this.#requests = new GuestRequests(ports.api, ports.clock, load.vmId, prefix)
    this.#writeAt(this.#clock.nowMs())
  }

  get acknowledged(): number {
    return this.#ledger.acknowledgedWrites
  }

  /** No further writes; those under way are still waited for. */
  stopWriting(): void {
    this.#writing = false
  }

  /** Writes again, after it has stopped. */
  goOn(): void {
    if (this.#writing) return
    this.#writing = true
    this.#writeAt(this.#clock.nowMs())
  }

  /** Every write that was begun has been answered. */
  get isQuiet(): boolean {
    return !this.#writing && this.#underWay === 0
  }

  /** Reads back every key that holds an acknowledged write; `isVerified` tells when. */
  verify(): void {
    this.#verifiedKeys = 0
    const keys = this.#ledger.keysToVerify
    const next = () => {
      const key = keys.pop()
      if (key !== undefined) this.#readBack(key, next)
    }
    for (let i = 0; i < this.load.inFlight; i++) next()
  }

  get isVerified(): boolean {
    return this.#verifiedKeys >= this.#ledger.keysToVerify.length
  }

  get findings(): KvFindings {
    return {
      acknowledged: this.#ledger.acknowledgedWrites,
      waitMsMax: this.#waitMsMax,
      refused: this.#refused,
      verifiedKeys: this.#verifiedKeys,
      lost: this.#lost,
    }
  }

  close(): void {
    this.#writing = false
    this.#requests.close()
  }

  #writeAt(atMs: number): void {
    this.#clock.wakeAt(atMs, () => {
      if (!this.#writing) return
      this.#write()
      // Steady, but no burst after a time in which nothing could be written.
      const next = atMs + 1000 / this.load.writesPerSecond
      this.#writeAt(Math.max(next, this.#clock.nowMs()))
    })
  }

  #write(): void {
    if (this.#underWay >= this.load.inFlight) return
    const key = `${this.#prefix}.${this.#random.below(this.load.keys)}`
    if (this.#ledger.isUnderWay(key)) return
    const version = this.#ledger.issue(key)
    this.#underWay += 1
    this.#put(key, version, this.#clock.nowMs())
  }

  #put(key: string, version: number, begunAtMs: number): void {
    this.#requests.ask(`put ${key} v${version}`, ([word]) => {
      if (word === 'ok') return this.#acknowledged(key, version, begunAtMs)
      // Refused is not acknowledged: the same version is tried again, for as long as this client
      // writes.
      this.#refused += 1
      this.#clock.wakeAt(this.#clock.nowMs() + 100, () => {
        if (this.#writing) this.#put(key, version, begunAtMs)
        else this.#underWay -= 1
      })
    })
  }

  #acknowledged(key: string, version: number, begunAtMs: number): void {
    this.#underWay -= 1
    this.#ledger.acknowledge(key, version)
    this.#waitMsMax = Math.max(this.#waitMsMax, this.#clock.nowMs() - begunAtMs)
    this.#onChange()
  }

  #readBack(key: string, then: () => void): void {
    const done = () => {
      this.#verifiedKeys += 1
      this.#onChange()
      then()
    }
    this.#requests.ask(`get ${key}`, (words) => {
      const loss = this.#ledger.lossOf(key, versionIn(words))
      if (loss === undefined) return done()
      // Whether it is gone or was told wrongly: the second answer says.
      this.#requests.ask(`get ${key}`, (again) => {
        this.#lost.push({ ...loss, answers: [words.join(' '), again.join(' ')] })
        done()
      })
    })
  }
}

/** 0: none is in it. */
const versionIn = ([word, value]: readonly string[]): number =>
  word === 'value' && /^v\d+$/.test(value ?? '') ? Number(value?.slice(1)) : 0

/** `none, asked again value v3`: what the guest said of a key whose acknowledged write is lost. */
export const answersText = ({ answers: [first, second] }: LostAnswer): string =>
  `${first}, asked again ${second}`
