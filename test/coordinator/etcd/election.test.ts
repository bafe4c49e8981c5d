// Who leads: never two by their own clocks, whatever becomes of the ways to etcd, and somebody
// again soon after one is gone. On the double, in virtual time.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Candidate, Election, marginOf } from '#coordinator/etcd/election.ts'
import type { Leadership } from '#coordinator/etcd/leadership.ts'
import { MemoryLog, VirtualClock } from '#env/memory.ts'
import { fault } from '#proto/faults.ts'
import { SimEtcd } from '#scenarios/sim/sim-etcd.ts'
import { EtcdClient } from './etcd-client.ts'
import { pass } from './passing-time.ts'

const ttlMs = 4000
const key = 'godwit/leader'

class Stood {
  readonly client: EtcdClient
  readonly election: Election
  readonly name: string
  readonly terms: number[] = []
  leadership: Leadership | undefined
  follows: Candidate | undefined

  constructor(name: string, etcd: SimEtcd) {
    this.name = name
    this.client = new EtcdClient(etcd)
    this.election = new Election({
      ...{ etcd: this.client, clock: etcd.clock, log: new MemoryLog(), key, ttlMs },
      me: { name, address: `http://${name}:7070`, id: `${name}-1` },
      lead: async (leadership) => {
        this.leadership = leadership
        this.terms.push(leadership.term)
        await leadership.ended
      },
      follow: (leader) => {
        this.follows = leader
      },
    })
    this.election.start()
  }
}

class Stage {
  readonly clock = new VirtualClock()
  readonly etcd = new SimEtcd(this.clock)
  readonly all = ['c1', 'c2', 'c3'].map((name) => new Stood(name, this.etcd))

  get leaders(): Stood[] {
    return this.all.filter(({ leadership }) => leadership?.holds)
  }

  /** Whoever acts as leader is alone, and etcd has its key. */
  pass(ms: number): Promise<void> {
    return pass(this.clock, ms, () => {
      const { leaders } = this
      if (leaders.length > 1) throw new Error(`${leaders.map(({ name }) => name)} lead at once`)
    })
  }

  async someLeader(): Promise<Stood> {
    for (let n = 0; n < 200 && this.leaders.length === 0; n++) await this.pass(100)
    const [leader] = this.leaders
    if (!leader) throw new Error('nobody leads')
    return leader
  }
}

describe('of several coordinators', () => {
  test('one leads, and the others know it', async () => {
    const stage = new Stage()
    await stage.pass(1000)
    const [leader, ...others] = stage.leaders
    expect(others).toEqual([])
    for (const other of stage.all)
      if (other !== leader) expect(other.follows?.address).toBe(`http://${leader?.name}:7070`)
    await stage.pass(60_000)
    expect(leader?.terms).toHaveLength(1)
  })

  test('one that shuts down lays it down at once', async () => {
    const stage = new Stage()
    const first = await stage.someLeader()
    void first.election.stop()
    await stage.pass(600)
    expect(stage.leaders).toHaveLength(1)
    expect(stage.leaders[0]).not.toBe(first)
  })

  test('one that is cut off stops before its key is gone, and another follows', async () => {
    const stage = new Stage()
    const first = await stage.someLeader()
    first.client.isCut = true
    const cutAtMs = stage.clock.nowMs()
    while (first.leadership?.holds) await stage.pass(10)
    expect(stage.etcd.valueOf(key)).toContain(first.name)
    expect(stage.clock.nowMs() - cutAtMs).toBeLessThanOrEqual(ttlMs - marginOf(ttlMs))
    const next = await stage.someLeader()
    expect(stage.clock.nowMs() - cutAtMs).toBeLessThan(ttlMs + 500)
    expect(next.leadership?.term).toBeGreaterThan(first.leadership?.term ?? 0)
    first.client.isCut = false
    await stage.pass(10_000)
    expect(stage.leaders).toEqual([next])
    expect(first.follows?.name).toBe(next.name)
  })

  test('one whose lease etcd has lost hears of it at its next renewal', async () => {
    const stage = new Stage()
    const first = await stage.someLeader()
    first.client.isCut = true
    await stage.pass(100)
    for (const id of stage.etcd.leases.keys()) stage.etcd.endLease(id)
    // Cut, it cannot hear: somebody has broken etcd's word. But its writes are refused from now on.
    first.client.isCut = false
    await pass(stage.clock, 1500)
    expect(first.leadership?.holds).toBe(false)
  })

  test('one that is told of another asks etcd at once', async () => {
    const stage = new Stage()
    const first = await stage.someLeader()
    await stage.pass(100)
    for (const id of stage.etcd.leases.keys()) stage.etcd.endLease(id)
    first.leadership?.doubt()
    await pass(stage.clock, 60)
    expect(first.leadership?.holds).toBe(false)
  })

  test('a leadership that was ended never holds again', async () => {
    const stage = new Stage()
    const first = await stage.someLeader()
    first.leadership?.end(fault('not-leader', 'a write was refused'))
    first.leadership?.extend(stage.clock.nowMs() + 60_000)
    expect(first.leadership?.holds).toBe(false)
    await stage.pass(1000)
    expect(stage.leaders).toHaveLength(1)
  })

  test('a renewal whose answer is lost does not count', async () => {
    const stage = new Stage()
    const first = await stage.someLeader()
    first.client.losesAnswers = true
    await stage.pass(ttlMs)
    expect(first.leadership?.holds).toBe(false)
  })
})

const acts = fc.array(
  fc.record({
    who: fc.nat(2),
    what: fc.constantFrom('cut', 'heal', 'deafen', 'slow', 'end', 'heal'),
    thenMs: fc.integer({ min: 1, max: 4000 }),
  }),
  { maxLength: 25 },
)

test('whatever becomes of the ways to etcd, never two lead, and terms grow', async () => {
  await fc.assert(
    fc.asyncProperty(acts, async (chosen) => {
      const stage = new Stage()
      for (const { who, what, thenMs } of chosen) {
        const { client, leadership } = stage.all[who] as Stood
        if (what === 'cut') client.isCut = true
        else if (what === 'deafen') client.losesAnswers = true
        else if (what === 'slow') client.nextArrivesInMs = thenMs
        else if (what === 'end') leadership?.end(fault('not-leader', 'it stopped'))
        else Object.assign(client, { isCut: false, losesAnswers: false })
        await stage.pass(thenMs)
      }
      for (const { client } of stage.all)
        Object.assign(client, { isCut: false, losesAnswers: false })
      await stage.pass(12_000)
      expect(stage.leaders).toHaveLength(1)
      const terms = stage.all.flatMap((each) => each.terms)
      expect(new Set(terms).size).toBe(terms.length)
      for (const { terms: own } of stage.all) expect([...own].sort((a, b) => a - b)).toEqual(own)
      const highest = Math.max(...terms)
      expect(stage.leaders[0]?.leadership?.term).toBe(highest)
    }),
    { numRuns: 40 },
  )
})
