// Consoles through the coordinator: many clients, one VM, whichever node runs it.

import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { ConsoleHeader } from '#proto/api.ts'
import { asEpoch, asVmId } from '#proto/ids.ts'
import { call, joined, server, servesEachTest, until, vmIn } from './serving.ts'
import type { Voice } from './voice.ts'

servesEachTest()

describe('consoles', () => {
  const consoleOf = (id: string, query = '') =>
    new WebSocket(`${server.address.replace('http', 'ws')}/v1/vms/${id}/console${query}`)

  test('output reaches every client, input reaches the VM, and both follow it to its next node', async () => {
    const [n1, n2] = await joined('n1', 'n2')
    await call('POST', '/v1/vms', { id: 'a', spec: {}, nodeId: 'n1' })
    await vmIn('a', 'running')
    const client = consoleOf('a', '?replay=1')
    const seen: string[] = []
    client.on('message', (data, isBinary) =>
      seen.push(
        isBinary ? String(data) : `header ${ConsoleHeader.parse(JSON.parse(String(data))).offset}`,
      ),
    )
    const vmId = asVmId('a')
    const answer = (
      voice: Voice | undefined,
      epoch: number,
      offset: number,
      text: string,
      taken: number,
    ) => {
      const from = { vmId, epoch: asEpoch(epoch) }
      voice?.say({ t: 'console-output', ...from, offset, bytes: new TextEncoder().encode(text) })
      voice?.say({ t: 'console-accepted', ...from, offset: taken })
    }
    expect(await n1?.hear('console-open')).toMatchObject({ fromOffset: 0 })
    answer(n1, 1, 0, 'hello ', 0)
    await until(
      async () => seen.join(''),
      (text) => text === 'header 0hello ',
    )
    client.send(Buffer.from('put 1'))
    expect(await n1?.hear('console-input')).toMatchObject({ offset: 0 })
    answer(n1, 1, 6, 'ab', 2)
    await call('POST', '/v1/vms/a/migrate', { to: 'n2' })
    const { nextEpoch } = (await n1?.hear('migrate')) ?? { nextEpoch: asEpoch(0) }
    const report = n1?.held.get('a')
    n1?.held.delete('a')
    if (report) n2?.held.set('a', { ...report, epoch: nextEpoch })
    n2?.say({ t: 'vm-event', vmId, epoch: nextEpoch, event: 'running' })
    expect(await n2?.hear('console-open')).toMatchObject({ fromOffset: 8 })
    answer(n2, nextEpoch, 6, 'abc', 3)
    const rest = await n2?.hear('console-input')
    expect([rest?.offset, String(Buffer.from(rest?.bytes ?? []))]).toEqual([3, ' 1'])
    await until(
      async () => seen.join(''),
      (text) => text === 'header 0hello abc',
    )
    client.close()
  })

  test('a node that has not run the VM does not speak for it, nor take what is typed', async () => {
    const [n1, n2] = await joined('n1', 'n2')
    await call('POST', '/v1/vms', { id: 'a', spec: {}, nodeId: 'n1' })
    await vmIn('a', 'running')
    const client = consoleOf('a')
    let seen = ''
    client.on('message', (data, isBinary) => {
      if (isBinary) seen += String(data)
    })
    await n1?.hear('console-open')
    const from = { vmId: asVmId('a'), epoch: asEpoch(1) }
    const says = (voice: Voice | undefined, offset: number, text: string) =>
      voice?.say({ t: 'console-output', ...from, offset, bytes: new TextEncoder().encode(text) })
    n1?.say({ t: 'console-accepted', ...from, offset: 0 })
    await expect.poll(() => client.readyState).toBe(WebSocket.OPEN)
    client.send(Buffer.from('typed'))
    await n1?.hear('console-input')
    n2?.say({ t: 'console-accepted', ...from, offset: 5 })
    says(n2, 0, 'password: ')
    // What it says over one link is heard in order: this is behind it.
    const beats = n2?.heard.length ?? 0
    await expect.poll(() => n2?.heard.length ?? 0).toBeGreaterThan(beats + 2)
    says(n1, 0, 'hello')
    await expect.poll(() => seen).toBe('hello')
    // It was not taken, and is sent again.
    const inputs = () => (n1?.heard ?? []).filter(({ t }) => t === 'console-input').length
    await expect.poll(inputs).toBeGreaterThan(1)
    client.close()
  })

  test('a console that cannot be is refused before it opens', async () => {
    await call('POST', '/v1/vms', { id: 'a', spec: {} })
    const statusOf = (id: string) =>
      new Promise((resolve) => {
        const socket = consoleOf(id)
        socket.on('unexpected-response', (_request, answer) => resolve(answer.statusCode))
        socket.on('error', () => undefined)
      })
    expect([await statusOf('a'), await statusOf('b')]).toEqual([409, 404])
  })
})
