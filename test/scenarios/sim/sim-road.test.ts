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
