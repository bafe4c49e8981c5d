// What may come over a link: every message survives the trip; nothing that is wrong throws or goes
// on.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { MemoryTransport } from '#env/memory.ts'
import { asEpoch, asVmId } from '#proto/ids.ts'
import { AgentMessage, type ConsoleOutput } from '#proto/messages.ts'
import { controlBytesMax } from '#proto/units.ts'
import { decodeControl, encodeControl, WireChannel } from '#proto/wire.ts'

const output = {
  t: 'console-output',
  vmId: asVmId('web'),
  epoch: asEpoch(3),
  offset: 2 ** 40,
  bytes: Uint8Array.of(1, 2, 3),
} as const

test('a message survives the wire', () => {
  const decoded = decodeControl(encodeControl(output), AgentMessage)
  expect(decoded).toMatchObject({ message: { ...output, bytes: expect.anything() } })
  const back = (decoded as { message: z.infer<typeof ConsoleOutput> }).message
  expect([...back.bytes]).toEqual([1, 2, 3])
})

describe('what is wrong becomes a named fault', () => {
  const codeOf = (bytes: Uint8Array) => {
    const decoded = decodeControl(bytes, AgentMessage)
    return 'fault' in decoded ? decoded.fault.code : 'taken'
  }
  test('a field of the wrong type, named in the message', () => {
    const decoded = decodeControl(encodeControl({ ...output, offset: -1 } as never), AgentMessage)
    expect(decoded).toMatchObject({ fault: { code: 'bad-message' } })
    expect((decoded as { fault: { message: string } }).fault.message).toContain('offset')
  })
  test('an unknown message, an unknown field, a name that is no name', () => {
    expect(codeOf(encodeControl({ t: 'explode' }))).toBe('bad-message')
    expect(codeOf(encodeControl({ ...output, extra: 1 } as never))).toBe('bad-message')
    expect(codeOf(encodeControl({ ...output, vmId: '../etc' } as never))).toBe('bad-message')
  })
  test('a message over the limit', () => {
    expect(codeOf(new Uint8Array(controlBytesMax + 1))).toBe('message-too-large')
  })
  test('any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf(Uint8Array.of(1, ...bytes))).toBe('bad-message')
      }),
    )
  })
})

describe('a channel', () => {
  const Ping = z.strictObject({ t: z.literal('ping'), n: z.int() })
  type Ping = z.infer<typeof Ping>

  async function joined() {
    const transport = new MemoryTransport()
    const got: unknown[] = []
    const ends: unknown[] = []
    const limits = { messageBytesMax: 1 << 20 }
    const listener = await transport.listen('ws://a:0', limits, (link) => {
      new WireChannel<Ping, Ping>(link, Ping, {
        message: (message) => got.push(message),
        closed: (reason, fault) => ends.push(fault?.code ?? reason),
      })
    })
    return { link: await transport.connect(listener.address, limits, 100), got, ends }
  }
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5))

  test('delivers messages of its schema', async () => {
    const { link, got } = await joined()
    link.send(encodeControl({ t: 'ping', n: 4 } as never))
    await settle()
    expect(got).toEqual([{ t: 'ping', n: 4 }])
  })

  test.each([
    ['bytes that are no message', Uint8Array.of(1, 0xc1)],
    ['a frame where none may come', Uint8Array.of(2, 0, 0, 0)],
    ['an unknown kind', Uint8Array.of(9)],
    ['an empty message', new Uint8Array(0)],
  ])('closes on %s, and takes nothing after it', async (_what, bytes) => {
    const { link, got, ends } = await joined()
    link.send(bytes)
    link.send(encodeControl({ t: 'ping', n: 5 } as never))
    await settle()
    expect(got).toEqual([])
    expect(ends).toEqual(['bad-message'])
  })
})
