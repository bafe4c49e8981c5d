// A coordinator with people: an operator (olga), a viewer (vera), two persons (ann, bob) who each
// own a running VM, and links to both. And the calls of somebody, whoever it is. Not here: agents
// (../shell/voice.ts). One server for all tests of a file: passwords take their time.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { WebSocket } from 'ws'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { type CoordinatorServer, startServer } from '#coordinator/shell/server.ts'
import { openSqliteStore } from '#coordinator/shell/sqlite-store.ts'
import { MemoryLog } from '#env/memory.ts'
import { realClock, realRandom } from '#env/real.ts'
import { Voice } from '../shell/voice.ts'

export const operatorSecret = 'gwo_of-this-machine'
export const passwordOf = (name: string) => `${name} has a long password`
export const log = new MemoryLog()
export const clock = {
  ...realClock,
  aheadMs: 0,
  /** Monotonic time stands still there. */
  stoppedAtMs: undefined as number | undefined,
  wallMs: (): number => Date.now() + clock.aheadMs,
  nowMs: (): number => clock.stoppedAtMs ?? realClock.nowMs(),
}
export let server: CoordinatorServer
export let folder = ''
export let node: Voice

/** How somebody comes; nothing: a stranger. */
export interface Way {
  readonly bearer?: string
  readonly cookie?: string
  readonly origin?: string
  readonly headers?: Readonly<Record<string, string>>
}
export const machine: Way = { bearer: operatorSecret }
export const ways: Record<string, Way> = {}

export async function startWithPeople(page: string): Promise<void> {
  server = await startServer({
    ...{ clock, random: realRandom, log, settings: { ...defaultSettings, rebalance: false } },
    ...{ version: '0.0.0', host: '127.0.0.1', port: 0, dashboard: page },
    ...{ token: 'of the agents', operatorSecret },
    store: openSqliteStore(join(folder, 'cluster.db')),
    onBug: (thrown) => {
      throw thrown
    },
  })
  node = await Voice.join(server.address, 'n1', 'of the agents')
}

/** @param page the folder of a built page */
export function hasPeople(page = '/nowhere'): void {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'godwit-people-'))
    await startWithPeople(page)
    const roles = { olga: 'operator', vera: 'viewer', ann: 'person', bob: 'person' } as const
    for (const [name, role] of Object.entries(roles)) {
      await ask('POST', '/v1/accounts', machine, { name, role, password: passwordOf(name) })
      ways[name] = { bearer: await logIn(name) }
    }
    for (const name of ['ann', 'bob']) {
      await ask('POST', '/v1/vms', ways[name], { id: vmOf(name), spec: { screen: '640x480' } })
      await running(vmOf(name))
      ways[`link to ${name}`] = await byLink(await linkTo(vmOf(name), { forMs: 3_600_000 }))
    }
  }, 180_000)
  afterAll(async () => {
    node.close()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })
}
export const vmOf = (name: string) => `vm-of-${name}`

export interface Answer {
  readonly status: number
  readonly text: string
  readonly body: never
  readonly headers: Headers
}
export async function ask(
  method: string,
  path: string,
  way: Way = {},
  body?: unknown,
): Promise<Answer> {
  const answer = await fetch(server.address + path, {
    method,
    headers: {
      ...headersOf(way),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await answer.text()
  const isJson = answer.headers.get('content-type')?.includes('json') === true && text !== ''
  const { status, headers } = answer
  return { status, text, headers, body: (isJson ? JSON.parse(text) : undefined) as never }
}

const headersOf = ({ bearer, cookie, origin, headers }: Way): Record<string, string> => ({
  ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
  ...(cookie !== undefined && { cookie }),
  ...(origin !== undefined && { origin }),
  ...headers,
})

export async function logIn(name: string, password = passwordOf(name)): Promise<string> {
  const { body } = await ask('POST', '/v1/login', {}, { name, password, as: 'bearer' })
  return (body as { secret: string }).secret
}

/** As a page of the coordinator itself does it. */
export async function logInByCookie(name: string, way: Way = {}): Promise<Way> {
  const origin = server.address
  const credentials = { name, password: passwordOf(name) }
  const { headers } = await ask('POST', '/v1/login', { ...way, origin }, credentials)
  return { cookie: headers.getSetCookie()[0]?.split(';')[0] ?? '', origin }
}

export async function linkTo(vmId: string, wish: object, way: Way = machine) {
  return (await ask('POST', `/v1/vms/${vmId}/links`, way, wish)).body as {
    id: string
    secret: string
  }
}
export async function byLink({ secret }: { secret: string }): Promise<Way> {
  const origin = server.address
  const { headers } = await ask('POST', '/v1/share-session', { origin }, { secret })
  return { cookie: headers.getSetCookie()[0]?.split(';')[0] ?? '', origin }
}

/** A WebSocket: what it says, and how it ended or was refused. */
export class Stream {
  readonly heard: string[] = []
  closed: string | undefined
  isOpen = false
  readonly #socket: WebSocket
  constructor(path: string, way: Way = {}) {
    const socket = new WebSocket(server.address.replace('http', 'ws') + path, {
      headers: headersOf(way),
    })
    this.#socket = socket
    socket.on('open', () => {
      this.isOpen = true
    })
    socket.on('message', (data) => void this.heard.push(String(data)))
    socket.on('unexpected-response', (_request, { statusCode }) => {
      this.closed = String(statusCode)
      socket.terminate()
    })
    socket.on('error', () => undefined)
    socket.on('close', (code) => {
      this.closed ??= String(code)
    })
  }
  type(text: string): void {
    this.#socket.send(Buffer.from(text))
  }
  close(): void {
    this.#socket.close()
  }
  /** `open`, or why not. */
  async outcome(): Promise<string> {
    await until(() => this.isOpen || this.closed !== undefined)
    return this.closed ?? 'open'
  }
}

export async function until(passes: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + 15_000; !(await passes()); ) {
    if (Date.now() > endMs) throw new Error(`never came: ${passes}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
export const running = (vmId: string) =>
  until(async () => {
    const { body } = await ask('GET', `/v1/vms/${vmId}`, machine)
    return (body as { phase?: string }).phase === 'running'
  })
