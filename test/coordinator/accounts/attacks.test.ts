// What somebody tries who wants in: to another's console by every way there is, as a web page of
// another site, by guessing, by odd names and bodies, by asking too often; and what logs, store and
// addresses give away.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  ask,
  byLink,
  clock,
  folder,
  hasPeople,
  linkTo,
  log,
  logIn,
  logInByCookie,
  machine,
  operatorSecret,
  passwordOf,
  Stream,
  server,
  vmOf,
  ways,
} from './people.ts'

hasPeople()
const annVm = vmOf('ann')

describe('the console of another', () => {
  test('opens by no spelling of its name', async () => {
    const names = [annVm, annVm.toUpperCase(), `${annVm}%00`, `%76m-of-ann`, `./${annVm}`]
    const tricks = [`${vmOf('bob')}/../${annVm}`, `${vmOf('bob')}%2f..%2f${annVm}`, `${annVm}%20`]
    const lookalikes = ['vm-of-аnn', 'ｖm-of-ann', `${annVm}/`, `/${annVm}`, `${annVm};x=1`]
    for (const name of [...names, ...tricks, ...lookalikes])
      for (const path of [`/v1/vms/${name}/console`, `//v1/vms/${name}/console`])
        for (const query of ['', '?replay=1', `?id=${vmOf('bob')}`])
          expect(await new Stream(path + query, ways.bob).outcome(), path).toMatch(/^4\d\d$/)
  })

  test('is not reached by copies: snapshot, restore, clone, template, deploy', async () => {
    const tries: [string, string, unknown][] = [
      ['POST', `/v1/vms/${annVm}/snapshots`, {}],
      ['POST', `/v1/vms/${annVm}/restore`, { snapshot: 's' }],
      ['POST', `/v1/vms/${annVm}/clone`, { ids: ['bobs-copy'] }],
      ['POST', '/v1/templates', { name: 'stolen', vm: annVm, snapshot: 's' }],
      ['PUT', `/v1/vms/${annVm}/owner`, { owner: 'bob' }],
    ]
    for (const [method, path, body] of tries)
      expect([403, 404]).toContain((await ask(method, path, ways.bob, body)).status)
  })

  test('is not reached by a template of hers, nor does its name tell that it is there', async () => {
    const { vms, templates } = server.coordinator.state
    const { spec, disk } = [...vms.values()].find(({ id }) => id === annVm) ?? {}
    const record = { spec, disk, takenWallMs: 0 } as never
    const entry = { about: '', phase: 'ready', record } as const
    templates.set('of-ann', { id: 'of-ann', owner: 'ann', ...entry })
    templates.set('of-all', { id: 'of-all', ...entry })
    const names = async (way: object) =>
      ((await ask('GET', '/v1/templates', way)).body as { name: string }[]).map(({ name }) => name)
    expect(await names(ways.ann ?? {})).toEqual(['of-ann', 'of-all'])
    expect(await names(ways.bob ?? {})).toEqual(['of-all'])
    expect(await names(ways['link to ann'] ?? {})).toEqual([])
    const deploy = (template: string) =>
      ask('POST', '/v1/vms', ways.bob, { id: 'bobs', spec: {}, template })
    const [foreign, none] = [await deploy('of-ann'), await deploy('nothing')]
    expect(foreign.status).toBe(404)
    expect(foreign.text.replaceAll('of-ann', 'nothing')).toBe(none.text)
    expect((await ask('DELETE', '/v1/templates/of-ann', ways.bob)).status).toBe(404)
    expect((await ask('DELETE', '/v1/templates/of-all', ways.bob)).status).toBe(404)
    templates.clear()
  })

  test('looks to others as if it were not there', async () => {
    const [foreign, none] = [
      await ask('GET', `/v1/vms/${annVm}`, ways.bob),
      await ask('GET', '/v1/vms/nothing', ways.bob),
    ]
    expect(foreign.text.replaceAll(annVm, 'nothing')).toBe(none.text)
    expect(foreign.status).toBe(404)
  })

  test('does not come with a node, a rule or a priority that only an operator may choose', async () => {
    for (const more of [{ nodeId: 'n1' }, { startOn: 'n1' }, { policy: { priority: 1000 } }])
      expect((await ask('POST', '/v1/vms', ways.bob, { id: 'x', spec: {}, ...more })).status).toBe(
        403,
      )
    const clone = { ids: ['x'], to: 'n1' }
    expect((await ask('POST', `/v1/vms/${vmOf('bob')}/clone`, ways.bob, clone)).status).toBe(403)
    const asked = { id: 'x', spec: {}, owner: 'ann' }
    expect((await ask('POST', '/v1/vms', ways.bob, asked)).status).toBe(400)
  })

  test('is not heard on the network: a person chooses no network, neither of another nor by name', async () => {
    const run = (network: unknown) =>
      ask('POST', '/v1/vms', ways.bob, { id: 'x', spec: { network } })
    for (const network of ['~ann', '~bob', 'shop']) expect((await run(network)).status).toBe(403)
    expect((await run(true)).body).toMatchObject({ owner: 'bob', spec: { network: '~bob' } })
    await ask('POST', '/v1/vms/x/stop', ways.bob)
    expect((await ask('DELETE', '/v1/vms/x', ways.bob)).status).toBe(204)
  })

  test('shows a viewer its VM, but neither its console nor its random seed', async () => {
    const { body } = await ask('GET', `/v1/vms/${annVm}`, ways.vera)
    expect(body).toMatchObject({ identity: { randomSeed: '0'.repeat(64) } })
    expect((await ask('GET', '/v1/cluster', ways.vera)).text).not.toMatch(
      ((await ask('GET', `/v1/vms/${annVm}`, machine)).body as { identity: { randomSeed: string } })
        .identity.randomSeed,
    )
    expect(await new Stream(`/v1/vms/${annVm}/console`, ways.vera).outcome()).toBe('403')
  })
})

