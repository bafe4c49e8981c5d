// What a follower serves, by itself: whatever it is asked for, it goes on, and it can always be
// closed, for who was elected begins to lead only then.

import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type Follower, serveFollower } from '#coordinator/shell/follower.ts'
import { MemoryLog } from '#env/memory.ts'

const leader = { name: 'c2', address: 'http://leader:7070', id: 'c2' }

async function following(): Promise<Follower> {
  const follower = await serveFollower({
    ...{ host: '127.0.0.1', port: 0, log: new MemoryLog() },
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
