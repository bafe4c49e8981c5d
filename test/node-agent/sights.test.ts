// What real agents tell somebody who looks: the pages of a VM that stays and that moves, and what
// has gone over which link; and nothing to who does not look.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { asVmId, type NodeId } from '#proto/ids.ts'
import type { PageMap, Sight } from '#proto/sights.ts'
import { type CoordinatorDouble, eventually } from './coordinator-double.ts'
import { TwoAgents } from './two-agents.ts'

let two: TwoAgents
let coordinator: CoordinatorDouble

beforeEach(async () => {
  two = await TwoAgents.start()
  coordinator = two.coordinator
})
afterEach(() => two.end())

const look = (node: 'a' | 'b', some: { links?: boolean; forMs?: number }) =>
  coordinator.node(node).channel.send({
    ...{ t: 'look', links: false, vmIds: [asVmId('vm1')], forMs: 8000, ...some },
  })
const sightsOf = (node: string) =>
  coordinator.heard.filter(
    (message): message is Sight & { from: NodeId } =>
      message.t === 'sight' && message.from === node,
  )
/** The first map of vm1 in which that is so. */
const mapAt = (node: string, isIt: (map: PageMap) => boolean) =>
  eventually(`such a map of vm1 at ${node}`, () =>
    sightsOf(node)
      .flatMap(({ pages = [] }) => pages)
      .find(isIt),
  )

test('the pages of a VM, while it stays and while it leaves', async () => {
  await two.boot('workload=dirty wss=8 rate=200 fill=4')
  expect(sightsOf('a')).toEqual([])
  look('a', {})
  const isSettled = ({ counts }: PageMap) => counts.dirty > 0 && counts.own > 1000
  const { counts, pageCount } = await mapAt('a', isSettled)
  expect(pageCount).toBe(8192)
  expect(counts).toMatchObject({ sent: 0, unsent: 0, absent: 0 })
  expect(counts.zero).toBeGreaterThan(1000)
  // Slow enough to be looked at: about 8 MiB of content at 4 MB/s.
  const moving = two.migrate({
    bandwidthBytesPerSecMax: 4_000_000,
    whenStuck: 'stop',
    encoding: 'raw',
  })
  await mapAt('a', (map) => map.counts.sent > 0 && map.counts.unsent > 0 && map.counts.dirty > 0)
  await eventually('the end of it', () => coordinator.resultOf(moving))
  look('b', {})
  const there = await mapAt('b', () => true)
  expect(there.counts).toMatchObject({ sent: 0, unsent: 0 })
})

test('what has gone to the other node, and only as long as it is asked for', async () => {
  await two.boot('workload=dirty wss=8 rate=100 fill=4')
  const neighbours = ['a', 'b'].map((id) => {
    const { nodeId, peerAddress: address } = coordinator.node(id)
    return { nodeId, address }
  })
  for (const node of ['a', 'b'])
    coordinator.node(node).channel.send({ t: 'neighbours', nodes: neighbours })
  const sentToB = () =>
    sightsOf('a')
      .at(-1)
      ?.links?.find(({ to }) => to === 'b')
  look('a', { links: true })
  await eventually('a trunk', () => sentToB()?.isTrunkUp)
  expect(sentToB()?.pageBytes).toBe(0)
  const moving = two.migrate({})
  const { record } = await eventually('the end of it', () => coordinator.resultOf(moving))
  await eventually('its bytes', () => (sentToB()?.pageBytes ?? 0) >= (record?.bytes ?? 1))
  look('a', { links: true, forMs: 1 })
  await new Promise((resolve) => setTimeout(resolve, 400))
  const before = sightsOf('a').length
  await new Promise((resolve) => setTimeout(resolve, 800))
  expect(sightsOf('a')).toHaveLength(before)
})
