// The coordinator as its users meet it: real HTTP, real WebSockets, and agents that are only
// voices.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { type CoordinatorServer, startServer } from '#coordinator/shell/server.ts'
import { openSqliteStore } from '#coordinator/shell/sqlite-store.ts'
import { MemoryLog } from '#env/memory.ts'
import { realClock, realRandom } from '#env/real.ts'
import {
  CloneView,
  ClusterView,
  ConsoleHeader,
  EventView,
  MigrationView,
  NodeView,
  Problem,
  VmView,
} from '#proto/api.ts'
import { asEpoch, asVmId } from '#proto/ids.ts'
import { Voice } from './voice.ts'

const token = 'a secret'
let folder = ''
let server: CoordinatorServer
const voices: Voice[] = []
const settings = { ...defaultSettings, heartbeatMs: 50, leaseMs: 400, marginMs: 100 }

const start = () =>
  startServer({
    ...{ clock: realClock, random: realRandom, log: new MemoryLog(), settings, token },
    ...{ version: '0.0.0', host: '127.0.0.1', port: 0, dashboard: join(folder, 'page') },
    store: openSqliteStore(join(folder, 'cluster.db')),
    onBug: (thrown) => {
      throw thrown
    },
  })

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'godwit-server-'))
  server = await start()
})
afterEach(async () => {
  for (const voice of voices.splice(0)) voice.close()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function joined(...names: string[]): Promise<Voice[]> {
  const all = await Promise.all(names.map((name) => Voice.join(server.address, name, token)))
  voices.push(...all)
  return all
}

interface Answer {
  readonly status: number
  readonly body: unknown
}
async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const json = { 'content-type': 'application/json' }
  const init =
    body === undefined ? { method } : { method, headers: json, body: JSON.stringify(body) }
  const answer = await fetch(server.address + path, init)
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
}
const get = async <T>(path: string, shape: z.ZodType<T>) =>
  shape.parse((await call('GET', path)).body)
const problem = (answer: Answer) => Problem.parse(answer.body)

async function until<T>(look: () => Promise<T>, passes: (value: T) => boolean): Promise<T> {
  for (const endMs = Date.now() + 15_000; ; ) {
    const value = await look()
    if (passes(value)) return value
    if (Date.now() > endMs) throw new Error(`never came: ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const vmIn = (id: string, phase: string) =>
  until(
    () => get(`/v1/vms/${id}`, VmView),
    (vm) => vm.phase === phase,
  )

describe('the HTTP API', () => {
  test('a VM is run, paused, resumed, stopped, started and removed', async () => {
    await joined('n1')
    const run = await call('POST', '/v1/vms', { id: 'a', spec: { memoryMib: 16 } })
    expect(run.status).toBe(202)
    expect(VmView.parse(run.body)).toMatchObject({ phase: 'starting', nodeId: 'n1', epoch: 1 })
    await vmIn('a', 'running')
    expect((await call('POST', '/v1/vms/a/pause')).status).toBe(202)
    await vmIn('a', 'paused')
    await call('POST', '/v1/vms/a/resume')
    await vmIn('a', 'running')
    await call('POST', '/v1/vms/a/stop')
    await vmIn('a', 'stopped')
    await call('POST', '/v1/vms/a/start')
    expect(await vmIn('a', 'running')).toMatchObject({ epoch: 2 })
    await call('POST', '/v1/vms/a/stop')
    await vmIn('a', 'stopped')
    expect(await call('DELETE', '/v1/vms/a')).toEqual({ status: 204, body: undefined })
    expect((await call('GET', '/v1/vms/a')).status).toBe(404)
  })

  test('what is wrong with a request is named by field, with what is allowed', async () => {
    const spec = { memoryMib: 1, clock: 'fast', colour: 'red' }
    const answer = await call('POST', '/v1/vms', { id: 'A', spec })
    expect(answer.status).toBe(400)
    const { detail, fault } = problem(answer)
    expect(fault.code).toBe('bad-request')
    expect(detail).toMatch(/id must match/)
    expect(detail).toMatch(/spec\.memoryMib must be >= 4/)
    expect(detail).toMatch(/spec\.clock must be one of real, instructions/)
    expect(detail).toMatch(/spec has an unknown field colour; allowed: image, args/)
    expect(problem(await call('POST', '/v1/vms', { spec: {} })).detail).toMatch(/lacks id/)
    const broken = await fetch(`${server.address}/v1/vms`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' },
    })
    expect(Problem.parse(await broken.json()).status).toBe(400)
  })

  test('an action in the wrong phase names the phase and the phases that allow it', async () => {
    await call('POST', '/v1/vms', { id: 'a', spec: {} })
    const answer = await call('POST', '/v1/vms/a/migrate', {})
    expect(answer.status).toBe(409)
    expect(problem(answer).detail).toMatch(/a is pending .* migrate needs it running/)
  })

  test('what does not exist is a problem document with the names there are', async () => {
    await joined('n1')
    expect(problem(await call('GET', '/v1/nodes/n7')).detail).toMatch(/there are n1/)
    expect(problem(await call('POST', '/v1/vms/x/stop')).fault.code).toBe('unknown-vm')
    expect(problem(await call('POST', '/v1/migrations/m9/cancel')).status).toBe(404)
    expect(problem(await call('GET', '/v1/nothing')).status).toBe(404)
    expect(problem(await call('GET', '/v1/events?after=x')).status).toBe(400)
    const nowhere = await call('POST', '/v1/vms', { id: 'a', spec: {}, nodeId: 'n7' })
    expect(problem(nowhere).fault.code).toBe('unknown-node')
  })

  test('a migration is queued, begun, followed and finished; its record is kept', async () => {
    const [n1, n2] = await joined('n1', 'n2')
    await call('POST', '/v1/vms', { id: 'a', spec: {}, nodeId: 'n1' })
    await vmIn('a', 'running')
    const queued = MigrationView.parse((await call('POST', '/v1/vms/a/migrate')).body)
    expect(queued).toMatchObject({ from: 'n1', to: 'n2', phase: 'queued', cause: 'operator' })
    const command = await n1?.hear('migrate')
    const report = n1?.held.get('a')
    if (!command || !report || !n2) throw new Error('no migration')
    n1?.held.delete('a')
    n2.held.set('a', { ...report, epoch: command.nextEpoch })
    n2.say({ t: 'vm-event', vmId: command.vmId, epoch: command.nextEpoch, event: 'running' })
    const figures = { rounds: [], bytes: 9, pages: 2, zeroPages: 1, totalMs: 20, downtimeMs: 3 }
    const record = { ...figures, hash: 'ab' }
    n1?.say({ t: 'result', commandId: command.commandId, record })
    const look = () => get(`/v1/migrations/${queued.id}`, MigrationView)
    expect(await until(look, (m) => m.phase === 'done')).toMatchObject({ record })
    expect(await get('/v1/vms/a', VmView)).toMatchObject({ nodeId: 'n2', epoch: command.nextEpoch })
    const metrics = await (await fetch(`${server.address}/metrics`)).text()
    expect(metrics).toMatch(/migrations_total\{purpose="migrate",outcome="done"\} 1/)
    expect(metrics).toMatch(/migration_downtime_seconds_bucket\{le="0.003",purpose="migrate"\} 1/)
    expect(metrics).toMatch(/godwit_coordinator_vms\{phase="running"\} 1/)
  })

  test('clones: other identities, one migration', async () => {
    await joined('n1')
    await call('POST', '/v1/vms', { id: 'a', spec: {} })
    await vmIn('a', 'running')
    const answer = await call('POST', '/v1/vms/a/clone', { ids: ['b', 'c'] })
    expect(answer.status).toBe(202)
    const { migration, vms } = CloneView.parse(answer.body)
    expect(migration).toMatchObject({ purpose: 'clone', cloneIds: ['b', 'c'], to: 'n1' })
    const identities = [...vms, await get('/v1/vms/a', VmView)].map((vm) => vm.identity)
    for (const key of ['instanceId', 'mac', 'randomSeed'] as const)
      expect(new Set(identities.map((identity) => identity[key])).size).toBe(3)
    expect(problem(await call('POST', '/v1/vms/a/clone', { ids: ['b'] })).fault.code).toBe(
      'name-taken',
    )
  })

  test('every view is what the schemas say, and events go on after a number', async () => {
    await joined('n1')
    await call('POST', '/v1/vms', { id: 'a', spec: {} })
    await vmIn('a', 'running')
    const view = await get('/v1/cluster', ClusterView)
    expect(view.nodes[0]).toMatchObject({ id: 'n1', memoryReservedMib: 32, vmCount: 1 })
    expect(await get('/v1/nodes', z.array(NodeView))).toHaveLength(1)
    const all = await get('/v1/events', z.array(EventView))
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, n) => n + 1))
    expect(await get('/v1/events?after=2', z.array(EventView))).toEqual(all.slice(2))
  })

  test('the OpenAPI document describes every route with its body', async () => {
    const { body } = await call('GET', '/openapi.json')
    const { paths } = body as { paths: Record<string, Record<string, { requestBody?: object }>> }
    const routes = Object.entries(paths).flatMap(([path, verbs]) =>
      Object.keys(verbs).map((verb) => `${verb} ${path}`),
    )
    expect(routes.sort()).toMatchSnapshot()
    expect(JSON.stringify(paths['/v1/vms']?.post?.requestBody)).toMatch(/"cpuCapPercent"/)
  })

  test('a page of another site is kept out, our own is not', async () => {
    const from = (origin: string) =>
      fetch(`${server.address}/v1/rebalance`, { method: 'POST', headers: { origin } })
    expect((await from('http://evil.example')).status).toBe(403)
    expect((await from(server.address)).status).toBe(202)
    const socket = new WebSocket(`${server.address.replace('http', 'ws')}/v1/watch`, {
      origin: 'http://evil.example',
    })
    const status = await new Promise((resolve) => {
      socket.on('unexpected-response', (_request, answer) => resolve(answer.statusCode))
      socket.on('error', () => undefined)
    })
    expect(status).toBe(403)
  })
})

/** Sends an upgrade as bytes, which no WebSocket client would send like this; returns its first line. */
async function rawUpgrade(path: string): Promise<string> {
  const { hostname, port } = new URL(server.address)
  const socket = connect(Number(port), hostname)
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n`)
  socket.write('Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  let answer = ''
  for await (const bytes of socket) answer += bytes
  return answer.split('\r\n')[0] ?? ''
}

test('an upgrade to a path that is none is refused, and harms nobody', async () => {
  for (const path of ['//', '//[', '/v1/vms/%/console', '*'])
    expect(await rawUpgrade(path)).toMatch(/^HTTP\/1.1 40[04] /)
  expect((await call('GET', '/v1/cluster')).status).toBe(200)
})

describe('the page', () => {
  test('says how it is built when it is not, and is served with a strict policy when it is', async () => {
    const before = await fetch(`${server.address}/`)
    expect(await before.text()).toMatch(/npm run build/)
    mkdirSync(join(folder, 'page', 'assets'), { recursive: true })
    writeFileSync(join(folder, 'page', 'index.html'), '<p>the page')
    writeFileSync(join(folder, 'page', 'assets', 'main-1.js'), '1')
    const page = await fetch(`${server.address}/`)
    expect(await page.text()).toBe('<p>the page')
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'/)
    const script = await fetch(`${server.address}/assets/main-1.js`)
    expect(script.headers.get('content-type')).toMatch(/^text\/javascript/)
    expect(script.headers.get('cache-control')).toMatch(/immutable/)
    expect((await fetch(`${server.address}/%2e%2e/cluster.db`)).status).toBe(404)
    expect((await fetch(`${server.address}/../cluster.db`)).status).toBe(404)
  })
})

describe('watching', () => {
  test('a view at once, another after a change, and none while nothing changes', async () => {
    const socket = new WebSocket(`${server.address.replace('http', 'ws')}/v1/watch`)
    const views: ClusterView[] = []
    socket.on('message', (data) => views.push(ClusterView.parse(JSON.parse(String(data)))))
    await until(
      async () => views.length,
      (count) => count === 1,
    )
    await call('POST', '/v1/vms', { id: 'a', spec: {} })
    await until(
      async () => views.at(-1)?.vms.length,
      (count) => count === 1,
    )
    const revisions = views.map(({ revision }) => revision)
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b))
    socket.close()
  })
})

describe('agents', () => {
  test('a wrong token, an old version, a peer: refused by name, and closed', async () => {
    const wrong: [object, string][] = [
      [{ token: 'a guess' }, 'bad-token'],
      [{ token, protocolVersion: 99 }, 'version-mismatch'],
      [{ token, role: 'peer' }, 'bad-message'],
    ]
    for (const [fields, code] of wrong) {
      const voice = await Voice.open(server.address, 'n1')
      voice.hello(fields)
      expect((await voice.hear('refused')).fault.code).toBe(code)
      expect(await voice.end()).toBe(code)
    }
    expect(await get('/v1/nodes', z.array(NodeView))).toEqual([])
  })

  test('bad bytes close that link only', async () => {
    const [n1, n2] = await joined('n1', 'n2')
    n1?.sayBytes(new Uint8Array([1, 0xc1, 0xff]))
    expect(await n1?.end()).toBe('bad-message')
    const look = () => get('/v1/nodes/n1', NodeView)
    await until(look, ({ phase }) => phase !== 'online')
    expect(n2?.closed).toBeUndefined()
    expect(await get('/v1/nodes/n2', NodeView)).toMatchObject({ phase: 'online' })
  })

  test('a node that speaks for another is cut off', async () => {
    const [n1] = await joined('n1')
    const silent = { cpuDemandPercent: 0, cpuGotPercent: 0, memoryUsedMib: 0, vms: [] }
    n1?.say({ t: 'heartbeat', seq: 999, nodeId: 'n2' as never, ...silent })
    expect(await n1?.end()).toBe('bad-message')
  })

  test('a newer process of a node displaces the older, which may not come back', async () => {
    const [older] = await joined('n1')
    const newer = await Voice.open(server.address, 'n1')
    voices.push(newer)
    newer.hello({ token, incarnation: 'n1-second' })
    await newer.hear('welcome')
    expect(await older?.end()).toBe('replaced')
    const ghost = await Voice.open(server.address, 'n1')
    ghost.hello({ token, incarnation: 'n1-first' })
    expect((await ghost.hear('refused')).fault.code).toBe('name-taken')
  })

  test('a lost node is fenced and its VM runs elsewhere; a restarted coordinator still knows', async () => {
    const [n1] = await joined('n1', 'n2')
    await call('POST', '/v1/vms', { id: 'a', spec: {}, nodeId: 'n1' })
    await call('POST', '/v1/vms', { id: 'b', spec: {} })
    await vmIn('b', 'running')
    // Not pinned: b may go wherever there is room.
    const before = await get('/v1/vms/b', VmView)
    const lost = before.nodeId === 'n1' ? n1 : voices.find(({ node }) => node === 'n2')
    lost?.close()
    const look = () => get('/v1/vms/b', VmView)
    const after = await until(
      look,
      ({ recoveries, phase }) => recoveries === 1 && phase === 'running',
    )
    expect(after.epoch).toBeGreaterThan(before.epoch)
    expect(after.nodeId).not.toBe(before.nodeId)
    await server.stop()
    server = await start()
    expect(await get('/v1/vms/b', VmView)).toMatchObject({ epoch: after.epoch, recoveries: 1 })
    const events = await get('/v1/events', z.array(EventView))
    expect(events.filter(({ kind }) => kind === 'coordinator-started')).toHaveLength(2)
  })
})

describe('consoles', () => {
  const consoleOf = (id: string, query = '') =>
    new WebSocket(`${server.address.replace('http', 'ws')}/v1/vms/${id}/console${query}`)

  test('output reaches every client, input reaches the VM, and both follow it to its next node', async () => {
    const [n1, n2] = await joined('n1', 'n2')
    await call('POST', '/v1/vms', { id: 'a', spec: {}, nodeId: 'n1' })
    await vmIn('a', 'running')
    const client = consoleOf('a', '?replay=1')
    const seen: string[] = []
    client.on('message', (data, isBinary) =>
      seen.push(
        isBinary ? String(data) : `header ${ConsoleHeader.parse(JSON.parse(String(data))).offset}`,
      ),
    )
    const vmId = asVmId('a')
    const answer = (
      voice: Voice | undefined,
      epoch: number,
      offset: number,
      text: string,
      taken: number,
    ) => {
      const from = { vmId, epoch: asEpoch(epoch) }
      voice?.say({ t: 'console-output', ...from, offset, bytes: new TextEncoder().encode(text) })
      voice?.say({ t: 'console-accepted', ...from, offset: taken })
    }
    expect(await n1?.hear('console-open')).toMatchObject({ fromOffset: 0 })
    answer(n1, 1, 0, 'hello ', 0)
    await until(
      async () => seen.join(''),
      (text) => text === 'header 0hello ',
    )
    client.send(Buffer.from('put 1'))
    expect(await n1?.hear('console-input')).toMatchObject({ offset: 0 })
    answer(n1, 1, 6, 'ab', 2)
    await call('POST', '/v1/vms/a/migrate', { to: 'n2' })
    const { nextEpoch } = (await n1?.hear('migrate')) ?? { nextEpoch: asEpoch(0) }
    const report = n1?.held.get('a')
    n1?.held.delete('a')
    if (report) n2?.held.set('a', { ...report, epoch: nextEpoch })
    n2?.say({ t: 'vm-event', vmId, epoch: nextEpoch, event: 'running' })
    expect(await n2?.hear('console-open')).toMatchObject({ fromOffset: 8 })
    answer(n2, nextEpoch, 6, 'abc', 3)
    const rest = await n2?.hear('console-input')
    expect([rest?.offset, String(Buffer.from(rest?.bytes ?? []))]).toEqual([3, ' 1'])
    await until(
      async () => seen.join(''),
      (text) => text === 'header 0hello abc',
    )
    client.close()
  })

  test('a console that cannot be is refused before it opens', async () => {
    await call('POST', '/v1/vms', { id: 'a', spec: {} })
    const statusOf = (id: string) =>
      new Promise((resolve) => {
        const socket = consoleOf(id)
        socket.on('unexpected-response', (_request, answer) => resolve(answer.statusCode))
        socket.on('error', () => undefined)
      })
    expect([await statusOf('a'), await statusOf('b')]).toEqual([409, 404])
  })
})
