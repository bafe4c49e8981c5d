// How somebody comes and goes: logins, sessions, tokens and links; and what becomes of open streams
// when a right ends. Times pass by a wall clock that the tests set ahead.

import { afterEach, describe, expect, test } from 'vitest'
import {
  ask,
  byLink,
  clock,
  hasPeople,
  linkTo,
  logIn,
  logInByCookie,
  machine,
  node,
  passwordOf,
  Stream,
  server,
  until,
  vmOf,
  ways,
} from './people.ts'

hasPeople()
afterEach(() => {
  clock.aheadMs = 0
})
const hourMs = 3_600_000
const statusOf = async (way: Parameters<typeof ask>[2], path = '/v1/vms') =>
  (await ask('GET', path, way)).status
const tokenFor = async (who: string, wish: object) =>
  (await ask('POST', '/v1/tokens', ways[who], wish)).body as { id: string; secret: string }

describe('a session', () => {
  test('comes with a cookie that no script reads and no other site sends', async () => {
    const body = { name: 'ann', password: passwordOf('ann') }
    const { headers } = await ask('POST', '/v1/login', { origin: server.address }, body)
    const [cookie] = headers.getSetCookie()
    expect(cookie).toMatch(/; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/)
  })

  test('has a new secret at each login: one that was planted before is worth nothing', async () => {
    const name = (await logInByCookie('ann')).cookie?.split('=')[0]
    const planted = { cookie: `${name}=gws_planted` }
    const way = await logInByCookie('ann', planted)
    expect(way.cookie).not.toContain('planted')
    expect(await statusOf(way)).toBe(200)
    expect(await statusOf(planted)).toBe(401)
    expect(await statusOf({ cookie: `${way.cookie}; ${planted.cookie}` })).toBe(401)
  })

  test('ends by logging out, and takes no other along', async () => {
    const [one, other] = [await logInByCookie('ann'), await logInByCookie('ann')]
    await ask('POST', '/v1/logout', one)
    expect(await statusOf(one)).toBe(401)
    expect(await statusOf(other)).toBe(200)
  })

  test('is nobody with a forged cookie, token or path', async () => {
    const { cookie = '' } = await logInByCookie('ann')
    const forged = [`${cookie}0`, cookie.slice(0, -1), cookie.toUpperCase(), `${cookie}%00`]
    for (const each of forged) expect(await statusOf({ cookie: each })).toBe(401)
    for (const bearer of ['', 'null', 'gwt_', 'undefined', `gwt_${'0'.repeat(64)}`])
      expect(await statusOf({ bearer })).toBe(401)
    // A link's secret is no session's, and a session's is no link's.
    const link = await linkTo(vmOf('ann'), {})
    expect(await statusOf({ bearer: link.secret })).toBe(401)
    const secret = cookie.split('=')[1]
    expect((await ask('POST', '/v1/share-session', {}, { secret })).status).toBe(401)
  })

  test('ends with its password, on all devices, and streams end with it', async () => {
    await ask('POST', '/v1/accounts', machine, {
      ...{ name: 'eve', role: 'viewer', password: passwordOf('eve') },
    })
    const bearer = await logIn('eve')
    const stream = new Stream('/v1/watch', { bearer })
    expect(await stream.outcome()).toBe('open')
    const wrong = { password: 'another long password', current: 'a guess' }
    const path = '/v1/accounts/eve/password'
    expect((await ask('PUT', path, { bearer }, wrong)).status).toBe(401)
    const right = { ...wrong, current: passwordOf('eve') }
    expect((await ask('PUT', path, { bearer }, right)).status).toBe(204)
    await until(() => stream.closed === '1008')
    expect(await statusOf({ bearer })).toBe(401)
    expect(await logIn('eve')).toBeUndefined()
    expect(await logIn('eve', right.password)).toMatch(/^gws_/)
  })
})

test('whoever has a session guesses the password behind it no faster than at a login', async () => {
  await ask('POST', '/v1/accounts', machine, {
    ...{ name: 'gus', role: 'viewer', password: passwordOf('gus') },
  })
  const bearer = await logIn('gus')
  const guess = { password: 'another long password', current: 'a guess' }
  const path = '/v1/accounts/gus/password'
  for (let tries = 0; tries < 3; tries++)
    expect((await ask('PUT', path, { bearer }, guess)).status).toBe(401)
  expect((await ask('PUT', path, { bearer }, guess)).status).toBe(429)
  // And is in nobody's way at the door.
  expect(await logIn('gus')).toMatch(/^gws_/)
})

