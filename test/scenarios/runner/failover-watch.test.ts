// Which loss a recovery belongs to when there are several: nodes that were broken twice, VMs that
// were lost twice or had moved on before their node was lost.

import { describe, expect, test } from 'vitest'
import type { ClusterView } from '#proto/api.ts'
import { FailoverWatch } from '#scenarios/runner/failover-watch.ts'

interface Seen {
  readonly node: string
  readonly phase?: string
  readonly recoveries?: number
  readonly lostMs?: number
}

/** The store as it is seen, and in which phases nodes are. */
const view = ({ node, phase = 'running', recoveries = 0, lostMs }: Seen, nodes: object) =>
  ({
    nodes: Object.entries(nodes).map(([id, is]) => ({ id, phase: is })),
    vms: [
      {
        ...{ id: 'store', nodeId: node, phase, recoveries, spec: { ha: true } },
        ...(lostMs === undefined ? {} : { wentOnFrom: { checkpoint: 1, lostMs } }),
      },
    ],
  }) as unknown as ClusterView

const well = { a: 'online', b: 'online' }

describe('a node that is broken twice', () => {
  test('and came back in between has failed over once: from the second time', () => {
    const watch = new FailoverWatch()
    watch.broken('a', 'hung', 1000, view({ node: 'a' }, well))
    watch.onView(view({ node: 'a' }, { ...well, a: 'unreachable' }), 1500)
    watch.onView(view({ node: 'a' }, well), 2000)
    watch.broken('a', 'killed', 60_000, view({ node: 'a' }, well))
    watch.onView(view({ node: 'a' }, { ...well, a: 'unreachable' }), 60_100)
    watch.onView(view({ node: 'b', recoveries: 1 }, { ...well, a: 'fenced' }), 63_000)
    expect(watch.records).toEqual([
      {
        ...{ nodeId: 'a', cause: 'killed', brokenAtMs: 60_000, detectedAtMs: 60_100 },
        fencedAtMs: 63_000,
        recoveries: [{ vmId: 'store', to: 'b', runningAtMs: 63_000 }],
      },
    ])
  })

  test('so shortly that nobody noticed the first time, neither', () => {
    const watch = new FailoverWatch()
    watch.broken('a', 'hung', 1000, view({ node: 'a' }, well))
    watch.broken('a', 'killed', 60_000, view({ node: 'a' }, well))
    watch.onView(view({ node: 'b', recoveries: 1 }, { ...well, a: 'fenced' }), 63_000)
    expect(watch.records).toMatchObject([{ cause: 'killed', recoveries: [{ to: 'b' }] }])
  })

  test('while it is away has been away since the first time', () => {
    const watch = new FailoverWatch()
    watch.broken('a', 'cut', 1000, view({ node: 'a' }, well))
    watch.onView(view({ node: 'a' }, { ...well, a: 'unreachable' }), 1500)
    watch.broken('a', 'killed', 2000, view({ node: 'a' }, { ...well, a: 'unreachable' }))
    watch.onView(view({ node: 'b', recoveries: 1 }, { ...well, a: 'fenced' }), 4000)
    expect(watch.records).toMatchObject([{ cause: 'cut', brokenAtMs: 1000, fencedAtMs: 4000 }])
  })
})

describe('a fence device', () => {
  test('ends a living node: that is a failover, with its times', () => {
    const watch = new FailoverWatch()
    watch.broken('a', 'fenced', 1000, view({ node: 'a' }, well))
    watch.onView(view({ node: 'a' }, { ...well, a: 'fenced' }), 1200)
    watch.onView(view({ node: 'b', recoveries: 1 }, { ...well, a: 'fenced' }), 1500)
    expect(watch.records).toMatchObject([
      { cause: 'fenced', brokenAtMs: 1000, fencedAtMs: 1200, recoveries: [{ runningAtMs: 1500 }] },
    ])
  })

  test('ends one that hangs already: it was lost when it hung', () => {
    const watch = new FailoverWatch()
    watch.broken('a', 'hung', 1000, view({ node: 'a' }, well))
    watch.broken('a', 'fenced', 1300, view({ node: 'a' }, well))
    watch.onView(view({ node: 'b', recoveries: 1 }, { ...well, a: 'fenced' }), 1500)
    expect(watch.records).toMatchObject([{ cause: 'hung', brokenAtMs: 1000 }])
  })
})

describe('a VM', () => {
  test('that had moved on is brought back from where it was', () => {
    const watch = new FailoverWatch()
    watch.broken('a', 'hung', 1000, view({ node: 'a' }, well))
    watch.broken('b', 'killed', 9000, view({ node: 'b' }, well))
    watch.onView(view({ node: 'a', recoveries: 1 }, { ...well, b: 'fenced' }), 12_000)
    expect(watch.records.map(({ nodeId }) => nodeId)).toEqual(['b'])
  })

  test('that is lost twice tells of each time from what it went on', () => {
    const watch = new FailoverWatch()
    watch.broken('a', 'killed', 1000, view({ node: 'a' }, well))
    watch.onView(view({ node: 'b', recoveries: 1 }, { ...well, a: 'fenced' }), 4000)
    const second = { node: 'b', recoveries: 1 }
    watch.broken('b', 'killed', 9000, view(second, { a: 'online', b: 'online' }))
    const again = { node: 'a', recoveries: 2 }
    watch.onView(view(again, { a: 'online', b: 'fenced' }), 9500)
    watch.onView(view({ ...again, lostMs: 40 }, { a: 'online', b: 'fenced' }), 9600)
    expect(watch.records).toMatchObject([
      { nodeId: 'a', recoveries: [{ vmId: 'store', to: 'b' }] },
      { nodeId: 'b', recoveries: [{ vmId: 'store', to: 'a', rpoMs: 40 }] },
    ])
    expect(watch.records[0]?.recoveries[0]).not.toHaveProperty('rpoMs')
  })
})
