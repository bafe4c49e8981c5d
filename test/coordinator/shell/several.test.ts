// Two coordinators on one etcd (the double), with their real HTTP and WebSockets: what the one that
// does not lead says, what passes from one leader to the next, and that nothing leaves a leader
// that etcd does not have.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { OneOfSeveral } from '#coordinator/shell/several.ts'
import { MemoryLog } from '#env/memory.ts'
import { realClock, realRandom } from '#env/real.ts'
import { ClusterView, Problem, VmView } from '#proto/api.ts'
import { SimEtcd } from '#scenarios/sim/sim-etcd.ts'
import { EtcdClient } from '../etcd/etcd-client.ts'
import { until } from './serving.ts'
import { Voice } from './voice.ts'

const token = 'a secret'
/** Long leases: what is told here is not what a busy machine does to short ones. */
const settings = { ...defaultSettings, heartbeatMs: 50, leaseMs: 20_000 }

class Member {
  readonly client: EtcdClient
  readonly one: OneOfSeveral
  address = ''

  constructor(name: string, ttlMs: number) {
    this.client = new EtcdClient(etcd)
    this.one = new OneOfSeveral({
      ...{ clock: realClock, random: realRandom, log: new MemoryLog(), settings, token, name },
      ...{ version: '0.0.0', host: '127.0.0.1', port: 0, dashboard: join(folder, 'page') },
      ...{ etcd: this.client, prefix: 'godwit/', ttlMs },
      onBug: (thrown) => {
        throw thrown
      },
    })
  }

  get leads(): boolean {
    return this.one.server !== undefined
  }

  get term(): number {
    return this.one.server?.coordinator.state.settings.term ?? 0
  }

  async call(method: string, path: string, body?: unknown) {
    const json = { 'content-type': 'application/json' }
    const answer = await fetch(this.address + path, {
      ...{ method, redirect: 'manual' },
      ...(body !== undefined && { headers: json, body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, text }
  }
}

let folder: string
let etcd: SimEtcd
let members: Member[]
const voices: Voice[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'godwit-several-'))
  etcd = new SimEtcd(realClock)
  members = []
})
afterEach(async () => {
  for (const voice of voices.splice(0)) voice.close()
  await Promise.all(members.map(({ one }) => one.stop()))
  rmSync(folder, { recursive: true, force: true })
})

/** Two that have started. The lease is long, where a test is not about its end: nothing ends it. */
async function started(ttlMs = 60_000): Promise<void> {
  members = ['c1', 'c2'].map((name) => new Member(name, ttlMs))
  for (const member of members) member.address = await member.one.start()
}

const leading = (passes: (member: Member) => boolean = () => true) =>
  until(
    async () => members.find((member) => member.leads && passes(member)),
    (member) => member !== undefined,
  ) as Promise<Member>
const otherThan = (leader: Member) => members.find((member) => member !== leader) as Member

async function joined(member: Member, name: string): Promise<Voice> {
  const voice = await Voice.join(member.address, name, token)
  voices.push(voice)
  return voice
}

const storedVm = (id: string) => JSON.parse(etcd.valueOf(`godwit/records/vm/${id}`) ?? 'null')
const run = (member: Member, id: string) => member.call('POST', '/v1/vms', { id, spec: {} })
const vmIn = (member: Member, id: string, phase: string) =>
  until(
    async () => VmView.parse(JSON.parse((await member.call('GET', `/v1/vms/${id}`)).text)),
    (vm) => vm.phase === phase,
  )

const nameOf = (member: Member) => (member === members[0] ? 'c1' : 'c2')
const viewOf = async (member: Member) =>
  ClusterView.parse(JSON.parse((await member.call('GET', '/v1/cluster')).text))
/** Who leads, without what it knows. */
const leads = ({ text }: { text: string }) => text.replace(/; it knows.*/, '')

describe('a coordinator that does not lead', () => {
  test('sends a browser to the one that does, and tells a program where that is', async () => {
    await started()
    const leader = await leading()
    const follower = otherThan(leader)
    const knows = async () => (await follower.call('GET', '/')).headers.get('location')
    expect(await until(knows, (at) => at !== null)).toBe(`${leader.address}/`)
    expect((await follower.call('GET', '//evil.example/?a=1')).headers.get('location')).toBe(
      `${leader.address}/?a=1`,
    )
    for (const [method, path] of [
      ['GET', '/v1/vms'],
      ['POST', '/v1/vms'],
      ['POST', '/'],
    ] as const) {
      const answer = await follower.call(method, path)
      expect(answer.status).toBe(503)
      expect(answer.headers.get('godwit-leader')).toBe(leader.address)
      expect(Problem.parse(JSON.parse(answer.text)).fault.code).toBe('not-leader')
    }
    expect((await follower.call('GET', '/healthz')).text).toBe('follower\n')
    expect((await follower.call('GET', '/metrics')).text).toContain('godwit_coordinator_leads 0')
    await expect(Voice.open(follower.address, 'n1')).rejects.toThrow(/503/)
  })
})

