// Links over TLS: both ends show a certificate of their cluster, under the name that was meant; who
// does not is refused by name; and certificates change under links that live.

import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { connect as connectPlain, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Authority } from '#cli/certs/authority.ts'
import type { Link, Listener } from '#env/env.ts'
import { MemoryLog } from '#env/memory.ts'
import { Credentials } from '#env/real/credentials.ts'
import { realTransport, transportWith } from '#env/real/transport.ts'
import { faultOf } from '#proto/faults.ts'

const limits = { messageBytesMax: 1 << 20 }
let folder = ''
let foreignFolder = ''
let authority: Authority

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'godwit-certs-'))
  foreignFolder = mkdtempSync(join(tmpdir(), 'godwit-certs-'))
  authority = new Authority(folder)
  const foreign = new Authority(foreignFolder)
  for (const each of [authority, foreign]) {
    await each.init([])
    for (const name of ['n1', 'n2']) await each.issue(name)
  }
})
afterAll(() => {
  for (const each of [folder, foreignFolder]) rmSync(each, { recursive: true, force: true })
})

function credentials(name: string, at = folder): Credentials {
  const made = new Credentials(at, name)
  onTestFinished(() => made.close())
  return made
}

/** A node's peer port; what it hears it says again. */
async function listening(name: string, log = new MemoryLog()) {
  const own = credentials(name)
  const links: Link[] = []
  const listener: Listener = await transportWith(own, log).listen(
    ...(['wss://127.0.0.1:0', limits] as const),
    (link) => {
      links.push(link)
      link.onMessage((bytes) => link.send(bytes.slice()))
    },
  )
  onTestFinished(() => listener.close())
  return { own, links, address: listener.address, log }
}
const connect = (address: string, by: Credentials) =>
  transportWith(by).connect(address, limits, 5000)
const refusal = (address: string, by: Credentials) =>
  connect(address, by).then(
    (link) => new Promise<string>((resolve) => link.onClose(({ reason }) => resolve(reason))),
    (thrown: unknown) => faultOf(thrown).message,
  )

async function answer(link: Link, text: string): Promise<string> {
  link.send(Buffer.from(text))
  return new Promise((resolve) => link.onMessage((bytes) => resolve(Buffer.from(bytes).toString())))
}

test('both ends know whose the other one is', async () => {
  const { address, links } = await listening('n2')
  expect(address).toMatch(/^wss:\/\/n2@127\.0\.0\.1:\d+$/)
  const link = await connect(address, credentials('n1'))
  expect(await answer(link, 'hello')).toBe('hello')
  expect(links[0]?.provenName).toBe('n1')
  expect(link.provenName).toBe('n2')
  link.close('done')
})

test('a node at the address of another is not spoken to, for its certificate has its own name', async () => {
  const { address } = await listening('n2')
  const thrown = await connect(address.replace('n2@', 'n1@'), credentials('n1')).catch(faultOf)
  expect(thrown).toMatchObject({ code: 'bad-certificate' })
  expect(await refusal(address.replace('n2@', ''), credentials('n1'))).toMatch(/of coordinator/)
})

test('the certificate of another cluster is refused at both ends', async () => {
  const { address, links, log } = await listening('n2')
  expect(await connect(address, credentials('n1', foreignFolder)).catch(faultOf)).toMatchObject({
    code: 'bad-certificate',
  })
  // It trusts us, and is not trusted.
  const stranger = credentials('n1', foreignFolder)
  const mixed = Object.assign(Object.create(stranger) as Credentials, {})
  Object.defineProperty(mixed, 'now', {
    value: { ...stranger.now, ca: credentials('n1').now.ca },
  })
  await refusal(address, mixed)
  expect(links).toEqual([])
  await expect.poll(() => JSON.stringify(log.lines)).toMatch(/bad-certificate/)
})

test('who only looks whether somebody listens, as probes do, is no refused peer', async () => {
  const { address, log } = await listening('n2')
  const port = Number(new URL(address).port)
  for (const how of ['end', 'destroy'] as const) {
    const probe = connectPlain(port, '127.0.0.1')
    await once(probe, 'connect')
    probe[how]()
    await once(probe, 'close')
  }
  const stranger = connectTls({ port, rejectUnauthorized: false })
  stranger.on('error', () => undefined)
  await new Promise((resolve) => stranger.once('close', resolve))
  await expect.poll(() => log.lines).toMatchObject([{ event: 'peer refused' }])
  expect(JSON.stringify(log.lines)).not.toContain('hang up')
})

