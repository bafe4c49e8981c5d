// A page's stream comes back by itself, and says honestly how it stands.
import { expect, test } from 'vitest'
import { LiveStream, type Socket, type StreamState } from '#dashboard/live-stream.ts'

class SocketDouble implements Socket {
  binaryType = ''
  onopen: (() => void) | null = null
  onmessage: ((event: { readonly data: unknown }) => void) | null = null
  onclose: (() => void) | null = null
  readonly sent: unknown[] = []
  closed = false
  send = (data: unknown) => void this.sent.push(data)
  close = () => {
    this.closed = true
  }
}

function stage() {
  const sockets: SocketDouble[] = []
  const waits: { ms: number; fn: () => void; cancelled: boolean }[] = []
  const states: StreamState[] = []
  const heard: unknown[] = []
  let nowMs = 0
  const ports = {
    open: () => {
      const socket = new SocketDouble()
      sockets.push(socket)
      return socket
    },
    nowMs: () => nowMs,
    after: (ms: number, fn: () => void) => {
      const wait = { ms, fn, cancelled: false }
      waits.push(wait)
      return () => {
        wait.cancelled = true
      }
    },
  }
  const stream = new LiveStream(ports, {
    onState: (state) => void states.push(state),
    onMessage: (data) => void heard.push(data),
  })
  const lose = (atMs: number) => {
    nowMs = atMs
    sockets.at(-1)?.onclose?.()
  }
  const retry = () => waits.at(-1)?.fn()
  return { stream, sockets, waits, states, heard, lose, retry, ports }
}

test('it is connecting, then live, and hands on what it hears', () => {
  const { sockets, states, heard } = stage()
  sockets[0]?.onopen?.()
  sockets[0]?.onmessage?.({ data: 'view' })
  expect(states.map(({ is }) => is)).toEqual(['connecting', 'live'])
  expect(heard).toEqual(['view'])
})

test('lost, it is away since the first loss, and tries again less and less often', () => {
  const { sockets, waits, states, lose, retry } = stage()
  sockets[0]?.onopen?.()
  lose(1000)
  for (const atMs of [1400, 2100, 3400, 6000, 11_000]) {
    retry()
    lose(atMs)
  }
  expect(states.at(-1)).toEqual({ is: 'away', sinceMs: 1000 })
  expect(waits.map(({ ms }) => ms)).toEqual([300, 600, 1200, 2400, 4800, 5000])
  retry()
  sockets.at(-1)?.onopen?.()
  expect(states.at(-1)).toEqual({ is: 'live' })
  lose(20_000)
  expect(waits.at(-1)?.ms).toBe(300)
})

test('nothing is sent while it is away', () => {
  const { stream, sockets, lose } = stage()
  sockets[0]?.onopen?.()
  expect(stream.send(new Uint8Array([1]))).toBe(true)
  lose(5)
  expect(stream.send(new Uint8Array([2]))).toBe(false)
  expect(sockets[0]?.sent).toHaveLength(1)
})

test('nothing is sent before it is open', () => {
  const { stream, sockets } = stage()
  expect(stream.send(new Uint8Array([1]))).toBe(false)
  expect(sockets[0]?.sent).toEqual([])
})

test('in a hurry it does not wait for its next try', () => {
  const { stream, sockets, waits, lose } = stage()
  lose(5)
  stream.hurry()
  expect(waits[0]?.cancelled).toBe(true)
  expect(sockets).toHaveLength(2)
  stream.hurry()
  expect(sockets).toHaveLength(2)
})

test('in a hurry while a try is under way, it waits no longer for the one after it', () => {
  const { stream, waits, lose, retry } = stage()
  for (const atMs of [5, 400, 1100]) {
    lose(atMs)
    retry()
  }
  stream.hurry()
  lose(2400)
  expect(waits.map(({ ms }) => ms)).toEqual([300, 600, 1200, 300])
})

test('closed, it stays closed', () => {
  const { stream, sockets, waits, states, lose } = stage()
  stream.close()
  lose(5)
  stream.hurry()
  expect(sockets[0]?.closed).toBe(true)
  expect(waits).toEqual([])
  expect(states.at(-1)).toEqual({ is: 'connecting' })
})

test('dropped, it is away since it was last heard, hears the old socket no more, and tries', () => {
  const { stream, sockets, waits, states, heard, retry } = stage()
  sockets[0]?.onopen?.()
  stream.drop(-700)
  expect(states.at(-1)).toEqual({ is: 'away', sinceMs: -700 })
  expect(sockets[0]?.closed).toBe(true)
  sockets[0]?.onmessage?.({ data: 'late' })
  sockets[0]?.onclose?.()
  expect(stream.send(new Uint8Array([1]))).toBe(false)
  expect([heard, waits.length]).toEqual([[], 1])
  // A try that nobody answers is given up as well.
  retry()
  stream.drop()
  expect(waits).toHaveLength(2)
  retry()
  sockets.at(-1)?.onopen?.()
  expect(states.at(-1)).toEqual({ is: 'live' })
})
