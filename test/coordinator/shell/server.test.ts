// The coordinator as its users meet it: real HTTP, real WebSockets, and agents that are only
// voices.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import {
  CloneView,
  ClusterView,
  EventView,
  MigrationView,
  NodeView,
  Problem,
  VmView,
} from '#proto/api.ts'
import { asNodeId } from '#proto/ids.ts'
import {
  call,
  folder,
  get,
  joined,
  problem,
  restartServer,
  server,
  servesEachTest,
  token,
  until,
  vmIn,
  voices,
} from './serving.ts'
import { Voice } from './voice.ts'

servesEachTest()

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

  test('a balloon takes from a running VM what its spec gave it, and no more', async () => {
    const [n1] = await joined('n1')
    await call('POST', '/v1/vms', { id: 'a', spec: { memoryMib: 16 } })
    await vmIn('a', 'running')
    expect((await call('POST', '/v1/vms/a/balloon', { memoryMib: 12 })).status).toBe(202)
    expect(await n1?.hear('balloon')).toMatchObject({ vmId: 'a', epoch: 1, targetPages: 1024 })
    const tooMuch = await call('POST', '/v1/vms/a/balloon', { memoryMib: 17 })
    expect(tooMuch).toMatchObject({ status: 400, body: { fault: { code: 'bad-request' } } })
    expect((await call('POST', '/v1/vms/a/balloon', { memoryMib: 0 })).status).toBe(400)
    await call('POST', '/v1/vms/a/pause')
    await vmIn('a', 'paused')
    expect((await call('POST', '/v1/vms/a/balloon', { memoryMib: 12 })).status).toBe(409)
  })

  test('what is wrong with a request is named by field, with what is allowed', async () => {
    const spec = { memoryMib: 1, clock: 'fast', colour: 'red' }
    const answer = await call('POST', '/v1/vms', { id: 'A', spec })
    expect(answer.status).toBe(400)
    const { detail, fault } = problem(answer)
    expect(fault.code).toBe('bad-request')
    expect(detail).toMatch(/id must be a name: a-z, 0-9 and -/)
    expect(detail).toMatch(/spec\.memoryMib must be >= 4/)
    expect(detail).toMatch(/spec\.clock must be one of real, instructions/)
    expect(detail).toMatch(/spec has an unknown field colour; allowed: image, args/)
    expect(problem(await call('POST', '/v1/vms', { spec: {} })).detail).toMatch(/lacks id/)
    const broken = await fetch(`${server.address}/v1/vms`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' },
    })
    expect(Problem.parse(await broken.json()).status).toBe(400)
  })

  test('of a body with several forms only what is wrong with the one that is meant is told', async () => {
    const rule = { kind: 'node-affinity', name: 'home', vms: ['a'], nodes: [{ id: 'n1:x' }] }
    const told = async (body: object) => problem(await call('PUT', '/v1/rules/home', body)).detail
    expect(await told(rule)).toBe('nodes.0.id must be a name: a-z, 0-9 and -, up to 63 of them')
    expect(await told({ ...rule, kind: 'near' })).toBe(
      'kind must be one of node-affinity, keep-together, keep-apart',
    )
    const { nodes: _, ...apart } = { ...rule, kind: 'keep-apart', strict: 1, near: 'n1' }
    expect(await told(apart)).toBe(
      'the body has an unknown field near; allowed: kind, name, vms, strict; ' +
        'strict must be boolean',
    )
  })

  test('an action in the wrong phase names the phase and the phases that allow it', async () => {
    await call('POST', '/v1/vms', { id: 'a', spec: {} })
    const answer = await call('POST', '/v1/vms/a/migrate', {})
    expect(answer.status).toBe(409)
    expect(problem(answer).detail).toMatch(/a is pending .* migrate needs it running/)
  })

  test('what only the whole of a body shows is a bad request too, in words', async () => {
    const rule = { name: 'lone', kind: 'keep-apart', vms: ['a'] }
    expect(problem(await call('PUT', '/v1/rules/lone', rule))).toMatchObject({
      ...{ status: 400, detail: 'vms: it needs 2 VMs, or a group' },
      fault: { code: 'bad-request' },
    })
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

  test('what is not said of an evacuation stays its own: VMs are slowed down rather than stuck', async () => {
    await joined('n1')
    await call('POST', '/v1/nodes/n1/evacuate', { params: { downtimeMsMax: 50 } })
    const node = server.coordinator.state.nodes.get(asNodeId('n1'))
    expect(node?.maintenance?.params).toMatchObject({ downtimeMsMax: 50, whenStuck: 'throttle' })
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

describe('the page', () => {
  test('says how to build it, and once built is served under a strict policy', async () => {
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
    await restartServer()
    expect(await get('/v1/vms/b', VmView)).toMatchObject({ epoch: after.epoch, recoveries: 1 })
    const events = await get('/v1/events', z.array(EventView))
    expect(events.filter(({ kind }) => kind === 'coordinator-started')).toHaveLength(2)
  })
})