test('plain text is refused by name at the end that speaks TLS, and ends at the other', async () => {
  const { address, log, links } = await listening('n2')
  const port = Number(new URL(address).port)
  await expect(realTransport.connect(`ws://127.0.0.1:${port}`, limits, 5000)).rejects.toThrow()
  await expect.poll(() => JSON.stringify(log.lines)).toMatch(/peer refused.*bad-certificate/)
  const plain = await realTransport.listen('ws://127.0.0.1:0', limits, () => undefined)
  onTestFinished(() => plain.close())
  const thrown = await connect(
    plain.address.replace('ws://', 'wss://n1@'),
    credentials('n2'),
  ).catch(faultOf)
  expect(thrown).toMatchObject({ code: 'bad-certificate' })
  const silent = connectPlain(port, '127.0.0.1')
  silent.on('error', () => undefined)
  silent.end('GET / HTTP/1.1\r\n\r\n')
  expect(links).toEqual([])
})

test('certificates, and the authority, change under a link that lives; new links have the new ones', async () => {
  const { address, own } = await listening('n2')
  const mine = credentials('n1')
  const link = await connect(address, mine)
  const before = [String(own.now.cert), String(mine.now.cert)]
  const left = Object.defineProperty(Object.create(mine) as Credentials, 'now', { value: mine.now })
  await authority.rotate(true)
  await expect
    .poll(
      () => [String(own.now.cert), String(mine.now.cert)].some((each) => before.includes(each)),
      {
        timeout: 30_000,
      },
    )
    .toBe(false)
  expect(await answer(link, 'still here')).toBe('still here')
  const fresh = await connect(address, mine)
  expect(await answer(fresh, 'and anew')).toBe('and anew')
  // Who has read nothing since is trusted until the next rotation, and then no more.
  await authority.rotate(true)
  const newest = authority.show()[0]?.fingerprint ?? 'none'
  const isNewest = () => new X509Certificate(String(own.now.ca?.[0])).fingerprint256
  await expect.poll(isNewest, { timeout: 30_000 }).toContain(newest)
  expect(await connect(address, left).catch(faultOf)).toMatchObject({ code: 'bad-certificate' })
  link.close('done')
  fresh.close('done')
})

test('what is half written is left alone: the old certificate stays', async () => {
  const { writeFileSync, readFileSync } = await import('node:fs')
  const own = credentials('n1')
  const before = own.now.cert
  const file = join(folder, 'n1.pem')
  const whole = readFileSync(file, 'utf8')
  writeFileSync(file, whole.slice(0, 300))
  await new Promise((resolve) => setTimeout(resolve, 1200))
  expect(own.now.cert).toBe(before)
  writeFileSync(file, whole)
})

test('a certificate that is revoked opens no link, and links by it end; one made anew does', async () => {
  const { address } = await listening('n2')
  // A copy elsewhere, which no list reaches.
  const elsewhere = mkdtempSync(join(tmpdir(), 'godwit-certs-'))
  onTestFinished(() => rmSync(elsewhere, { recursive: true, force: true }))
  for (const file of ['ca.pem', 'n1.pem']) copyFileSync(join(folder, file), join(elsewhere, file))
  const stolen = credentials('n1', elsewhere)
  const link = await connect(address, stolen)
  const ended = new Promise<void>((resolve) => link.onClose(() => resolve()))
  authority.revoke('n1')
  await ended
  expect(await refusal(address, stolen)).not.toBe('')
  await authority.issue('n1')
  const fresh = credentials('n1')
  const again = await connect(address, fresh)
  expect(await answer(again, 'it is me')).toBe('it is me')
  again.close('done')
})

test('an end that has lost its certificate is not spoken to by those that have heard of it', async () => {
  const { address } = await listening('n2')
  const mine = credentials('n1')
  const link = await connect(address, mine)
  const ended = new Promise<string>((resolve) => link.onClose(({ reason }) => resolve(reason)))
  authority.revoke('n2')
  await ended
  expect(await refusal(address, mine)).toContain('revoked')
  await authority.issue('n2')
})

test('a link that is just ending keeps nobody from judging the others', () => {
  const ending = new TLSSocket(new Socket())
  ending.destroy()
  expect(ending.getPeerCertificate()).toBeNull()
  expect(credentials('n1').watch(ending)).toBe(false)
})
