// A screen across migrations, restarts and clients of all kinds: frames to those who asked, input
// to whoever runs the VM, and nothing kept for anybody.

import { beforeEach, describe, expect, test } from 'vitest'
import type { ConsoleOwner } from '#coordinator/console/console-stream.ts'
import {
  type ScreenClient,
  ScreenStream,
  unreadBytesMax,
} from '#coordinator/screen/screen-stream.ts'
import { asEpoch, asNodeId, asVmId } from '#proto/ids.ts'
import type { CoordinatorMessage } from '#proto/messages.ts'
import { encodeInput, encodeShown, type ScreenHeader } from '#proto/screen.ts'
import { decodeEvents, devices, encodeEvents, keyEvents } from '#proto/screen-input.ts'

const vmId = asVmId('a')
const owner = (node: string, epoch: number, bootEpoch = 1, linkId = epoch): ConsoleOwner => ({
  ...{ nodeId: asNodeId(node), linkId },
  ...{ epoch: asEpoch(epoch), bootEpoch: asEpoch(bootEpoch) },
})

class Client implements ScreenClient {
  readonly headers: ScreenHeader[] = []
  readonly frames: number[] = []
  bufferedBytes = 0
  closed = ''
  header(header: ScreenHeader): void {
    this.headers.push(header)
  }
  frame(bytes: Uint8Array): void {
    this.frames.push(bytes[0] ?? 0)
  }
  close(reason: string): void {
    this.closed = reason
  }
}

let nowMs = 0
let sent: [string, CoordinatorMessage][] = []
let stream: ScreenStream
let watchers = 0

beforeEach(() => {
  nowMs = 0
  sent = []
  watchers = 0
  stream = new ScreenStream(
    vmId,
    { width: 64, height: 48 },
    {
      nowMs: () => nowMs,
      send: ({ nodeId }, message) => sent.push([nodeId, message]),
      nextWatcher: () => ++watchers,
    },
  )
})

const since = (t: CoordinatorMessage['t']) => sent.filter(([, message]) => message.t === t)
const key = (code: number, value: 0 | 1) =>
  encodeInput(encodeEvents(keyEvents(devices.keyboard, code, value)))
const accepts = (epoch: number, offset: number) =>
  stream.hearAccepted({ t: 'screen-accepted', vmId, epoch: asEpoch(epoch), offset })
const frame = (epoch: number, watcher: number, first: number) =>
  stream.hearFrame({
    t: 'screen-frame',
    ...{ vmId, epoch: asEpoch(epoch), watcher, bytes: Uint8Array.of(first) },
  })

describe('frames', () => {
  test('go to the watcher they are for, of the present owner only', () => {
    const [one, other] = [new Client(), new Client()]
    stream.setOwner(owner('n1', 1))
    stream.attach(one)
    stream.attach(other)
    frame(1, 1, 10)
    frame(1, 2, 20)
    frame(2, 1, 30)
    frame(1, 9, 40)
    expect([one.frames, other.frames]).toEqual([[10], [20]])
    stream.hear(1, encodeShown(5))
    expect(since('screen-shown')).toEqual([
      ['n1', { t: 'screen-shown', vmId, epoch: 1, watcher: 1, frame: 5 }],
    ])
  })

  test('do not pile up for who says to have shown what it has not read', () => {
    const [one, other] = [new Client(), new Client()]
    stream.setOwner(owner('n1', 1))
    stream.attach(one)
    stream.attach(other)
    one.bufferedBytes = unreadBytesMax + 1
    frame(1, 1, 10)
    frame(1, 2, 20)
    expect([one.closed, other.closed]).toEqual([expect.stringMatching(/too slow/), ''])
    expect(since('screen-close')).toMatchObject([['n1', { watcher: 1 }]])
    frame(1, 1, 11)
    expect(one.frames).toEqual([10])
  })

  test('a new owner is asked for all of them, and every client told of it', () => {
    const client = new Client()
    stream.setOwner(owner('n1', 1))
    stream.attach(client)
    stream.setOwner(undefined)
    stream.setOwner(owner('n2', 2))
    expect(since('screen-open').map(([node]) => node)).toEqual(['n1', 'n2'])
    expect(client.headers.map(({ nodeId }) => nodeId)).toEqual(['n1', 'n2'])
    expect(client.headers[1]).toEqual({ vmId, epoch: 2, nodeId: 'n2', width: 64, height: 48 })
  })

  test('the same owner over another link is asked again: it has forgotten its watchers', () => {
    stream.setOwner(owner('n1', 1, 1, 1))
    stream.attach(new Client())
    stream.setOwner(owner('n1', 1, 1, 2))
    expect(since('screen-open')).toHaveLength(2)
  })

  test('an owner that does not answer is asked again', () => {
    stream.setOwner(owner('n1', 1))
    stream.attach(new Client())
    nowMs = 1500
    stream.tick()
    expect(since('screen-open')).toHaveLength(2)
    accepts(1, 0)
    nowMs = 9000
    stream.tick()
    expect(since('screen-open')).toHaveLength(2)
  })
})

describe('what is done at it', () => {
  test('waits for the owner, and follows the VM until it has been taken', () => {
    stream.attach(new Client())
    stream.hear(1, key(30, 1))
    stream.setOwner(owner('n1', 1))
    accepts(1, 0)
    expect(since('screen-input')).toMatchObject([['n1', { offset: 0 }]])
    accepts(1, 8) // The sync behind the key was not taken.
    stream.setOwner(owner('n2', 2))
    accepts(2, 8)
    const [, last] = since('screen-input')
    expect(last).toMatchObject(['n2', { offset: 8 }])
    const bytes = last?.[1].t === 'screen-input' ? last[1].bytes : new Uint8Array(0)
    expect(decodeEvents(bytes)).toEqual(keyEvents(devices.keyboard, 30, 1).slice(1))
  })

  test('what was meant for another run is dropped with it', () => {
    stream.setOwner(owner('n1', 1))
    stream.attach(new Client())
    accepts(1, 0)
    stream.hear(1, key(30, 1))
    stream.setOwner(owner('n2', 2, 2))
    accepts(2, 0)
    expect(since('screen-input')).toHaveLength(1)
  })

  test('a client that goes away lets go of its keys', () => {
    stream.setOwner(owner('n1', 1))
    stream.attach(new Client())
    accepts(1, 0)
    stream.hear(1, key(42, 1))
    stream.detach(1)
    const events = since('screen-input').flatMap(([, message]) =>
      message.t === 'screen-input' ? (decodeEvents(message.bytes) ?? []) : [],
    )
    expect(events.slice(-2)).toEqual(keyEvents(devices.keyboard, 42, 0))
    expect(since('screen-close')).toHaveLength(1)
  })

  test('what is no word, or more than a guest takes, ends that client with a reason', () => {
    stream.setOwner(owner('n1', 1))
    stream.attach(new Client())
    expect(stream.hear(1, Uint8Array.of(9))).toMatch(/^bad-message/)
    expect(stream.hear(1, Uint8Array.of(2, 1, 2, 3))).toMatch(/^bad-message/)
    const much = encodeInput(new Uint8Array(32 * 1024))
    const answers = Array.from({ length: 10 }, () => stream.hear(1, much))
    expect(answers.at(0)).toBeUndefined()
    expect(answers.at(-1)).toMatch(/does not take/)
  })
})

test('when the VM is removed all are told, and nobody is left', () => {
  const client = new Client()
  stream.setOwner(owner('n1', 1))
  stream.attach(client)
  stream.close('the VM is removed')
  expect(client.closed).toBe('the VM is removed')
  expect(stream.isIdle).toBe(true)
})
