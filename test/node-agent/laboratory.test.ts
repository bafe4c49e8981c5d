// An agent of a laboratory, as its launcher breaks its store of disks from inside: who may, and
// what comes of it. An agent that was started for no laboratory has no such door.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { noDiskFaults } from '#env/faulty-disk.ts'
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

test('is not there in a cluster that is no laboratory', async () => {
  const ask = await doorOf('b')
  expect(await ask({ disk: noDiskFaults }, 'secret')).toBe(404)
})
