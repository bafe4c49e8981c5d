// Upgrades that no WebSocket client would ask for: refused, and nobody else is harmed.

import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { startServer } from '#coordinator/shell/server.ts'
import { openSqliteStore } from '#coordinator/shell/sqlite-store.ts'
import { MemoryLog } from '#env/memory.ts'
import { realClock, realRandom } from '#env/real.ts'

/** Sends an upgrade as bytes; returns the first line of the answer. It leaves when it was told. */
async function rawUpgrade(address: string, path: string, stays = false): Promise<string> {
  const { hostname, port, host } = new URL(address)
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: stays })
  onTestFinished(() => void socket.destroy())
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n`)
  socket.write('Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  let answer = ''
  for await (const bytes of socket) answer += bytes
  return answer.split('\r\n')[0] ?? ''
}

const started = () =>
  startServer({
    ...{ clock: realClock, random: realRandom, log: new MemoryLog(), settings: defaultSettings },
    ...{ version: '0.0.0', host: '127.0.0.1', port: 0, dashboard: '/nowhere', token: 'a secret' },
    store: openSqliteStore(':memory:'),
    onBug: (thrown) => {
      throw thrown
    },
  })

test('an upgrade to a path that is none is refused, and the coordinator serves on', async () => {
  const server = await started()
  onTestFinished(() => server.stop())
  for (const path of ['//', '//[', '/v1/vms/%/console', '*'])
    expect(await rawUpgrade(server.address, path)).toMatch(/^HTTP\/1.1 40[04] /)
  expect((await fetch(`${server.address}/healthz`)).status).toBe(200)
})

test('who was refused and stays connected does not hold up the end', async () => {
  const server = await started()
  expect(await rawUpgrade(server.address, '/v1/nothing', true)).toMatch(/^HTTP\/1.1 404 /)
  await server.stop()
})
