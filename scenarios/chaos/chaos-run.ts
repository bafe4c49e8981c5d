// Chaos: a cluster that runs is broken on purpose, deed after deed from a seed, while a client
// writes to a store in it; after each the run waits for peace and looks whether all promises were
// kept. Violations: a VM ran twice at one instant (agents are asked past the coordinator all
// along), an acknowledged write cannot be read back, or what ran before does not run again in time.
// Not here: which deeds there are (deeds.ts), how a node is broken (the laboratory). Times in ms.

import type { Clock, Random } from '#env/env.ts'
import { SeededRandom } from '#env/memory.ts'
import type { ClusterView } from '#proto/api.ts'
import { FaultError, fault, faultOf } from '#proto/faults.ts'
import { asVmId } from '#proto/ids.ts'
import type { BreakRequest, LaboratoryCopies } from '#proto/laboratory.ts'
import type { ApiClient } from '../api-client.ts'
import { answersText, KvClient } from '../kv-client.ts'
import { durationText } from '../language/quantities.ts'
import { ClusterWatch } from '../runner/cluster-watch.ts'
import { Sweeper } from '../runner/sweeper.ts'
import { Interrupted, Waiting } from '../runner/waiting.ts'
import type { AgentAnswer } from '../world.ts'
import { chooseDeed, type Deed, type DeedKind } from './deeds.ts'
import { unrest } from './peace.ts'

/** Breaks nodes, and hears what their agents hold: the API of a laboratory, or a world. */
export interface ChaosLaboratory {
  breakNode(nodeId: string, request: BreakRequest): Promise<unknown>
  copies(): Promise<LaboratoryCopies | readonly AgentAnswer[]>
}

export interface ChaosPorts {
  readonly api: ApiClient
  readonly laboratory: ChaosLaboratory
  readonly clock: Clock
  /** Of the deeds. */
  readonly random: Random
  readonly signal?: AbortSignal
  /** Unlike that of every other client of the store. */
  readonly prefix: string
  readonly say: (kind: ChaosWord, text: string) => void
}

export type ChaosWord = 'chaos' | 'deed' | 'peace' | 'violation'

export interface ChaosWish {
  readonly everyMs: number
  /** Absent: until it is interrupted. */
  readonly forMs?: number
  readonly kinds: readonly DeedKind[]
}

export interface ChaosReport {
  readonly deeds: number
  readonly acknowledged: number
  readonly lost: number
  /** The longest that a write waited: the longest outage, as a client sees it. */
  readonly waitMsMax: number
  /** Undefined: every promise was kept. */
  readonly violation?: string
}

export const storeVm = 'chaos-store'
/** A node starts and boots its VMs in seconds; a busy machine gets patience. */
const peaceMsMax = 90_000
const startMsMax = 60_000
const readMsMax = 60_000
const retryMs = 200
const load = { id: 'chaos', vmId: storeVm, writesPerSecond: 20, keys: 60, inFlight: 8 }

export class ChaosRun {
  readonly #ports: ChaosPorts
  readonly #wish: ChaosWish
  readonly #waiting: Waiting
  readonly #open: { close(): void }[] = []
  #view: ClusterView | undefined
  #client: KvClient | undefined
  #deeds = 0
  #violation: string | undefined

  constructor(ports: ChaosPorts, wish: ChaosWish) {
    this.#ports = ports
    this.#wish = wish
    this.#waiting = new Waiting(ports.clock, ports.signal)
  }

  /** Until the time is over, somebody interrupts it, or a promise is broken. */
  async run(): Promise<ChaosReport> {
    const { clock, api } = this.#ports
    // A cluster that is no laboratory says so before anything is begun.
    await this.#ports.laboratory.copies()
    let madeStore = false
    try {
      this.#open.push(new ClusterWatch(api, clock, (view) => this.#viewed(view)))
      this.#open.push(this.#sweeper())
      await this.#waiting.until('a first view', startMsMax, () => this.#view)
      madeStore = await this.#startStore()
      await this.#play(clock.nowMs() + (this.#wish.forMs ?? Number.POSITIVE_INFINITY))
    } catch (thrown) {
      if (!(thrown instanceof Interrupted)) throw thrown
    } finally {
      for (const one of this.#open) one.close()
      if (madeStore) await this.#removeStore()
    }
    return this.#report()
  }

  async #play(untilMs: number): Promise<void> {
    const { clock } = this.#ports
    while (this.#violation === undefined && clock.nowMs() + this.#wish.everyMs <= untilMs) {
      await this.#waiting.sleep(this.#wish.everyMs)
      await this.#once()
    }
  }

  async #once(): Promise<void> {
    const before = this.#shown
    const online = before.nodes.filter(({ phase }) => phase === 'online').map(({ id }) => id)
    if (online.length < 2) {
      this.#ports.say('chaos', `only ${online.length} nodes are online: waiting`)
      return
    }
    const deed = chooseDeed(this.#ports.random, this.#wish.kinds, [...online].sort())
    this.#deeds += 1
    this.#ports.say('deed', `${this.#deeds}. ${deed.text}`)
    await this.#do(deed)
    await this.#expectPeace(before)
  }

