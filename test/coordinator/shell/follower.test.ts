// What a follower serves, by itself: whatever it is asked for, it goes on, and it can always be
// closed, for who was elected begins to lead only then.

import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Authority } from '#cli/certs/authority.ts'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { type Follower, serveFollower } from '#coordinator/shell/follower.ts'
import { startServer } from '#coordinator/shell/server.ts'
import { openSqliteStore } from '#coordinator/shell/sqlite-store.ts'
import { MemoryLog } from '#env/memory.ts'
import { Credentials, realClock, realRandom } from '#env/real.ts'

const leader = { name: 'c2', address: 'http://leader:7070', id: 'c2' }

async function following(credentials?: Credentials): Promise<Follower> {
  const follower = await serveFollower({
    ...{ host: '127.0.0.1', port: 0, log: new MemoryLog(), credentials },
    ...{ leader: () => leader, isStuck: () => false, others: () => [] },
  })
  onTestFinished(() => follower.close())
  return follower
}

/** Sends bytes, and never closes its own side; resolves with the first bytes of the answer. */
function told({ port }: Follower, text: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  socket.write(text)
  return new Promise((resolve, reject) => {
    socket.once('data', (bytes) => resolve(String(bytes)))
    socket.once('error', reject)
  })
}

test('a path that is none leads to the leader too, and harms nobody', async () => {
  const follower = await following()
  for (const path of ['//', '//[', 'http://[', '*']) {
    const answer = await told(follower, `GET ${path} HTTP/1.1\r\nHost: follower\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 307 /)
    expect(answer).toContain('location: http://leader:7070/')
  }
})

test('who was refused a WebSocket and stays connected does not hold it up', async () => {
  const follower = await following()
  const upgrade = 'Host: follower\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  expect(await told(follower, `GET /agent HTTP/1.1\r\n${upgrade}`)).toMatch(/^HTTP\/1.1 503 /)
  await follower.close()
})

async function certified(): Promise<Credentials> {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-follower-'))
  await new Authority(folder).init([])
  const credentials = new Credentials(folder, 'coordinator')
  onTestFinished(() => {
    credentials.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return credentials
}

/** A caller who says nothing at all. */
async function silentAt(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  await new Promise<void>((resolve) => socket.once('connect', resolve))
}

test('who connects and says nothing holds up neither a follower nor a leader, over TLS too', async () => {
  const credentials = await certified()
  for (const own of [undefined, credentials]) {
    const follower = await following(own)
    const server = await startServer({
      ...{ clock: realClock, random: realRandom, log: new MemoryLog(), settings: defaultSettings },
      ...{ version: '0.0.0', host: '127.0.0.1', port: 0, dashboard: '/nowhere', token: 'secret' },
      ...{ store: openSqliteStore(':memory:'), operatorSecret: 'gwo_machine' },
      ...(own && { credentials: own }),
      onBug: (thrown) => {
        throw thrown
      },
    })
    await silentAt(follower.port)
    await silentAt(Number(new URL(server.address).port))
    await follower.close()
    await server.stop()
  }
})
