// Every route and every socket × everybody × a VM of ann's: who gets in is written down here a
// second time, by hand, and held against what the coordinator really answers. A route that is added
// without a guard, or without a line here, fails.

import { describe, expect, test } from 'vitest'
import { guards } from '#coordinator/shell/guards.ts'
import { asVmId } from '#proto/ids.ts'
import {
  type Answer,
  ask,
  hasPeople,
  machine,
  running,
  Stream,
  server,
  vmOf,
  ways,
} from './people.ts'

hasPeople()

// Letters of who gets in: S a stranger, V the viewer, A ann whose VM it is, B bob, L who came by a
// link to ann's VM, M by a link to bob's, O the operator. Lists let in whoever may see anything.
// tidy: data table
const whoGetsIn: Readonly<Record<string, string>> = {
  'GET /': 'SVABLMO',
  'GET /healthz': 'SVABLMO',
  'GET /openapi.json': 'SVABLMO',
  'POST /v1/login': 'SVABLMO',
  'POST /v1/logout': 'SVABLMO',
  'POST /v1/share-session': 'SVABLMO',
  'GET /v1/me': 'VABLMO',
  'GET /metrics': 'VO',
  'GET /v1/cluster': 'VABLMO',
  'GET /v1/vms': 'VABLMO',
  'GET /v1/events': 'VABLMO',
  'GET /v1/migrations': 'VABLMO',
  'GET /v1/templates': 'VABLMO',
  'GET /v1/nodes': 'VO',
  'GET /v1/nodes/:id': 'VO',
  'GET /v1/nodes/:id/loads': 'VO',
  'GET /v1/loads': 'VO',
  'GET /v1/ha': 'VO',
  'GET /v1/power': 'VO',
  'GET /v1/laboratory': 'VO',
  'GET /v1/laboratory/copies': 'VO',
  'GET /v1/vms/:id/why': 'VO',
  'POST /v1/nodes/:id/evacuate': 'O',
  'POST /v1/nodes/:id/break': 'O',
  'POST /v1/nodes/:id/fence': 'O',
  'POST /v1/nodes/:id/return': 'O',
  'POST /v1/nodes/:id/sleep': 'O',
  'POST /v1/nodes/:id/wake': 'O',
  'PATCH /v1/ha': 'O',
  'PATCH /v1/power': 'O',
  'PUT /v1/groups/:name': 'O',
  'DELETE /v1/groups/:name': 'O',
  'PUT /v1/rules/:name': 'O',
  'DELETE /v1/rules/:name': 'O',
  'POST /v1/rebalance': 'O',
  'POST /v1/vms': 'ABO',
  'GET /v1/vms/:id': 'VALO',
  'GET /v1/vms/:id/loads': 'VALO',
  'POST /v1/vms/:id/pause': 'AO',
  'POST /v1/vms/:id/resume': 'AO',
  'POST /v1/vms/:id/stop': 'AO',
  'POST /v1/vms/:id/start': 'AO',
  'POST /v1/vms/:id/balloon': 'AO',
  'DELETE /v1/vms/:id': 'AO',
  'POST /v1/vms/:id/restore': 'AO',
  'POST /v1/vms/:id/merge': 'AO',
  'GET /v1/vms/:id/snapshots': 'VALO',
  'POST /v1/vms/:id/snapshots': 'AO',
  'DELETE /v1/vms/:id/snapshots/:name': 'AO',
  'GET /v1/vms/:id/snapshots/:name/compare/:other': 'VALO',
  'POST /v1/vms/:id/clone': 'AO',
  'POST /v1/templates': 'AO',
  'DELETE /v1/templates/:name': 'ABO', // none of theirs is there
  'GET /v1/template-keys': 'VO',
  'PUT /v1/template-keys/:name': 'O',
  'DELETE /v1/template-keys/:name': 'O',
  'POST /v1/vms/:id/migrate': 'O',
  'POST /v1/vms/:id/relocate': 'O',
  'POST /v1/vms/:id/forecast': 'O',
  'PATCH /v1/vms/:id/ha': 'O',
  'GET /v1/migrations/:id': 'VO',
  'GET /v1/migrations/:id/pages': 'VO',
  'POST /v1/migrations/:id/cancel': 'O',
  'POST /v1/migrations/:id/post-copy': 'O',
  'PUT /v1/vms/:id/owner': 'O',
  'GET /v1/vms/:id/links': 'AO',
  'POST /v1/vms/:id/links': 'AO',
  'GET /v1/coordinators': 'VABO',
  'GET /v1/store': 'O',
  'GET /v1/accounts': 'O',
  'POST /v1/accounts': 'O',
  'DELETE /v1/accounts/:name': 'O',
  'PUT /v1/accounts/:name/password': 'VABO',
  'PUT /v1/accounts/:name/quota': 'O',
  'GET /v1/grants': 'VABO',
  'POST /v1/tokens': 'VABO',
  'DELETE /v1/grants/:id': 'VABO',
}
const socketPaths: Readonly<Record<string, string>> = {
  'WS watch': '/v1/watch',
  'WS console': '/v1/vms/:id/console',
  'WS screen': '/v1/vms/:id/screen',
  'WS sights': '/v1/sights?vm=:id',
  'WS links': '/v1/sights?links=1&vm=:id',
  'WS template': '/v1/templates/of-ann/file',
  'WS template-files': '/v1/template-files',
}
const whoGetsAStream: Readonly<Record<string, string>> = {
  'WS watch': 'VABLMO',
  'WS console': 'ALO',
  'WS screen': 'ALO',
  'WS sights': 'VALO',
  'WS links': 'VO',
  'WS template': 'AO',
  'WS template-files': 'ABO',
}

