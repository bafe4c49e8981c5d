// A view sent as what has changed is the same view; what has not changed is the same object.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { changesOf, isEqual, withChanges } from '#dashboard/view-changes.ts'
import { busyCluster, clusterView, eventView, vmView } from '../coordinator-double/views.ts'

const vm = fc
  .record({
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    epoch: fc.integer({ min: 0, max: 2 }),
    isClone: fc.boolean(),
  })
  .map(({ id, epoch, isClone }) => vmView(id, {}, { epoch, ...(isClone && { clonedFrom: 'a' }) }))
const view = fc
  .record({
    vms: fc.uniqueArray(vm, { selector: ({ id }) => id }),
    events: fc.integer({ min: 0, max: 3 }),
    revision: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ vms, events, revision }) =>
    clusterView({
      ...{ vms, revision },
      events: Array.from({ length: events }, (_, seq) => eventView(seq, 'vm-running', `${seq}`)),
    }),
  )

describe('a view sent as its changes', () => {
  test('is the view, whatever was there before', () => {
    fc.assert(
      fc.property(view, view, (before, now) => {
        const changes = structuredClone(changesOf(before, now))
        expect(withChanges(before, changes)).toEqual(now)
        expect(withChanges(undefined, changesOf(undefined, now))).toEqual(now)
      }),
    )
  })

  test('is small when little has changed, and rows that have not stay what they were', () => {
    const before = busyCluster()
    const now = structuredClone(before)
    const [first, ...others] = now.vms
    if (!first) throw new Error('it has VMs')
    const changes = changesOf(before, { ...now, vms: [{ ...first, phase: 'paused' }, ...others] })
    expect(changes.vms.changed).toEqual([{ id: first.id, set: { phase: 'paused' }, unset: [] }])
    expect(changes.vms.order).toBeUndefined()
    expect(changes.events).toBeUndefined()
    const after = withChanges(before, changes)
    expect(after.vms[1]).toBe(before.vms[1])
    expect(after.nodes).toBe(before.nodes)
    expect(after.vms[0]?.phase).toBe('paused')
  })
})

test('equal is what JSON would write the same, whatever the order of names', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(isEqual(value, structuredClone(value))).toBe(true)
      expect(isEqual(value, { value })).toBe(false)
    }),
  )
  expect(isEqual({ a: 1, b: [2] }, { b: [2], a: 1 })).toBe(true)
  expect(isEqual([1, 2], { 0: 1, 1: 2 })).toBe(false)
  expect(isEqual({ a: undefined }, { b: undefined })).toBe(false)
})