  /** Mended whatever happens: nobody finds a broken cluster after Ctrl-C. */
  async #do({ node, request, mend, forMs }: Deed): Promise<void> {
    const { laboratory } = this.#ports
    await this.#insist(() => laboratory.breakNode(node, request))
    try {
      await this.#waiting.sleep(forMs)
    } catch (thrown) {
      if (mend) await laboratory.breakNode(node, mend).catch(() => {})
      throw thrown
    }
    if (mend) await this.#insist(() => laboratory.breakNode(node, mend))
  }

  async #expectPeace(before: ClusterView): Promise<void> {
    const { clock, say } = this.#ports
    const beganAtMs = clock.nowMs()
    const heard = this.#client?.acknowledged ?? 0
    const why = () => {
      const found = unrest(before, this.#shown)
      if (found !== undefined) return found
      return (this.#client?.acknowledged ?? 0) > heard ? undefined : 'no write is acknowledged'
    }
    const isPeace = () => this.#violation !== undefined || why() === undefined || undefined
    await this.#waiting.unlessLate(this.#waiting.until('peace', peaceMsMax, isPeace))
    if (this.#violation !== undefined) return
    const unquiet = why()
    const soLong = durationText(clock.nowMs() - beganAtMs)
    if (unquiet !== undefined) return this.#violated(`no peace after ${soLong}: ${unquiet}`)
    await this.#readBack()
    if (this.#violation !== undefined) return
    const { acknowledged, verifiedKeys } = this.#findings
    const writes = `${acknowledged} writes acknowledged, ${verifiedKeys} keys read back, none lost`
    say('peace', `after ${soLong}: all that ran runs; ${writes}`)
  }

  async #readBack(): Promise<void> {
    const client = this.#client
    if (!client) return
    client.stopWriting()
    const quiet = this.#waiting.until(
      'all writes to be answered',
      readMsMax,
      () => client.isQuiet || undefined,
    )
    if (!(await this.#waiting.unlessLate(quiet))) return this.#violated('a write is never answered')
    client.verify()
    const read = this.#waiting.until(
      'all keys to be read',
      readMsMax,
      () => client.isVerified || undefined,
    )
    if (!(await this.#waiting.unlessLate(read))) return this.#violated('keys cannot be read back')
    const [loss] = client.findings.lost
    if (loss !== undefined) {
      const { key, acknowledgedVersion } = loss
      this.#violated(
        `${key} v${acknowledgedVersion} was acknowledged, and it answers ${answersText(loss)}`,
      )
    }
    client.goOn()
  }

  /** @returns whether it was not there before */
  async #startStore(): Promise<boolean> {
    const { api, clock, prefix } = this.#ports
    const isNew = !this.#shown.vms.some(({ id }) => id === storeVm)
    if (isNew)
      await api.run({
        id: asVmId(storeVm),
        spec: { args: 'workload=kv', memoryMib: 16, diskMib: 8 },
      })
    await this.#waiting.until(`${storeVm} to run`, startMsMax, () =>
      this.#shown.vms.find(({ id, phase }) => id === storeVm && phase === 'running'),
    )
    // Not the seed of the deeds: what a client writes depends on time.
    const ports = { api, clock, random: new SeededRandom(1) }
    this.#client = new KvClient(ports, load, prefix, () => this.#waiting.changed())
    this.#open.push(this.#client)
    this.#ports.say('chaos', `a client writes to ${storeVm}`)
    return isNew
  }

  /** As far as it goes: the cluster may be away by now. */
  async #removeStore(): Promise<void> {
    const { api, clock } = this.#ports
    const waiting = new Waiting(clock)
    await api.act(storeVm, 'stop').catch(() => {})
    for (let tries = 0; tries < 50; tries++) {
      const isGone = await api.remove(storeVm).then(
        () => true,
        () => false,
      )
      if (isGone) return
      await waiting.sleep(retryMs)
    }
  }

  #sweeper(): Sweeper {
    const { laboratory, clock } = this.#ports
    const copies = async () => (await laboratory.copies()) as readonly AgentAnswer[]
    const swept = { copies, processes: () => [] }
    const sweeper: Sweeper = new Sweeper(swept, clock, {
      onSweep: (_answers, double) => {
        if (!double) return
        this.#violated(`${double.vmId} ran twice: on ${double.nodeIds.join(' and ')}`)
        sweeper.close() // one is enough
      },
      onEnded: () => {},
    })
    return sweeper
  }

  /** The coordinator may be away for a moment: then it is asked again. */
  async #insist(ask: () => Promise<unknown>): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += retryMs) {
      try {
        await ask()
        return
      } catch (thrown) {
        const { code } = faultOf(thrown)
        // The answer was lost, not the deed.
        if (code === 'wrong-state' && waitedMs > 0) return
        if (code !== 'link-lost' || waitedMs > peaceMsMax) throw thrown
      }
      await this.#waiting.sleep(retryMs)
    }
  }

  #violated(text: string): void {
    if (this.#violation !== undefined) return
    this.#violation = text
    this.#ports.say('violation', text)
    this.#waiting.changed()
  }

  #viewed(view: ClusterView): void {
    this.#view = view
    this.#waiting.changed()
  }

  get #shown(): ClusterView {
    if (this.#view) return this.#view
    throw new FaultError(fault('link-lost', 'The coordinator has shown nothing yet.'))
  }

  get #findings() {
    const {
      acknowledged = 0,
      waitMsMax = 0,
      verifiedKeys = 0,
      lost = [],
    } = this.#client?.findings ?? {}
    return { acknowledged, waitMsMax, verifiedKeys, lost }
  }

  #report(): ChaosReport {
    const { acknowledged, lost, waitMsMax } = this.#findings
    return {
      ...{ deeds: this.#deeds, acknowledged, lost: lost.length, waitMsMax },
      ...(this.#violation === undefined ? {} : { violation: this.#violation }),
    }
  }
}