const letters: Readonly<Record<string, string>> = {
  ...{ S: 'stranger', V: 'vera', A: 'ann', B: 'bob', L: 'link to ann', M: 'link to bob' },
  O: 'olga',
}
const wayOf = (letter: string) => ways[letters[letter] ?? ''] ?? {}

/** Of ann's VM, of a node that nobody would miss, and of what is not there. */
const pathOf = (route: string) =>
  route
    .replace('/v1/vms/:id', `/v1/vms/${vmOf('ann')}`)
    .replace('/v1/nodes/:id', '/v1/nodes/none')
    .replace(/:(id|name|other)/g, 'none')
/** Bodies without effect where they are let in, and good enough to be judged. */
const bodyOf = (route: string): unknown => {
  if (route === 'POST /v1/templates') return { name: 't', vm: vmOf('ann'), snapshot: 'none' }
  const hasNoEffect = /logout|pause|resume|start$|stop|rebalance|owner/.test(route)
  return /^(POST|PUT|PATCH)/.test(route) && !hasNoEffect ? { unknown: 1 } : undefined
}
const isShut = ({ status, body }: Answer) =>
  [401, 403, 429].includes(status) ||
  (status === 404 && /there is no VM/.test(JSON.stringify(body)))

/** What really changes something is only asked by who must not get in. */
const changes = /^(DELETE \/v1\/vms\/:id$|POST .*(pause|resume|stop|start|rebalance)$)/

