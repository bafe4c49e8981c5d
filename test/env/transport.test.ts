// The acceptance suite of Transport: WebSockets and the double in memory must both pass it.

import { connect as connectPlain } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Link, LinkClosed, Listener, Transport } from '#env/env.ts'
import { MemoryTransport } from '#env/memory.ts'
import { realTransport } from '#env/real.ts'

const limits = { messageBytesMax: 1 << 20 }
const open: Listener[] = []
afterEach(async () => {
  for (const listener of open.splice(0)) await listener.close()
})

interface Pair {
  here: Link
  there: Link
}
async function pair(transport: Transport): Promise<Pair> {
  const accepted = Promise.withResolvers<Link>()
  const listener = await transport.listen('ws://127.0.0.1:0', limits, accepted.resolve)
  open.push(listener)
  const here = await transport.connect(listener.address, limits, 5000)
  return { here, there: await accepted.promise }
}

const received = (link: Link, count: number) =>
  new Promise<Uint8Array[]>((resolve) => {
    const all: Uint8Array[] = []
    link.onMessage((bytes) => {
      all.push(bytes)
      if (all.length === count) resolve(all)
    })
  })
const closed = (link: Link) => new Promise<LinkClosed>((resolve) => link.onClose(resolve))

describe.each([
  ['WebSockets', () => realTransport],
  ['memory', () => new MemoryTransport()],
])('a transport of %s', (_name, make) => {
  test('messages arrive whole and in order, both ways', async () => {
    const { here, there } = await pair(make())
    const atThere = received(there, 50)
    const atHere = received(here, 1)
    for (let i = 0; i < 50; i++) here.send(new Uint8Array(i * 100).fill(i))
    there.send(Uint8Array.of(7))
    expect((await atThere).map((m) => [m.length, m[0] ?? 0])).toEqual(
      Array.from({ length: 50 }, (_, i) => [i * 100, i && i]),
    )
    expect([...((await atHere)[0] ?? [])]).toEqual([7])
  })

  test('what arrives before a handler is set is kept for it', async () => {
    const { here, there } = await pair(make())
    const echo = received(here, 1)
    here.send(Uint8Array.of(1))
    there.send(Uint8Array.of(9))
    await echo
    expect([...((await received(there, 1))[0] ?? [])]).toEqual([1])
  })

  test('bytes that were given back may be used again: what arrives is what was sent', async () => {
    const { here, there } = await pair(make())
    const all = received(there, 20)
    let bytes = new Uint8Array(1 << 20)
    for (let i = 0; i < 20; i++) {
      bytes.fill(i)
      let isBack = false
      here.send(bytes, () => {
        isBack = true
      })
      await here.drained(0)
      if (!isBack) bytes = new Uint8Array(1 << 20)
    }
    expect((await all).map((message) => [message[0], message.at(-1)])).toEqual(
      Array.from({ length: 20 }, (_, i) => [i, i]),
    )
  })

  test('a close is told to both ends, with who and why', async () => {
    const { here, there } = await pair(make())
    const atHere = closed(here)
    const atThere = closed(there)
    here.close('enough')
    expect(await atHere).toEqual({ by: 'local', reason: 'enough' })
    expect(await atThere).toEqual({ by: 'peer', reason: 'enough' })
    here.send(Uint8Array.of(1)) // Ignored, no throw.
  })

  test('a message beyond the limit closes the link by its name', async () => {
    const { here, there } = await pair(make())
    const atThere = closed(there)
    there.onMessage(() => {})
    here.send(new Uint8Array(limits.messageBytesMax + 1))
    expect(await atThere).toEqual({ by: 'error', reason: 'message-too-large' })
  })

  test('drained waits until the bytes have left', async () => {
    const { here, there } = await pair(make())
    const all = received(there, 20)
    for (let i = 0; i < 20; i++) here.send(new Uint8Array(1 << 20))
    await here.drained(0)
    expect(here.bufferedBytes).toBe(0)
    await all
  })

  test('drained does not wait for a link that has closed', async () => {
    const { here } = await pair(make())
    for (let i = 0; i < 5; i++) here.send(new Uint8Array(1 << 20))
    const drained = here.drained(0)
    here.close('enough')
    await drained
  })

  test('closing the listener ends its links', async () => {
    const transport = make()
    const { here } = await pair(transport)
    const atHere = closed(here)
    await open.splice(0)[0]?.close()
    expect((await atHere).by).not.toBe('local')
  })

  test('nobody there is an error, not a link', async () => {
    await expect(make().connect('ws://127.0.0.1:1', limits, 2000)).rejects.toThrow()
  })
})

test('closing the listener does not wait for who has connected and says nothing', async () => {
  const listener = await realTransport.listen('ws://127.0.0.1:0', limits, () => undefined)
  const silent = connectPlain(Number(new URL(listener.address).port), '127.0.0.1')
  silent.on('error', () => undefined)
  await new Promise((resolve) => silent.once('connect', resolve))
  // The server has it, too.
  await new Promise((resolve) => setTimeout(resolve, 50))
  const closing = listener.close().then(() => 'closed')
  const late = new Promise<string>((resolve) => setTimeout(resolve, 1000, 'waits'))
  expect(await Promise.race([closing, late])).toBe('closed')
  silent.destroy()
})
