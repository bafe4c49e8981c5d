// Roads of the simulated network: an interface that its links share, ways that take their time.

import { expect, test } from 'vitest'
import { SeededRandom, VirtualClock } from '#env/memory.ts'
import { SimNetwork } from '#scenarios/sim/sim-network.ts'
import { SimProcess } from '#scenarios/sim/sim-process.ts'
import { nearRoad, SimInterface } from '#scenarios/sim/sim-road.ts'

const limits = { messageBytesMax: 1 << 20 }

function ringAll(clock: VirtualClock): void {
  while (clock.ringNext());
}

test('links share an interface, message by message', () => {
  const clock = new VirtualClock()
  const way = new SimInterface(clock, 100)
  const [big, small] = [{}, {}]
  const left: string[] = []
  const send = (link: object, name: string, bytes: number) =>
    way.send(link, bytes, () => left.push(`${name} ${clock.nowMs()}`))
  for (const name of ['a', 'b', 'c']) send(big, name, 1000)
  send(small, 'x', 100)
  ringAll(clock)
  expect(left).toEqual(['a 10', 'b 20', 'x 21', 'c 31'])
})

test('a link keeps its order, however long each message takes, and its end comes last', async () => {
  const clock = new VirtualClock()
  const road = { ...nearRoad, latencyMs: 5, jitterMs: 100, bytesPerMs: 50 }
  const network = new SimNetwork(clock, new SeededRandom(1), road)
  const [a, b] = [new SimProcess('a', clock), new SimProcess('b', clock)]
  const got: string[] = []
  await network.transportOf(b).listen('ws://b:1', limits, (link) => {
    link.onMessage(([first]) => got.push(String(first)))
    link.onClose(({ by }) => got.push(by))
  })
  const connecting = network.transportOf(a).connect('ws://b:1', limits, 1000)
  ringAll(clock)
  const link = await connecting
  for (let at = 0; at < 8; at++) link.send(Uint8Array.of(at))
  link.close('enough')
  ringAll(clock)
  expect(got).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', 'peer'])
})

test('a clogged road takes longer until it is healed', async () => {
  const clock = new VirtualClock()
  const network = new SimNetwork(clock, new SeededRandom(1))
  const [a, b] = [new SimProcess('a', clock), new SimProcess('b', clock)]
  const atMs: number[] = []
  await network.transportOf(b).listen('ws://b:1', limits, (link) => {
    link.onMessage(() => atMs.push(clock.nowMs()))
  })
  const connecting = network.transportOf(a).connect('ws://b:1', limits, 1000)
  ringAll(clock)
  const link = await connecting
  const wayMs = (): number => {
    const sentMs = clock.nowMs()
    link.send(Uint8Array.of(1))
    ringAll(clock)
    return (atMs.at(-1) ?? 0) - sentMs
  }
  expect(wayMs()).toBeCloseTo(0.2)
  network.clog('b', 500)
  expect(wayMs()).toBeCloseTo(500.2)
  network.heal()
  expect(wayMs()).toBeCloseTo(0.2)
})

/** A link from a to b, and how long a message of so many bytes takes. */
async function linked() {
  const clock = new VirtualClock()
  const network = new SimNetwork(clock, new SeededRandom(1))
  const [a, b] = [new SimProcess('a', clock), new SimProcess('b', clock)]
  const arrivedMs: number[] = []
  await network.transportOf(b).listen('ws://b:1', limits, (link) => {
    link.onMessage(() => arrivedMs.push(clock.nowMs()))
  })
  const connecting = network.transportOf(a).connect('ws://b:1', limits, 1000)
  ringAll(clock)
  const link = await connecting
  return { clock, network, link, arrivedMs }
}

test('a direction that is shaped is as slow and narrow as it was made, and so is no other', async () => {
  const { clock, network, link, arrivedMs } = await linked()
  network.shape('a', 'b', { latencyMs: 10, bytesPerMs: 100 })
  network.shape('b', 'a', { latencyMs: 500 })
  const atMs = clock.nowMs()
  for (let n = 0; n < 2; n++) link.send(new Uint8Array(1000))
  ringAll(clock)
  expect(arrivedMs.map((ms) => Math.round(ms - atMs))).toEqual([20, 30])
})

test('what is leaving goes on at the new rate, and nothing overtakes it', async () => {
  const { clock, network, link, arrivedMs } = await linked()
  network.shape('a', 'b', { bytesPerMs: 1 })
  const atMs = clock.nowMs()
  for (let n = 0; n < 2; n++) link.send(new Uint8Array(1000))
  clock.advance(500)
  network.shape('a', 'b', undefined)
  link.send(new Uint8Array(1))
  ringAll(clock)
  expect(arrivedMs.map((ms) => Math.round(ms - atMs))).toEqual([500, 500, 500])
})

test('losses cost time, more of them more, and no message', async () => {
  const takesMs = async (lossShare: number) => {
    const { clock, network, link, arrivedMs } = await linked()
    network.shape('a', 'b', { lossShare })
    const atMs = clock.nowMs()
    for (let n = 0; n < 200; n++) link.send(new Uint8Array(5000))
    ringAll(clock)
    expect(arrivedMs).toHaveLength(200)
    return (arrivedMs.at(-1) ?? 0) - atMs
  }
  const [none, few, many] = [await takesMs(0), await takesMs(0.01), await takesMs(0.2)]
  expect(few).toBeGreaterThan(none + 100)
  expect(many).toBeGreaterThan(few)
})