describe('every route', () => {
  test('has a guard, and a line in this test', () => {
    const routes = [...server.routeKeys].sort()
    expect(Object.keys(whoGetsIn).sort()).toEqual(routes)
    for (const route of routes) expect(guards[route], `${route} has no guard`).toBeDefined()
    const http = Object.keys(guards).filter((key) => !key.startsWith('WS '))
    expect(http.sort(), 'guards of routes that are gone').toEqual(routes)
  })

  test.each(Object.keys(letters))(
    'lets in %s where it should, and nowhere else',
    async (letter) => {
      const wrong: string[] = []
      for (const [route, who] of Object.entries(whoGetsIn)) {
        const mayIn = who.includes(letter)
        if (mayIn && changes.test(route)) continue
        const [method = ''] = route.split(' ')
        const isLogin = /login|share-session/.test(route)
        // Logging out would end the others' tries.
        if (route.includes('logout')) continue
        const path = pathOf(route.slice(method.length + 1))
        const answer = await ask(method, path, isLogin ? {} : wayOf(letter), bodyOf(route))
        if (isLogin ? answer.status === 403 : isShut(answer) === mayIn)
          wrong.push(`${route} answers ${letters[letter]} ${answer.status} ${answer.text}`)
      }
      expect(wrong).toEqual([])
    },
  )

  test('has left the VM of ann as it was', async () => {
    await running(vmOf('ann'))
    const { body } = await ask('GET', `/v1/vms/${vmOf('ann')}`, machine)
    expect(body).toMatchObject({ epoch: 1, owner: 'ann' })
  })

  test('names no VM of ann, and nothing of her, to bob and to who came by a link of his', async () => {
    for (const way of [wayOf('B'), wayOf('M')])
      for (const route of Object.keys(whoGetsIn)) {
        const [method = '', path = ''] = route.split(' ')
        if (method !== 'GET' || path.includes(':')) continue
        const { text } = await ask('GET', path, way)
        expect(text, route).not.toMatch(/vm-of-ann|\bann\b/)
      }
  })
})

/** Whose file is asked for, and never comes: the node of this test keeps nothing. */
function keepTemplateOfAnn(): void {
  const { state } = server.coordinator
  const vm = state.vms.get(asVmId(vmOf('ann')))
  if (!vm) throw new Error('the VM of ann is gone')
  const { spec, identity, disk } = vm
  const record = { vmId: asVmId('template-of-ann'), name: 'template', id: '0'.repeat(32), depth: 0 }
  const entry = { id: 'of-ann', about: '', owner: 'ann', phase: 'ready' } as const
  const kept = { ...record, takenWallMs: 0, spec, identity, disk }
  state.templates.set('of-ann', { ...entry, record: kept })
}

describe('every socket', () => {
  test('has a line in this test', () => {
    const sockets = Object.keys(guards).filter((key) => key.startsWith('WS '))
    // An agent shows the cluster's token in its first message: see ../shell/server.test.ts.
    expect(Object.keys(socketPaths).sort()).toEqual(
      sockets.filter((key) => key !== 'WS agent').sort(),
    )
    expect(Object.keys(whoGetsAStream)).toEqual(Object.keys(socketPaths))
  })

  test.each(Object.keys(socketPaths))(
    '%s opens for whom it should, and for nobody else',
    async (key) => {
      if (key === 'WS template') keepTemplateOfAnn()
      const path = socketPaths[key]?.replace(':id', vmOf('ann')) ?? ''
      for (const letter of Object.keys(letters)) {
        const stream = new Stream(path, wayOf(letter))
        const isOpen = (await stream.outcome()) === 'open'
        expect(isOpen, `${key} for ${letters[letter]}`).toBe(whoGetsAStream[key]?.includes(letter))
        stream.close()
      }
    },
  )

  test('shows bob nothing of ann: not in the first view, nor in those that follow', async () => {
    const stream = new Stream('/v1/watch', wayOf('B'))
    await stream.outcome()
    await ask('POST', `/v1/vms/${vmOf('ann')}/pause`, wayOf('A'))
    await ask('POST', `/v1/vms/${vmOf('ann')}/resume`, wayOf('A'))
    await ask('POST', `/v1/vms/${vmOf('bob')}/pause`, wayOf('B'))
    await expect.poll(() => stream.heard.at(-1)).toMatch(/paused/)
    await ask('POST', `/v1/vms/${vmOf('bob')}/resume`, wayOf('B'))
    expect(stream.heard.length).toBeGreaterThan(1)
    for (const text of stream.heard) expect(text).not.toMatch(/vm-of-ann|\bann\b/)
    stream.close()
  })
})
