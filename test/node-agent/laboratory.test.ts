// An agent of a laboratory, as its launcher breaks its store of disks and its clock from inside:
// who may, and what comes of it. An agent that was started for no laboratory has no such door.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { driftingClock, SharedDrift } from '#env/drifting-clock.ts'
import { noDiskFaults } from '#env/faulty-disk.ts'
import { realClock } from '#env/real.ts'
import { LaboratoryBench } from '#node-agent/shell/laboratory-bench.ts'
import { type AgentProcess, startAgent } from './agent-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'godwit-laboratory-'))
const nobody = 'ws://127.0.0.1:1/agent'
const agents: AgentProcess[] = []
afterAll(async () => {
  for (const agent of agents) await agent.end()
  rmSync(folder, { recursive: true, force: true })
})

async function doorOf(node: string, ...flags: string[]) {
  const agent = await startAgent(node, nobody, join(folder, node), flags)
  agents.push(agent)
  return async (body: unknown, token: string) => {
    const url = new URL('/laboratory', agent.metricsUrl())
    const headers = { authorization: `Bearer ${token}` }
    return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).status
  }
}

test('breaks its disks for whoever has the token, and for nobody else', async () => {
  const ask = await doorOf('a', '--laboratory', 'yes')
  const worn = { disk: { ...noDiskFaults, writes: true } }
  expect(await ask(worn, 'guessed')).toBe(401)
  expect(await ask(worn, 'secret')).toBe(204)
  expect(await ask({ disk: { writes: 'all' } }, 'secret')).toBe(400)
  expect(await ask('x'.repeat(5000), 'secret')).toBe(400)
})

test('its clock goes as it is told, in all threads, and by no more than two in a hundred', async () => {
  const bench = new LaboratoryBench('secret')
  const server = createServer((request, response) => void bench.take(request, response)).listen(0)
  await new Promise((resolve) => server.once('listening', resolve))
  const ask = async (rate: number) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/laboratory`
    const body = JSON.stringify({ clock: { rate } })
    return (await fetch(url, { method: 'POST', headers: { authorization: 'Bearer secret' }, body }))
      .status
  }
  expect(await ask(1.5)).toBe(400)
  expect(bench.clock.nowMs()).toBeCloseTo(realClock.nowMs(), 0)
  expect(await ask(1.02)).toBe(204)
  const ofAPcpu = driftingClock(realClock, new SharedDrift(bench.forThreads.clockDrift))
  const clocks = [realClock, bench.clock, ofAPcpu]
  const before = clocks.map((clock) => clock.nowMs())
  await new Promise((resolve) => setTimeout(resolve, 200))
  const [real = 0, ...drifted] = clocks.map((clock, at) => clock.nowMs() - (before[at] ?? 0))
  for (const ms of drifted) expect(ms / real).toBeCloseTo(1.02, 3)
  server.close()
})

test('is not there in a cluster that is no laboratory', async () => {
  const ask = await doorOf('b')
  expect(await ask({ disk: noDiskFaults }, 'secret')).toBe(404)
})
