// The built page before two real coordinators on one etcd (the double), in a real browser: its own
// ends, it finds the other, says so, and goes there with the login that it has.

import { createServer } from 'node:net'
import type { Page } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { OneOfSeveral } from '#coordinator/shell/several.ts'
import { MemoryLog } from '#env/memory.ts'
import { realClock, realRandom } from '#env/real.ts'
import { SimEtcd } from '#scenarios/sim/sim-etcd.ts'
import { EtcdClient } from '../coordinator/etcd/etcd-client.ts'
import { until } from '../coordinator/shell/serving.ts'
import { violations } from './axe.ts'
import { builtPage, chromiumPath, ownBrowser } from './browser-page.ts'

const browser = ownBrowser()

/** A port that was free a moment ago: an address for others is said before it is listened on. */
const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })

const operatorSecret = 'gwo_of-this-machine'
const password = 'olga has a long password'
interface Member {
  readonly one: OneOfSeveral
  readonly address: string
}
let members: Member[]
let etcd: SimEtcd

async function member(name: string, host: string): Promise<Member> {
  const port = await freePort()
  const address = `http://${host}:${port}`
  const one = new OneOfSeveral({
    ...{ clock: realClock, random: realRandom, log: new MemoryLog(), token: 'a secret', name },
    ...{ settings: { ...defaultSettings, leaseMs: 20_000 }, version: '0.0.0' },
    ...{ host: '127.0.0.1', port, advertise: address, dashboard: builtPage, operatorSecret },
    ...{ etcd: new EtcdClient(etcd), prefix: 'godwit/', ttlMs: 60_000 },
    onBug: (thrown) => {
      throw thrown
    },
  })
  await one.start()
  return { one, address }
}

const leader = () =>
  until(
    async () => members.find(({ one }) => one.server),
    (one) => one !== undefined,
  ) as Promise<Member>

/** Two; the second is known by another name of the same machine, if that is said. */
async function started(hostOfSecond = '127.0.0.1'): Promise<Member> {
  members = [await member('c1', '127.0.0.1')]
  await leader()
  members.push(await member('c2', hostOfSecond))
  const first = await leader()
  const knows = async () => (await fetch(first.address)).headers.get('content-security-policy')
  await until(knows, (policy) => policy?.includes(members[1]?.address ?? '?') === true)
  return first
}

async function addOlga({ address }: Member): Promise<void> {
  const headers = { authorization: `Bearer ${operatorSecret}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ name: 'olga', role: 'operator', password })
  expect((await fetch(`${address}/v1/accounts`, { method: 'POST', headers, body })).status).toBe(
    201,
  )
}

async function open({ address }: Member): Promise<Page> {
  const page = await (await browser().newContext()).newPage()
  await page.goto(address)
  await page.getByLabel('Name').fill('olga')
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText('live', { exact: true }).waitFor()
  return page
}

beforeEach(() => {
  etcd = new SimEtcd(realClock)
  members = []
})
afterEach(() => Promise.all(members.map(({ one }) => one.stop())))

describe.skipIf(!chromiumPath)('a page whose coordinator has gone', () => {
  test('finds the one that leads now, and goes there, still logged in', async () => {
    const first = await started()
    await addOlga(first)
    const page = await open(first)
    await page.evaluate("location.hash = '#/events'")
    await first.one.stop()
    await page.getByText('leads now').waitFor({ timeout: 45_000 })
    expect(await violations(page)).toEqual([])
    const second = members[1] as Member
    await page.waitForURL(`${second.address}/#/events`, { timeout: 45_000 })
    await page.getByText('live', { exact: true }).waitFor()
    expect(await page.locator('.who').innerText()).toContain('olga')
    await page.context().close()
  }, 180_000)

  test('of another host only offers it, and says that one has to log in there', async () => {
    const first = await started('localhost')
    await addOlga(first)
    const page = await open(first)
    await first.one.stop()
    await page.getByText('You will have to log in there').waitFor({ timeout: 45_000 })
    expect(await page.getByRole('button', { name: 'Stay' }).count()).toBe(0)
    await page.getByRole('link', { name: 'Go to c2' }).click()
    await page.getByLabel('Password').waitFor()
    expect(new URL(page.url()).host).toBe(new URL(members[1]?.address ?? '').host)
    await page.context().close()
  }, 180_000)

  test('tells a page of a stranger nothing of whether it leads', async () => {
    const first = await started()
    const health = (origin: string) => fetch(`${first.address}/healthz`, { headers: { origin } })
    expect((await health('https://evil.example')).status).toBe(403)
    const asked = await health(members[1]?.address ?? '')
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([
      200,
      members[1]?.address,
    ])
    const other = await fetch(`${first.address}/v1/vms`, {
      headers: { origin: members[1]?.address ?? '' },
    })
    expect(other.status).toBe(403)
    const follower = await fetch(`${members[1]?.address}/healthz`, {
      headers: { origin: 'https://evil.example' },
    })
    expect(follower.headers.get('access-control-allow-origin')).toBeNull()
  })
})
