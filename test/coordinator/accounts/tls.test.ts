// A coordinator over TLS, before agents and callers of all kinds: who may join as which node, what
// its cookie is, and where it refuses to serve without TLS.

import { mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Authority } from '#cli/certs/authority.ts'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { type CoordinatorServer, startServer } from '#coordinator/shell/server.ts'
import { openSqliteStore } from '#coordinator/shell/sqlite-store.ts'
import { MemoryLog } from '#env/memory.ts'
import { Credentials } from '#env/real/credentials.ts'
import { transportWith } from '#env/real/transport.ts'
import { realClock, realRandom, trustAlso } from '#env/real.ts'
import { faultOf } from '#proto/faults.ts'
import { asNodeId } from '#proto/ids.ts'
import { CoordinatorMessage } from '#proto/messages.ts'
import { protocolVersion } from '#proto/units.ts'
import { decodeControl, encodeControl } from '#proto/wire.ts'

let folder = ''
let server: CoordinatorServer
let own: Credentials
const token = 'of the agents'
const log = new MemoryLog()
const options = {
  ...{ clock: realClock, random: realRandom, log, settings: defaultSettings, token },
  ...{ version: '0.0.0', port: 0, dashboard: '/nowhere', operatorSecret: 'gwo_machine' },
  onBug: (thrown: unknown) => {
    throw thrown
  },
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'godwit-tls-'))
  const authority = new Authority(folder)
  await authority.init([])
  for (const name of ['n1', 'n2']) await authority.issue(name)
  own = new Credentials(folder, 'coordinator')
  // On all addresses, as on a network: with TLS it may.
  const store = openSqliteStore(':memory:')
  server = await startServer({ ...options, host: '0.0.0.0', store, credentials: own })
  trustAlso(authority.caFile)
})
afterAll(async () => {
  own.close()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})
const url = () => server.address.replace('0.0.0.0', '127.0.0.1')

/** What the coordinator says first to an agent that comes so. */
async function firstWord(holder: string, claims: string, peerAddress = `wss://${claims}@h:1`) {
  const credentials = new Credentials(folder, holder)
  onTestFinished(() => credentials.close())
  const address = `${url().replace('https', 'wss')}/agent`
  const link = await transportWith(credentials).connect(address, { messageBytesMax: 1e6 }, 5000)
  onTestFinished(() => link.close('done'))
  const word = new Promise<CoordinatorMessage | undefined>((resolve) =>
    link.onMessage((bytes) => {
      const decoded = decodeControl(bytes, CoordinatorMessage)
      resolve('message' in decoded ? decoded.message : undefined)
    }),
  )
  const capacity = { cores: 1, mipsPerCore: 0, memoryMib: 256 }
  link.send(
    encodeControl({
      ...{ t: 'hello', protocolVersion, role: 'agent', token, pid: 1, peerAddress, capacity },
      ...{ nodeId: asNodeId(claims), incarnation: `${holder} as ${claims}`, vms: [] },
    } as never),
  )
  return word
}

test('an agent joins under the name in its certificate, and under no other', async () => {
  expect(await firstWord('n1', 'n1')).toMatchObject({ t: 'welcome' })
  expect(await firstWord('n1', 'n2')).toMatchObject({
    ...{
      t: 'refused',
      fault: {
        code: 'bad-certificate',
        message: "the certificate is n1's, not n2's: godwit certs issue n2",
      },
    },
  })
  expect(await firstWord('coordinator', 'n2')).toMatchObject({ t: 'refused' })
})

test('an agent cannot send its peers to the address of another under a name of its own', async () => {
  const refused = { t: 'refused', fault: { code: 'bad-certificate' } }
  expect(await firstWord('n2', 'n2', 'wss://n1@h:1')).toMatchObject(refused)
  expect(await firstWord('n2', 'n2', 'ws://h:1')).toMatchObject(refused)
})

test('an agent without a certificate is refused before it can say a word', async () => {
  const { WebSocket } = await import('ws')
  const socket = new WebSocket(`${url().replace('https', 'wss')}/agent`, { ca: own.now.ca })
  const status = await new Promise((resolve) => {
    socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode))
    socket.on('open', () => resolve('open'))
    socket.on('error', () => undefined)
  })
  expect(status).toBe(401)
  socket.terminate()
})

test('a caller in plain text gets nothing, and is named in the log', async () => {
  await expect(fetch(`${url().replace('https', 'http')}/healthz`)).rejects.toThrow()
  await expect.poll(() => JSON.stringify(log.lines)).toMatch(/caller refused.*bad-certificate/)
})

test('the API is HTTPS, its cookie goes over nothing else, and nobody is an operator unasked', async () => {
  expect(url()).toMatch(/^https:/)
  expect((await fetch(`${url()}/v1/cluster`)).status).toBe(401)
  const json = { 'content-type': 'application/json' }
  const machine = { ...json, authorization: `Bearer ${options.operatorSecret}` }
  const post = (path: string, headers: Record<string, string>, body: object) =>
    fetch(url() + path, { method: 'POST', headers, body: JSON.stringify(body) })
  const credentials = { name: 'olga', password: 'olga has a long password' }
  const made = await post('/v1/accounts', machine, { ...credentials, role: 'operator' })
  expect(made.status).toBe(201)
  const { headers } = await post('/v1/login', { ...json, origin: url() }, credentials)
  const [cookie = ''] = headers.getSetCookie()
  expect(cookie).toMatch(/^__Host-godwit-[0-9a-f]+=gws_\w+; Path=\/; .*HttpOnly; .*; Secure$/)
  const plainPage = { origin: url().replace('https', 'http'), cookie: cookie.split(';')[0] ?? '' }
  expect((await post('/v1/rebalance', plainPage, {})).status).toBe(403)
  expect(headers.get('strict-transport-security')).toBeNull()
})

test('a browser that came by a name over TLS once comes so again; localhost is not bound', async () => {
  const pinned = (host: string) =>
    new Promise((resolve) => {
      const { port } = new URL(url())
      const asked = { host: '127.0.0.1', port, path: '/healthz', headers: { host }, agent: false }
      get({ ...asked, servername: 'localhost' }, (answer) => {
        resolve(answer.headers['strict-transport-security'])
        answer.resume()
      })
    })
  expect(await pinned('lab.example')).toBe('max-age=31536000')
  expect(await pinned('localhost:7070')).toBeUndefined()
})

test('without TLS it serves loopback only, unless the network is said to be trusted', async () => {
  const store = () => openSqliteStore(':memory:')
  const why = await startServer({ ...options, host: '0.0.0.0', store: store() }).catch(faultOf)
  expect(why).toMatchObject({ message: expect.stringContaining('nothing is encrypted') })
  const { operatorSecret: _, ...nobody } = options
  const unknown = { ...nobody, host: '0.0.0.0', store: store(), credentials: own }
  expect(await startServer(unknown).catch(faultOf)).toMatchObject({
    message: expect.stringContaining('nobody has an account'),
  })
  const trusted = await startServer({
    ...options,
    host: '0.0.0.0',
    store: store(),
    isTrusted: true,
  })
  onTestFinished(() => trusted.stop())
  const address = trusted.address.replace('0.0.0.0', '127.0.0.1')
  expect((await fetch(`${address}/v1/cluster`)).status).toBe(200)
})
