// What somebody looks at, over a real server: the agents that can see it are asked, nobody else is,
// and what they tell arrives; a VM is followed.
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Sight, SightView } from '#proto/sights.ts'
import { call, joined, server, servesEachTest, until, vmIn } from '../shell/serving.ts'
import type { Voice } from '../shell/voice.ts'

servesEachTest()

async function look(query: string) {
  const socket = new WebSocket(`${server.address.replace('http', 'ws')}/v1/sights?${query}`)
  const seen: SightView[] = []
  socket.on('message', (data) => seen.push(JSON.parse(String(data))))
  onTestFinished(() => socket.terminate())
  await new Promise((resolve) => socket.once('open', resolve))
  return { seen, socket }
}
const looksOf = (voice: Voice) => voice.heard.filter((message) => message.t === 'look')
const counts = { zero: 1, own: 1, shared: 0, sent: 0, unsent: 0, dirty: 0, absent: 0 }
const pagesOf = (vmId: string): Sight['pages'] =>
  [{ vmId, pageCount: 2, pagesPerCell: 1, counts, runs: [0, 1, 1, 1] }] as never

describe('the pages of a VM', () => {
  test('are asked of the node that runs it, and of no other', async () => {
    const [n1, n2] = (await joined('n1', 'n2')) as [Voice, Voice]
    await call('POST', '/v1/vms', { id: 'a', spec: { memoryMib: 16 }, nodeId: 'n1' })
    await vmIn('a', 'running')
    const { seen, socket } = await look('vm=a')
    await until(
      async () => looksOf(n1).length,
      (n) => n > 0,
    )
    expect(looksOf(n1)[0]).toMatchObject({ links: false, vmIds: ['a'] })
    expect(looksOf(n2)).toEqual([])
    // Who does not run it cannot speak of it.
    n2.say({ t: 'sight', atMs: 1, pages: pagesOf('a') })
    n1.say({ t: 'sight', atMs: 1, pages: pagesOf('a') })
    await until(
      async () => seen.length,
      (n) => n > 0,
    )
    expect(seen).toEqual([{ pages: pagesOf('a')?.[0] }])
    socket.terminate()
    const before = await until(
      async () => looksOf(n1).length,
      (n) => n > 0,
    )
    await new Promise((resolve) => setTimeout(resolve, 1300))
    expect(looksOf(n1).length - before).toBeLessThanOrEqual(1)
  })
})

describe('links', () => {
  test('are asked of every node, and shown with what they carry', async () => {
    const [n1, n2] = (await joined('n1', 'n2')) as [Voice, Voice]
    const { seen } = await look('links=1')
    for (const voice of [n1, n2])
      await until(
        async () => looksOf(voice).length,
        (n) => n > 0,
      )
    const link = { to: 'n2', isTrunkUp: true, trunkBytes: 0 }
    n1.say({ t: 'sight', atMs: 1000, links: [{ ...link, pageBytes: 0 }] } as never)
    n1.say({ t: 'sight', atMs: 1500, links: [{ ...link, pageBytes: 500_000 }] } as never)
    const last = await until(
      async () => seen.at(-1)?.links?.[0],
      (shown) => (shown?.pageBytesPerSec ?? 0) > 0,
    )
    expect(last).toMatchObject({ from: 'n1', to: 'n2', isTrunkUp: true, pageBytes: 500_000 })
  })
})