describe('a page of another site', () => {
  test('changes nothing with a cookie that a browser would send along', async () => {
    const { cookie = '' } = await logInByCookie('ann')
    const pause = (way: object) => ask('POST', `/v1/vms/${annVm}/pause`, { cookie, ...way })
    expect((await pause({ origin: 'https://evil.example' })).status).toBe(403)
    expect((await pause({ origin: 'null' })).status).toBe(403)
    expect((await pause({})).status).toBe(403)
    expect((await pause({ headers: { 'sec-fetch-site': 'same-site' } })).status).toBe(403)
    const asForm = await fetch(`${server.address}/v1/vms/${annVm}/pause`, {
      ...{ method: 'POST', body: 'a=b', redirect: 'manual' },
      headers: { cookie, 'content-type': 'text/plain', origin: 'https://evil.example' },
    })
    expect(asForm.status).toBe(403)
    expect((await pause({ headers: { 'sec-fetch-site': 'same-origin' } })).status).toBe(202)
    expect(
      (await ask('POST', `/v1/vms/${annVm}/resume`, { cookie, origin: server.address })).status,
    ).toBe(202)
  })

  test('opens no WebSocket, with or without a cookie', async () => {
    const { cookie = '', origin = '' } = await logInByCookie('ann')
    const path = `/v1/vms/${annVm}/console`
    const evil = { cookie, origin: 'https://evil.example' }
    expect(await new Stream(path, evil).outcome()).toBe('403')
    expect(await new Stream('/v1/watch', evil).outcome()).toBe('403')
    expect(await new Stream('/agent', { origin: 'https://evil.example' }).outcome()).toBe('403')
    expect(await new Stream(path, { cookie }).outcome()).toBe('403')
    expect(await new Stream(path, { cookie, origin }).outcome()).toBe('open')
  })

  test('cannot log its visitor in as somebody else', async () => {
    const body = { name: 'bob', password: passwordOf('bob') }
    const evil = { origin: 'https://evil.example' }
    expect((await ask('POST', '/v1/login', evil, body)).status).toBe(403)
  })
})

