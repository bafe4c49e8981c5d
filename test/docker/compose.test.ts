// The cluster in containers, as `docker compose up --build` starts it: a coordinator and three
// agents. One story, told in order: guests start, one migrates, a node is killed, another is cut
// from the network, and after each step every guest runs where it should and none runs twice.
// Needs a Docker daemon and the base image: .ci/docker.sh makes both where they are missing.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SeededRandom } from '#env/memory.ts'
import { realClock } from '#env/real.ts'
import { asVmId } from '#proto/ids.ts'
import { ChaosRun } from '#scenarios/chaos/chaos-run.ts'
import { ComposeCluster, type Copy } from './compose-cluster.ts'
import { type GuestConsole, openGuestConsole } from './guest-console.ts'

const nodeIds = ['node-1', 'node-2', 'node-3']
const guests = {
  checker: { spec: { args: 'workload=check', memoryMib: 16 }, startOn: 'node-1' },
  store: { spec: { args: 'workload=kv', memoryMib: 16, diskMib: 8 }, startOn: 'node-2' },
  writer: { spec: { args: 'workload=dirty wss=4 rate=500', memoryMib: 16 }, startOn: 'node-3' },
}

/** Generous: a lease and its margin are 3 s, a busy machine makes them feel like ten. */
const patience = { timeout: 180_000, interval: 250 }

/** VMs with more than one running copy. */
const twice = (running: readonly Copy[]): string[] =>
  running.map(({ vmId }) => vmId).filter((vmId, i, all) => all.indexOf(vmId) !== i)

describe('a cluster in containers', { timeout: 300_000 }, () => {
  let cluster: ComposeCluster
  const seenTwice: string[] = []

  beforeAll(async () => {
    cluster = await ComposeCluster.start(nodeIds)
  }, 300_000)
  afterAll(() => cluster?.down(), 60_000)

  const running = async () => (await cluster.copies()).filter((copy) => copy.state === 'running')

  /**
   * VM → the node whose agent says that it runs it. Agents are asked one after the other, so a VM
   * that goes from one to another may seem to be at both: it is when it still is, asked once more.
   */
  const whoRunsWhat = async (): Promise<Record<string, string>> => {
    const first = await running()
    const again = twice(first).length > 0 ? await running() : first
    seenTwice.push(...twice(first).filter((vm) => twice(again).includes(vm)))
    return Object.fromEntries(again.map(({ vmId, nodeId }) => [vmId, nodeId]))
  }
  const ask = async (vmId: string, request: string): Promise<string> => {
    const guest: GuestConsole = await openGuestConsole(cluster.api, vmId)
    return guest.ask(request).finally(() => guest.close())
  }

  test('three agents join and name themselves', async () => {
    await expect.poll(async () => (await cluster.onlineNodes()).sort(), patience).toEqual(nodeIds)
  })

  test('the image brings the built page', async () => {
    const page = await (await fetch(cluster.address)).text()
    const [, script] = /<script[^>]* src="([^"]+)"/.exec(page) ?? []
    const answer = await fetch(new URL(script ?? 'missing', cluster.address))
    expect(answer.headers.get('content-type')).toMatch(/javascript/)
  })

  test('a container is nobody much, and cannot write to itself', async () => {
    const program = `
      try { fs.writeFileSync('/app/proto/faults.ts', '') } catch (error) { console.log(error.code) }
      const capabilities = /CapEff:\\s*(\\w+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))
      console.log(process.getuid(), Number(capabilities[1]))`
    expect(await cluster.inside('node-1', program)).toBe('EROFS\n1000 0')
  })

  test('guests run on the nodes they were given', async () => {
    for (const [id, { spec, startOn }] of Object.entries(guests))
      await cluster.api.run({ id: asVmId(id), spec, startOn })
    await expect
      .poll(whoRunsWhat, patience)
      .toEqual({ checker: 'node-1', store: 'node-2', writer: 'node-3' })
    await expect.poll(() => ask('store', 'put city hobart'), patience).toMatch(/^ok \d+$/)
  })

  test('a running guest migrates to another container', async () => {
    const { id } = await cluster.api.migrate('checker', { to: 'node-2' })
    await expect
      .poll(async () => (await cluster.api.migration(id)).phase, patience)
      .toMatch(/done|failed/)
    const migration = await cluster.api.migration(id)
    expect(migration.fault).toBeUndefined()
    expect(migration.record?.hash).toMatch(/^[0-9a-f]{16}$/)
    await expect.poll(whoRunsWhat, patience).toMatchObject({ checker: 'node-2' })
    expect(await ask('checker', 'stats')).toMatch(/ bad=0\b/)
  })

  test('the guests of a killed container come back elsewhere', async () => {
    await cluster.kill('node-3')
    await expect.poll(async () => (await whoRunsWhat()).writer, patience).toMatch(/^node-[12]$/)
    expect(await cluster.onlineNodes()).not.toContain('node-3')
    expect(await whoRunsWhat()).toMatchObject({ checker: 'node-2', store: 'node-2' })
  })

  test('a node cut from the network stops its guests itself; they come back elsewhere', async () => {
    const heal = await cluster.cut('node-2')
    const allOnNode1 = { checker: 'node-1', store: 'node-1', writer: 'node-1' }
    await expect.poll(whoRunsWhat, patience).toEqual(allOnNode1)
    await expect.poll(() => ask('store', 'get city'), patience).toBe('value hobart')

    await heal()
    await expect
      .poll(async () => (await cluster.onlineNodes()).sort(), patience)
      .toEqual(['node-1', 'node-2'])
    expect(Object.keys(await whoRunsWhat()).sort()).toEqual(['checker', 'store', 'writer'])
  })

  test('chaos breaks containers from within, and finds every promise kept', async () => {
    const said: string[] = []
    const { api } = cluster
    const run = new ChaosRun(
      {
        ...{ api, laboratory: api, clock: realClock, random: new SeededRandom(2), prefix: 'x' },
        say: (word, text) => void said.push(`${word}: ${text}`),
      },
      { everyMs: 500, forMs: 12_000, kinds: ['kill', 'hang', 'cut'] },
    )
    const report = await run.run()
    expect(report.violation, said.join('\n')).toBeUndefined()
    expect(report.deeds).toBeGreaterThan(0)
    expect(report.acknowledged).toBeGreaterThan(0)
  })

  test('no guest ever ran twice', () => expect(seenTwice).toEqual([]))
})
