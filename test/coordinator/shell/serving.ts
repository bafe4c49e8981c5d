// A coordinator's server for tests: real HTTP and WebSockets on a port of its own, a store of its
// own, short leases; and the few calls that its tests are made of. Not here: agents (voice.ts).

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import type { z } from 'zod'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import type { Launcher } from '#coordinator/shell/launcher.ts'
import { type CoordinatorServer, startServer } from '#coordinator/shell/server.ts'
import { openSqliteStore } from '#coordinator/shell/sqlite-store.ts'
import type { Tracer } from '#env/env.ts'
import { MemoryLog } from '#env/memory.ts'
import { realClock, realRandom } from '#env/real.ts'
import { Problem, VmView } from '#proto/api.ts'
import { Voice } from './voice.ts'

export const token = 'a secret'
export let folder = ''
export let server: CoordinatorServer
export const voices: Voice[] = []
const settings = { ...defaultSettings, heartbeatMs: 50, leaseMs: 400, marginMs: 100 }

let laboratory: Launcher | undefined
let tracer: Tracer | undefined

const start = () =>
  startServer({
    ...{ clock: realClock, random: realRandom, log: new MemoryLog(), settings, token },
    ...{ version: '0.0.0', host: '127.0.0.1', port: 0, dashboard: join(folder, 'page') },
    ...(laboratory ? { laboratory } : {}),
    tracer,
    store: openSqliteStore(join(folder, 'cluster.db')),
    onBug: (thrown) => {
      throw thrown
    },
  })

/** A server for each test of the file that calls this, on a store of its own. */
export function servesEachTest(): void {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'godwit-server-'))
    server = await start()
  })
  afterEach(async () => {
    laboratory = undefined
    tracer = undefined
    for (const voice of voices.splice(0)) voice.close()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })
}

/** Stopped and started again on what its store holds. */
export async function restartServer(): Promise<void> {
  await server.stop()
  server = await start()
}

/** From now on, until the end of the test. */
export async function laboratoryIs(launcher: Launcher): Promise<void> {
  laboratory = launcher
  await restartServer()
}

/** From now on, until the end of the test. */
export async function isTracedBy(one: Tracer): Promise<void> {
  tracer = one
  await restartServer()
}

/** Agents that have joined and beat; closed at the end of the test. */
export async function joined(...names: string[]): Promise<Voice[]> {
  const all = await Promise.all(names.map((name) => Voice.join(server.address, name, token)))
  voices.push(...all)
  return all
}

export interface Answer {
  readonly status: number
  readonly body: unknown
}
export async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const json = { 'content-type': 'application/json' }
  const init =
    body === undefined ? { method } : { method, headers: json, body: JSON.stringify(body) }
  const answer = await fetch(server.address + path, init)
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
}
export const get = async <T>(path: string, shape: z.ZodType<T>) =>
  shape.parse((await call('GET', path)).body)
export const problem = (answer: Answer) => Problem.parse(answer.body)

/** Looks until it is so; generous, for the machine may be busy. */
export async function until<T>(look: () => Promise<T>, passes: (value: T) => boolean): Promise<T> {
  for (const endMs = Date.now() + 15_000; ; ) {
    const value = await look()
    if (passes(value)) return value
    if (Date.now() > endMs) throw new Error(`never came: ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
export const vmIn = (id: string, phase: string) =>
  until(
    () => get(`/v1/vms/${id}`, VmView),
    (vm) => vm.phase === phase,
  )
