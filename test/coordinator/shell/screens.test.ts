// Screens through the coordinator's WebSockets: who may look, and who must go.

import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { asEpoch, asVmId } from '#proto/ids.ts'
import { encodeShown, ScreenHeader } from '#proto/screen.ts'
import { call, joined, server, servesEachTest, vmIn } from './serving.ts'

servesEachTest()

const screenOf = (id: string) =>
  new WebSocket(`${server.address.replace('http', 'ws')}/v1/vms/${id}/screen`)

describe('screens', () => {
  test('a header, then frames; what the client has shown goes back to the agent', async () => {
    const [n1, n2] = await joined('n1', 'n2')
    await call('POST', '/v1/vms', { id: 'a', spec: { screen: '64x48' }, nodeId: 'n1' })
    await vmIn('a', 'running')
    const client = screenOf('a')
    const seen: (string | Buffer)[] = []
    client.on('message', (data, isBinary) => seen.push(isBinary ? (data as Buffer) : String(data)))
    const open = await n1?.hear('screen-open')
    const from = { vmId: asVmId('a'), epoch: asEpoch(1), watcher: open?.watcher ?? 0 }
    // Who does not run it cannot speak of it.
    n2?.say({ t: 'screen-frame', ...from, bytes: Uint8Array.of(9) })
    const beats = n2?.heard.length ?? 0
    await expect.poll(() => n2?.heard.length ?? 0).toBeGreaterThan(beats + 2)
    n1?.say({ t: 'screen-frame', ...from, bytes: Uint8Array.of(1, 2, 3) })
    await expect.poll(() => seen.length).toBe(2)
    expect(ScreenHeader.parse(JSON.parse(String(seen[0])))).toEqual({
      ...{ vmId: 'a', epoch: 1, nodeId: 'n1', width: 64, height: 48 },
    })
    expect([...(seen[1] as Buffer)]).toEqual([1, 2, 3])
    client.send(encodeShown(1))
    expect(await n1?.hear('screen-shown')).toMatchObject({ watcher: from.watcher, frame: 1 })
    client.close()
    expect(await n1?.hear('screen-close')).toMatchObject({ watcher: from.watcher })
  })

  test('one that talks nonsense is let go, with the reason', async () => {
    await joined('n1')
    await call('POST', '/v1/vms', { id: 'a', spec: { screen: '64x48' }, nodeId: 'n1' })
    await vmIn('a', 'running')
    const client = screenOf('a')
    const closed = new Promise((resolve) => client.on('close', (_code, why) => resolve(`${why}`)))
    client.on('open', () => client.send(Buffer.from('hello')))
    expect(await closed).toMatch(/^bad-message/)
  })

  test('a VM without a screen, one that does not run, or none: refused before it opens', async () => {
    await joined('n1')
    await call('POST', '/v1/vms', { id: 'plain', spec: {}, nodeId: 'n1' })
    await vmIn('plain', 'running')
    await call('POST', '/v1/vms', { id: 'waits', spec: { screen: '64x48', memoryMib: 3000 } })
    const answerOf = (id: string) =>
      new Promise((resolve) => {
        const socket = screenOf(id)
        socket.on('unexpected-response', (_request, answer) => resolve(answer.statusCode))
        socket.on('error', () => undefined)
      })
    const answers = [await answerOf('plain'), await answerOf('waits'), await answerOf('nobody')]
    expect(answers).toEqual([409, 409, 404])
  })

  test('a size that cannot be is refused, and named', async () => {
    const { status, body } = await call('POST', '/v1/vms', { id: 'a', spec: { screen: '9x9' } })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toMatch(/spec.screen must match/)
  })
})
