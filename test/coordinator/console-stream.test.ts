// A console across migrations and reboots: nothing lost, nothing doubled, nothing typed to the
// wrong run.

import { beforeEach, describe, expect, test } from 'vitest'
import {
  type ConsoleClient,
  type ConsoleOwner,
  ConsoleStream,
  clientBytesMax,
} from '#coordinator/console/console-stream.ts'
import { inputBytesMax } from '#coordinator/console/unaccepted-input.ts'
import type { ConsoleHeader } from '#proto/api.ts'
import { asEpoch, asNodeId, asVmId } from '#proto/ids.ts'
import type { CoordinatorMessage } from '#proto/messages.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (some: Uint8Array) => new TextDecoder().decode(some)
const vmId = asVmId('a')

const owner = (node: string, epoch: number, bootEpoch = 1, linkId = epoch): ConsoleOwner => ({
  ...{ nodeId: asNodeId(node), linkId },
  ...{ epoch: asEpoch(epoch), bootEpoch: asEpoch(bootEpoch) },
})

class Client implements ConsoleClient {
  readonly isReplay: boolean
  bufferedBytes = 0
  seen = ''
  closed = ''
  readonly headers: ConsoleHeader[] = []
  constructor(isReplay = false) {
    this.isReplay = isReplay
  }
  header(header: ConsoleHeader): void {
    this.headers.push(header)
  }
  output(some: Uint8Array): void {
    this.seen += text(some)
  }
  close(reason: string): void {
    this.closed = reason
  }
}

let nowMs = 0
let sent: [ConsoleOwner, CoordinatorMessage][] = []
let stream: ConsoleStream
const says = (epoch: number, offset: number, what: string) =>
  stream.hearOutput({
    t: 'console-output',
    vmId,
    epoch: asEpoch(epoch),
    offset,
    bytes: bytes(what),
  })
const accepts = (epoch: number, offset: number) =>
  stream.hearAccepted({ t: 'console-accepted', vmId, epoch: asEpoch(epoch), offset })
const inputs = () =>
  sent.flatMap(([to, m]) =>
    m.t === 'console-input' ? [`${to.nodeId} ${m.offset} ${text(m.bytes)}`] : [],
  )
const opened = () =>
  sent.flatMap(([to, m]) => (m.t === 'console-open' ? [`${to.nodeId} from ${m.fromOffset}`] : []))

beforeEach(() => {
  nowMs = 0
  sent = []
  stream = new ConsoleStream(vmId, {
    nowMs: () => nowMs,
    send: (to, message) => sent.push([to, message]),
  })
})