test('an account that is made again under its old name has none of its old VMs', async () => {
  const account = { name: 'zoe', role: 'person', password: passwordOf('zoe') }
  await ask('POST', '/v1/accounts', machine, account)
  const first = { bearer: await logIn('zoe') }
  expect((await ask('POST', '/v1/vms', first, { id: 'zoes', spec: {} })).status).toBe(202)
  expect(await statusOf(first, '/v1/vms/zoes')).toBe(200)
  expect((await ask('DELETE', '/v1/accounts/zoe', ways.olga)).status).toBe(204)
  expect(await statusOf(first, '/v1/vms/zoes')).toBe(401)
  await ask('POST', '/v1/accounts', machine, account)
  expect(await statusOf({ bearer: await logIn('zoe') }, '/v1/vms/zoes')).toBe(404)
})

describe('a token', () => {
  test('does what it was made for, on the VM it was made for, and makes no other', async () => {
    const wish = { scope: ['see', 'use'], vm: vmOf('ann'), label: 'backup' }
    const { secret: bearer } = await tokenFor('olga', wish)
    expect(await statusOf({ bearer }, `/v1/vms/${vmOf('ann')}`)).toBe(200)
    expect((await ask('POST', `/v1/vms/${vmOf('ann')}/pause`, { bearer })).status).toBe(202)
    expect((await ask('POST', `/v1/vms/${vmOf('ann')}/resume`, { bearer })).status).toBe(202)
    expect(await statusOf({ bearer }, `/v1/vms/${vmOf('bob')}`)).toBe(404)
    expect(await new Stream(`/v1/vms/${vmOf('ann')}/console`, { bearer }).outcome()).toBe('403')
    expect((await ask('POST', '/v1/tokens', { bearer }, wish)).status).toBe(403)
    expect((await ask('POST', `/v1/vms/${vmOf('ann')}/links`, { bearer }, {})).status).toBe(403)
    expect(await statusOf({ bearer }, '/v1/nodes')).toBe(403)
    expect(await statusOf({ bearer }, '/metrics')).toBe(403)
  })

  test('is never more than its account: a person cannot make one for the cluster', async () => {
    const wish = { scope: ['see', 'look', 'see-cluster', 'run-cluster', 'place'] }
    const { secret: bearer } = await tokenFor('bob', wish)
    expect(await statusOf({ bearer }, '/v1/nodes')).toBe(403)
    expect(await new Stream(`/v1/vms/${vmOf('ann')}/console`, { bearer }).outcome()).toBe('404')
    expect((await tokenFor('bob', { scope: ['see'], vm: vmOf('ann') })).secret).toBeUndefined()
  })

  test('ends by its time, and when it is revoked', async () => {
    const short = await tokenFor('ann', { scope: ['see'], forMs: 60_000 })
    const other = await tokenFor('ann', { scope: ['see'] })
    expect(await statusOf({ bearer: short.secret })).toBe(200)
    clock.aheadMs = 61_000
    expect(await statusOf({ bearer: short.secret })).toBe(401)
    expect((await ask('DELETE', `/v1/grants/${other.id}`, ways.bob)).status).toBe(404)
    expect(await statusOf({ bearer: other.secret })).toBe(200)
    expect((await ask('DELETE', `/v1/grants/${other.id}`, ways.ann)).status).toBe(204)
    expect(await statusOf({ bearer: other.secret })).toBe(401)
  })
})