describe('what it tells Prometheus', () => {
  test('a step has taken as long as it took until etcd had it', async () => {
    await started()
    const leader = await leading()
    leader.client.nextArrivesInMs = 400
    await run(leader, 'a')
    const { text } = await leader.call('GET', '/metrics')
    expect(text).toContain('godwit_coordinator_step_seconds_count{input="api"} 1')
    expect(text).toContain('godwit_coordinator_step_seconds_bucket{le="0.3",input="api"} 0')
  })
})

describe('from one leader to the next', () => {
  test('all goes on with what the last one knew, under a higher term', async () => {
    await started()
    const first = await leading()
    const voice = await joined(first, 'n1')
    expect((await voice.hear('welcome')).term).toBe(first.term)
    await run(first, 'a')
    await vmIn(first, 'a', 'running')
    const { epoch } = storedVm('a')
    const { term } = first
    expect((await viewOf(first)).leader).toEqual({ name: nameOf(first), term })
    void first.one.stop()
    const next = await leading((member) => member !== first)
    const again = new Map(voice.held)
    const heir = await Voice.open(next.address, 'n1')
    voices.push(heir)
    for (const [id, report] of again) heir.held.set(id, report)
    heir.hello({ token, term })
    expect((await heir.hear('welcome')).term).toBeGreaterThan(term)
    heir.beat()
    const vm = await vmIn(next, 'a', 'running')
    expect(vm.nodeId).toBe('n1')
    await run(next, 'b')
    expect((await heir.hear('start', ({ vmId }) => vmId === 'b')).epoch).toBeGreaterThan(epoch)
    const { leader, events } = await viewOf(next)
    expect(leader).toEqual({ name: nameOf(next), term: next.term })
    expect(events.filter(({ kind }) => kind === 'coordinator-started').map(leads)).toEqual([
      `coordinator ${nameOf(first)} leads (term ${term})`,
      `coordinator ${nameOf(next)} leads (term ${next.term}), after ${nameOf(first)}`,
    ])
  })

  test('one that is cut off from etcd closes its links, and follows when it is back', async () => {
    await started(6000)
    const first = await leading()
    const voice = await joined(first, 'n1')
    first.client.isCut = true
    expect(await voice.end()).toBe('not-leader')
    await leading((member) => member !== first)
    first.client.isCut = false
    const back = async () => (await first.call('GET', '/healthz')).text
    await until(back, (text) => text === 'follower\n')
  })
})

describe('a leader', () => {
  test('starts nothing and answers nobody before etcd has what it decided', async () => {
    await started()
    const leader = await leading()
    const voice = await joined(leader, 'n1')
    leader.client.losesAnswers = true
    let isAnswered = false
    const answer = run(leader, 'a').then((given) => {
      isAnswered = true
      return given
    })
    await until(
      async () => storedVm('a'),
      (vm) => vm !== null,
    )
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(isAnswered || voice.heard.some(({ t }) => t === 'start')).toBe(false)
    leader.client.losesAnswers = false
    expect((await answer).status).toBe(202)
    const { epoch } = await voice.hear('start')
    expect(storedVm('a').epoch).toBe(epoch)
  })

  test('whose write is refused says nothing of it to anybody', async () => {
    await started()
    const leader = await leading()
    const voice = await joined(leader, 'n1')
    // Its key is gone, and another's is there, before it has looked again.
    const key = Buffer.from('godwit/leader').toString('base64')
    const value = Buffer.from('{}').toString('base64')
    const steal = [{ request_delete_range: { key } }]
    etcd.answer('/v3/kv/txn', { compare: [], success: steal, failure: [] } as never)
    const put = [{ request_put: { key, value } }]
    etcd.answer('/v3/kv/txn', { compare: [], success: put, failure: [] } as never)
    const answer = await run(leader, 'a')
    expect(answer.status).toBe(503)
    expect(Problem.parse(JSON.parse(answer.text)).fault.code).toBe('not-leader')
    expect(await voice.end()).toBe('not-leader')
    expect(voice.heard.some(({ t }) => t === 'start')).toBe(false)
    expect(storedVm('a')).toBe(null)
  })

  test('that hears of a higher term asks etcd, and believes no agent', async () => {
    await started()
    const leader = await leading()
    const { term } = leader
    const other = await joined(leader, 'n2')
    const voice = await Voice.open(leader.address, 'n1')
    voices.push(voice)
    voice.hello({ token, term: term + 1000 })
    expect((await voice.hear('refused')).fault.code).toBe('stale-term')
    await run(leader, 'a')
    await other.hear('start')
    expect([leader.term, other.closed]).toEqual([term, undefined])
  })
})
