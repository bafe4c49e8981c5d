// Which of several coordinators leads: whose key is in etcd. The key hangs on a lease of etcd that
// its owner keeps alive; when the owner is gone, so is the key, and the next one to find that makes
// it anew. Whoever leads stops by its own clock a margin before that lease can be over:
//   renewed at s (before it was asked for) → leads until s + ttl - margin.
// A renewal counts only when the key was found to be ours after it, by a read of the whole etcd: a
// member that is cut off cannot renew for us what the others have given away.
// Not here: what a leader does (coordinator.ts), its writes (etcd-store.ts). Monotonic ms.
// Source: docs/decisions/0010-several-coordinators.md.

import { z } from 'zod'
import type { Clock, Log } from '#env/env.ts'
import { sleep } from '#env/sleep.ts'
import { type Fault, fault, faultOf } from '#proto/faults.ts'
import { jsonOf } from '#proto/json.ts'
import {
  type Etcd,
  type Found,
  grantLease,
  keepAlive,
  revokeLease,
  type Txn,
  transact,
} from './etcd-words.ts'
import { Leadership } from './leadership.ts'

/** Who stands for election. */
export const Candidate = z.strictObject({
  name: z.string().max(80),
  /** Where its clients and agents reach it: `http://host:port`. */
  address: z.string().max(300),
  /** Of this process. */
  id: z.string().max(80),
})
export type Candidate = z.infer<typeof Candidate>

export interface ElectionPorts {
  readonly etcd: Etcd
  readonly clock: Clock
  readonly log: Log
  /** The leader's key. */
  readonly key: string
  readonly me: Candidate
  /** Of etcd's lease; it gives whole seconds, and not less than some. */
  readonly ttlMs: number
  /** Elected. Resolves when this leadership has been laid down: then it may stand again. */
  lead(leadership: Leadership): Promise<void>
  /** Another leads, or nobody does that we know of. */
  follow(leader: Candidate | undefined): void
}

/** Of a lease: the leader stops so much before its end. Its reasons are in decision 10. */
export const marginOf = (ttlMs: number): number => ttlMs / 4
/** So often in a lease it is renewed: three tries fit before it stops. */
const renewalsInTtl = 5
const renewAgainMs = 200
/** How soon it is noticed that a leadership was ended. */
const stepMs = 50
/** How soon a follower notices that there is no leader. */
const lookEveryMs = 250
const callMsMax = 1000

export class Election {
  readonly #ports: ElectionPorts
  #isStopped = false
  #stopped: Promise<void> = Promise.resolve()
  #leadership: Leadership | undefined
  #lastSaid = ''

  constructor(ports: ElectionPorts) {
    this.#ports = ports
  }

  start(): void {
    this.#stopped = this.#run()
  }

  /** Lays down what it has, so that another need not wait. */
  async stop(why: Fault = fault('shutting-down', 'this coordinator shuts down')): Promise<void> {
    this.#isStopped = true
    this.#leadership?.end(why)
    await this.#stopped
  }

  /** Etcd did not do what it was last asked. */
  get isStuck(): boolean {
    return this.#lastSaid !== ''
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#ports
    while (!this.#isStopped) {
      try {
        await this.#stand()
        this.#lastSaid = ''
      } catch (thrown) {
        const why = faultOf(thrown)
        // Four times a second the same would bury everything else.
        if (why.message !== this.#lastSaid) log.warn('no answer of etcd', { ...why })
        this.#lastSaid = why.message
      }
      if (!this.#isStopped) await sleep(clock, lookEveryMs)
    }
  }

  /** One look: somebody leads, or we do, and then for as long as we may. */
  async #stand(): Promise<void> {
    const { etcd, key, follow } = this.#ports
    const look: Txn = { guards: [{ key, createdAt: 0 }], writes: [], otherwise: [key] }
    const { isDone: isFree, found } = await transact(etcd, look, callMsMax)
    if (!isFree) return follow(leaderIn(found))
    const { clock, ttlMs } = this.#ports
    const fromMs = clock.nowMs()
    const granted = await grantLease(etcd, Math.ceil(ttlMs / 1000), callMsMax)
    try {
      await this.#campaign(granted, fromMs)
    } finally {
      // Whatever came of it: what may hang on this lease is ours, and is not wanted any more.
      await revokeLease(etcd, granted.leaseId, callMsMax).catch(() => undefined)
    }
  }

  async #campaign({ leaseId, ttlMs }: Granted, fromMs: number): Promise<void> {
    const { etcd, key, me, clock, log, follow } = this.#ports
    const win: Txn = {
      guards: [{ key, createdAt: 0 }],
      writes: [{ put: key, value: JSON.stringify(me), leaseId }],
      otherwise: [key],
    }
    const { isDone, revision, found } = await transact(etcd, win, callMsMax)
    if (!isDone) return follow(leaderIn(found))
    const leadership = new Leadership(clock, revision, fromMs + ttlMs - marginOf(ttlMs))
    if (this.#isStopped || !leadership.holds) return
    this.#leadership = leadership
    log.info('elected', { term: revision, name: me.name })
    const renewing = this.#renew(leadership, leaseId)
    await this.#ports.lead(leadership).catch((thrown) => leadership.end(faultOf(thrown)))
    leadership.end(fault('not-leader', 'it was laid down'))
    const why = await leadership.ended
    log.warn('leads no more', { term: revision, ...why })
    await renewing
  }

  async #renew(leadership: Leadership, leaseId: string): Promise<void> {
    const { clock, ttlMs, log } = this.#ports
    for (let waitMs = ttlMs / renewalsInTtl; leadership.holds; ) {
      await this.#pause(leadership, clock.nowMs() + waitMs)
      const failed = await this.#renewOnce(leadership, leaseId).catch(faultOf)
      if (failed) log.warn('leadership not renewed', { ...failed })
      waitMs = failed ? renewAgainMs : ttlMs / renewalsInTtl
    }
  }

  /** In small steps, so that a leadership that was ended is laid down at once. */
  async #pause(leadership: Leadership, untilMs: number): Promise<void> {
    const { clock } = this.#ports
    while (leadership.holds && !leadership.isDoubted && clock.nowMs() < untilMs) {
      const leftMs = Math.min(untilMs, leadership.untilMs) - clock.nowMs()
      await sleep(clock, Math.max(0, Math.min(stepMs, leftMs)))
    }
  }

  async #renewOnce(leadership: Leadership, leaseId: string): Promise<undefined> {
    const { etcd, key, clock } = this.#ports
    if (!leadership.holds) return
    leadership.settleDoubt()
    const fromMs = clock.nowMs()
    const leftMs = () => Math.max(1, Math.min(callMsMax, leadership.untilMs - clock.nowMs()))
    const ttlMs = await keepAlive(etcd, leaseId, leftMs())
    const isOurs: Txn = {
      guards: [{ key, createdAt: leadership.term }],
      writes: [],
      otherwise: [key],
    }
    const { isDone, found } = await transact(etcd, isOurs, leftMs())
    if (isDone && ttlMs > 0) leadership.extend(fromMs + ttlMs - marginOf(ttlMs))
    if (isDone && ttlMs > 0) return
    const other = leaderIn(found)?.name ?? 'nobody'
    leadership.end(fault('not-leader', `etcd has ended it; ${other} leads now`))
  }
}

type Granted = Awaited<ReturnType<typeof grantLease>>

function leaderIn(found: readonly Found[]): Candidate | undefined {
  return Candidate.safeParse(jsonOf(found[0]?.value ?? '')).data
}