describe('a link', () => {
  const console_ = (name: string) => `/v1/vms/${vmOf(name)}/console`

  test('leads to one console, and to nothing else', async () => {
    const way = await byLink(await linkTo(vmOf('ann'), {}, ways.ann))
    expect(await new Stream(console_('ann'), way).outcome()).toBe('open')
    expect(await new Stream(console_('bob'), way).outcome()).toBe('404')
    expect((await ask('POST', `/v1/vms/${vmOf('ann')}/stop`, way)).status).toBe(403)
    const { vms, nodes } = (await ask('GET', '/v1/cluster', way)).body as {
      vms: { id: string }[]
      nodes: { pid: number; peerAddress: string }[]
    }
    expect(vms.map(({ id }) => id)).toEqual([vmOf('ann')])
    expect(nodes).toMatchObject([{ pid: 0, peerAddress: '' }])
  })

  test('that is read-only takes no input', async () => {
    const reader = await byLink(await linkTo(vmOf('ann'), { readOnly: true }))
    const writer = await byLink(await linkTo(vmOf('ann'), {}))
    const streams = [new Stream(console_('ann'), reader), new Stream(console_('ann'), writer)]
    for (const stream of streams) expect(await stream.outcome()).toBe('open')
    const { vmId, epoch } = await node.hear('console-open', (m) => m.vmId === vmOf('ann'))
    node.say({ t: 'console-accepted', vmId, epoch, offset: 0 })
    streams[0]?.type('from the reader')
    streams[1]?.type('from the writer')
    await node.hear('console-input')
    const text = node.heard.map((m) => (m.t === 'console-input' ? bytesText(m.bytes) : '')).join('')
    expect(text).toContain('from the writer')
    expect(text).not.toContain('from the reader')
  })

  test('ends for who has come by it: by time, revoked, or when the VM is given away', async () => {
    const make = async () => {
      const link = await linkTo(vmOf('ann'), { forMs: 1_800_000 }, ways.ann)
      const stream = new Stream(console_('ann'), await byLink(link))
      expect(await stream.outcome()).toBe('open')
      return { link, stream }
    }
    const ends = async ({ link, stream }: Awaited<ReturnType<typeof make>>) => {
      await until(() => stream.closed === '1008')
      expect((await ask('POST', '/v1/share-session', {}, { secret: link.secret })).status).toBe(401)
    }
    const [revoked, other] = [await make(), await make()]
    await ask('DELETE', `/v1/grants/${revoked.link.id}`, ways.ann)
    await ends(revoked)
    expect(other.stream.closed).toBeUndefined()
    clock.aheadMs = 1_801_000
    await ends(other)
    clock.aheadMs = 0
    const given = await make()
    const own = new Stream(console_('ann'), ways.ann)
    expect(await own.outcome()).toBe('open')
    await ask('PUT', `/v1/vms/${vmOf('ann')}/owner`, ways.olga, { owner: 'bob' })
    await ends(given)
    await until(() => own.closed === '1008')
    expect(await new Stream(console_('ann'), ways.bob).outcome()).toBe('open')
    await ask('PUT', `/v1/vms/${vmOf('ann')}/owner`, ways.olga, { owner: 'ann' })
  })

  test('to a VM that is gone does not lead to the next one of its name', async () => {
    await ask('POST', '/v1/vms', ways.ann, { id: 'short-lived', spec: {} })
    const link = await linkTo('short-lived', {}, ways.ann)
    const { secret: bearer } = await tokenFor('olga', { scope: ['see', 'look'], vm: 'short-lived' })
    await ask('POST', '/v1/vms/short-lived/stop', ways.ann)
    await until(async () => {
      const { status } = await ask('DELETE', '/v1/vms/short-lived', ways.ann)
      return status === 204
    })
    await ask('POST', '/v1/vms', ways.bob, { id: 'short-lived', spec: {} })
    const way = await byLink(link)
    expect(await new Stream('/v1/vms/short-lived/console', way).outcome()).toBe('404')
    expect(await statusOf({ bearer }, '/v1/vms/short-lived')).toBe(404)
    const story = await ask('GET', '/v1/events', ways.bob)
    expect(story.text).not.toMatch(/"by":"ann"/)
    expect(story.text).toMatch(/short-lived/)
  })
})

// The last one: it ends everybody's.
describe('a session, in time,', () => {
  test('ends when it was not used for two hours, and after twelve in any case', async () => {
    const idle = await logInByCookie('ann')
    clock.aheadMs = 2 * hourMs + 1000
    expect(await statusOf(idle)).toBe(401)
    const used = await logInByCookie('ann')
    for (let hours = 3; hours <= 13; hours++) {
      clock.aheadMs = hours * hourMs
      expect(await statusOf(used)).toBe(200)
    }
    clock.aheadMs = 14 * hourMs + 2000
    expect(await statusOf(used)).toBe(401)
  })
})

const bytesText = (bytes: Uint8Array) => Buffer.from(bytes).toString()
