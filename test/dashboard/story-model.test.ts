// Which events a person sees, and how new ones join those that are known.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasGap, isWanted, joined } from '#dashboard/story-model.ts'
import { eventView } from '../coordinator-double/views.ts'

const moved = {
  ...eventView(1, 'migration-done', 'kv moved from n1 to n2'),
  vmId: 'kv',
  nodeId: 'n2',
}
const clone = { ...eventView(2, 'vm-running', 'kv-1 runs on n1'), vmId: 'kv-1', nodeId: 'n1' }
const lost = { ...eventView(3, 'node-fenced', 'n1 is fenced'), nodeId: 'n1' }
const wanted = (filter: Record<string, string>) =>
  [moved, clone, lost].filter((event) => isWanted(event, filter)).map(({ seq }) => seq)

describe('a filter of events', () => {
  test('takes those of a node or a VM, also where only their sentence names it', () => {
    expect(wanted({})).toEqual([1, 2, 3])
    expect(wanted({ node: 'n1' })).toEqual([1, 2, 3])
    expect(wanted({ node: 'n2' })).toEqual([1])
    expect(wanted({ vm: 'kv' })).toEqual([1])
    expect(wanted({ vm: 'kv-1' })).toEqual([2])
  })

  test('takes a kind, trouble, and words in any case, and all of it together', () => {
    expect(wanted({ kind: 'moves' })).toEqual([1])
    expect(wanted({ kind: 'trouble' })).toEqual([3])
    expect(wanted({ text: 'RUNS' })).toEqual([2])
    expect(wanted({ kind: 'nodes', node: 'n2' })).toEqual([])
    expect(wanted({ kind: 'no such kind' })).toEqual([1, 2, 3])
  })
})

describe('events that join those that are known', () => {
  const seqs = fc
    .uniqueArray(fc.integer({ min: 1, max: 30 }))
    .map((all) => all.sort((a, b) => a - b))
  const events = seqs.map((all) => all.map((seq) => eventView(seq, 'vm-running', `${seq}`)))

  test('are each there once, in order', () => {
    fc.assert(
      fc.property(events, events, (known, more) => {
        const all = joined(known, more).map(({ seq }) => seq)
        const expected = [...new Set([...known, ...more].map(({ seq }) => seq))].sort(
          (a, b) => a - b,
        )
        expect(all).toEqual(expected)
      }),
    )
  })

  test('leave a gap when something between was not seen', () => {
    const [one, two, four] = [1, 2, 4].map((seq) => eventView(seq, 'vm-running', `${seq}`))
    expect(hasGap([], [one] as never)).toBe(false)
    expect(hasGap([one] as never, [two] as never)).toBe(false)
    expect(hasGap([one, two] as never, [four] as never)).toBe(true)
  })
})