describe('output', () => {
  test('a client gets what comes from now on; with replay, what was kept', () => {
    const [live, replaying] = [new Client(), new Client(true)]
    stream.attach(live)
    stream.attach(replaying)
    stream.setOwner(owner('n1', 1))
    says(1, 0, 'old ')
    accepts(1, 0)
    says(1, 4, 'new')
    expect([live.seen, replaying.seen]).toEqual(['new', 'old new'])
    expect([live.headers[0]?.offset, replaying.headers[0]?.offset]).toEqual([4, 0])
  })

  test('across a migration each byte is seen once, whoever says it twice', () => {
    const client = new Client()
    stream.attach(client)
    stream.setOwner(owner('n1', 1))
    accepts(1, 0)
    says(1, 0, 'abc')
    stream.setOwner(owner('n2', 2))
    expect(opened()).toEqual(['n1 from 0', 'n2 from 3'])
    says(2, 1, 'bcdef')
    says(1, 3, 'de')
    says(2, 6, 'g')
    expect(client.seen).toBe('abcdefg')
    expect(client.headers).toHaveLength(1)
  })

  test('what a ring had to forget is a gap, not a halt', () => {
    const client = new Client(true)
    stream.attach(client)
    stream.setOwner(owner('n1', 1))
    accepts(1, 0)
    says(1, 0, 'abc')
    says(1, 100, 'xyz')
    expect(client.seen).toBe('abcxyz')
    const late = new Client(true)
    stream.attach(late)
    expect([late.headers[0]?.offset, late.seen]).toEqual([100, 'xyz'])
  })

  test('a reboot is a new stream: header again, from offset 0, and the old run is not heard', () => {
    const client = new Client()
    stream.attach(client)
    stream.setOwner(owner('n1', 1))
    accepts(1, 0)
    says(1, 0, 'first')
    stream.setOwner(undefined)
    stream.setOwner(owner('n2', 5, 5))
    says(1, 5, ' ghost')
    says(5, 0, ' second')
    expect(client.seen).toBe('first second')
    expect(client.headers.map(({ epoch, offset }) => [epoch, offset])).toEqual([
      [1, 0],
      [5, 0],
    ])
  })

  test('a client that does not read is dropped, and the others are not', () => {
    const [slow, fast] = [new Client(), new Client()]
    stream.attach(slow)
    stream.attach(fast)
    stream.setOwner(owner('n1', 1))
    accepts(1, 0)
    slow.bufferedBytes = clientBytesMax + 1
    says(1, 0, 'x')
    says(1, 1, 'y')
    expect(slow.closed).toMatch(/too slow/)
    expect([slow.seen, fast.seen]).toEqual(['x', 'xy'])
  })

  test('an owner that never answers does not keep clients waiting', () => {
    const client = new Client()
    stream.attach(client)
    stream.setOwner(owner('n1', 1))
    nowMs = 1100
    stream.tick()
    expect(client.headers).toHaveLength(1)
  })
})

describe('input', () => {
  test('waits until the owner has said how far it is, and goes on from there', () => {
    stream.setOwner(owner('n1', 1))
    stream.input(bytes('ab'))
    expect(inputs()).toEqual([])
    accepts(1, 70)
    stream.input(bytes('c'))
    expect(inputs()).toEqual(['n1 70 ab', 'n1 72 c'])
  })

  test('what the source had not accepted goes to the destination, and nothing twice', () => {
    stream.setOwner(owner('n1', 1))
    accepts(1, 0)
    stream.input(bytes('abcdef'))
    accepts(1, 2)
    stream.setOwner(owner('n2', 2))
    accepts(1, 6)
    accepts(2, 4)
    expect(inputs()).toEqual(['n1 0 abcdef', 'n2 4 ef'])
    accepts(2, 6)
    expect(stream.isIdle).toBe(true)
  })

  test('is sent again to an owner that took only a part', () => {
    stream.setOwner(owner('n1', 1))
    accepts(1, 0)
    stream.input(bytes('abc'))
    accepts(1, 1)
    nowMs = 300
    stream.tick()
    expect(inputs()).toEqual(['n1 0 abc', 'n1 1 bc'])
  })

  test('is not given to the next boot: it was meant for another run', () => {
    stream.setOwner(owner('n1', 1))
    accepts(1, 0)
    stream.input(bytes('half a li'))
    stream.setOwner(owner('n2', 5, 5))
    accepts(5, 0)
    stream.input(bytes('whole'))
    expect(inputs().slice(1)).toEqual(['n2 0 whole'])
  })

  test('has a bound: a guest that does not read stops its writers', () => {
    stream.setOwner(owner('n1', 1))
    expect(stream.input(new Uint8Array(inputBytesMax))).toBe(true)
    expect(stream.input(new Uint8Array(1))).toBe(false)
  })

  test('a long paste goes in chunks that a UART can take', () => {
    stream.setOwner(owner('n1', 1))
    accepts(1, 0)
    stream.input(new Uint8Array(40_000))
    const sizes = sent.flatMap(([, m]) => (m.t === 'console-input' ? [m.bytes.length] : []))
    expect(sizes).toEqual([16_384, 16_384, 7232])
  })
})