describe('guessing', () => {
  test('takes the same work and the same words for a name that nobody has', async () => {
    const wrong = { password: 'not the password', as: 'bearer' }
    const known = await ask('POST', '/v1/login', {}, { name: 'vera', ...wrong })
    const unknown = await ask('POST', '/v1/login', {}, { name: 'nobody', ...wrong })
    expect(known.status).toBe(401)
    expect(unknown.text).toBe(known.text)
  })

  test('has to wait, however many guess at once', async () => {
    const body = { name: 'olga', password: 'not the password' }
    const tries = await Promise.all(
      Array.from({ length: 12 }, () => ask('POST', '/v1/login', {}, body)),
    )
    expect(tries.filter(({ status }) => status === 429).length).toBeGreaterThan(6)
    const late = tries.find(({ status }) => status === 429)
    expect(Number(late?.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(late?.body).toMatchObject({ fault: { code: 'too-many-requests' } })
  })
})

describe('too much of something', () => {
  test('is refused by size: bodies, names, headers', async () => {
    const large = JSON.stringify({ id: 'x', spec: {}, args: 'x'.repeat(2 << 20) })
    expect((await ask('POST', '/v1/vms', ways.ann, large)).status).toBe(413)
    expect((await ask('POST', '/v1/vms', {}, large)).status).toBe(401)
    const name = 'x'.repeat(300)
    expect((await ask('POST', '/v1/login', {}, { name, password: 'p' })).status).toBe(400)
    expect((await ask('GET', `/v1/vms/${'a/'.repeat(2000)}`, ways.ann)).status).toBe(404)
  })

  test('is refused by number, with the time after which to come again', async () => {
    clock.stoppedAtMs = clock.nowMs()
    const many = await Promise.all(
      Array.from({ length: 310 }, () => ask('GET', '/healthz', ways.bob)),
    )
    clock.stoppedAtMs = undefined
    const refused = many.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]?.headers.get('retry-after')).toBe('1')
    expect(refused[0]?.headers.get('content-type')).toContain('application/problem+json')
    expect((await ask('GET', '/healthz', ways.ann)).status).toBe(200)
  })
})

test('no secret is in a log, an event, a list or the store', async () => {
  const bearer = await logIn('ann').catch(() => '')
  const { cookie = '' } = await byLink(await linkTo(annVm, {}))
  const link = await linkTo(annVm, {})
  const token = (await ask('POST', '/v1/tokens', ways.ann, { scope: ['see'] })).body as {
    secret: string
  }
  const secrets = [bearer, cookie.split('=')[1], link.secret, token.secret, operatorSecret]
  const passwords = ['ann', 'olga', 'vera'].map(passwordOf)
  const known = [...secrets, ...passwords].filter((each): each is string => !!each)
  const places = {
    log: JSON.stringify(log.lines),
    events: (await ask('GET', '/v1/events', machine)).text,
    grants: (await ask('GET', '/v1/grants', machine)).text,
    accounts: (await ask('GET', '/v1/accounts', machine)).text,
    cluster: (await ask('GET', '/v1/cluster', machine)).text,
    metrics: (await ask('GET', '/metrics', machine)).text,
    store: ['', '-wal']
      .map((end) => readFileSync(join(folder, `cluster.db${end}`), 'latin1'))
      .join(),
  }
  expect(places.events).toMatch(/"by":"ann"/)
  for (const [place, text] of Object.entries(places))
    for (const secret of known) expect(text.includes(secret), `a secret is in ${place}`).toBe(false)
})

test('without accounts a foreign host name gets nowhere: a site that gave it our address', async () => {
  const { isSafeHost } = await import('#coordinator/shell/origin.ts')
  for (const host of ['evil.example:7070', 'evil.example', '127.0.0.1.evil.example', ''])
    expect(isSafeHost({ host }), host).toBe(false)
  for (const host of ['127.0.0.1:7070', '[::1]:7070', 'localhost', 'coordinator:7070', '10.1.2.3'])
    expect(isSafeHost({ host }), host).toBe(true)
})
