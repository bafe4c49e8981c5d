// A store that is durable a moment later, and the coordinator that dies in between.

import { expect, test } from 'vitest'
import type { StoredRecord } from '#coordinator/core/records.ts'
import { VirtualClock } from '#env/memory.ts'
import { LateStore } from '#scenarios/sim/late-store.ts'
import { SimStore } from '#scenarios/sim/sim-coordinator.ts'
import { SimProcess } from '#scenarios/sim/sim-process.ts'

const record = (id: string) =>
  ({ kind: 'tombstone', id, value: { id, epoch: 1 } }) as unknown as StoredRecord

function late() {
  const clock = new VirtualClock()
  const process = new SimProcess('coordinator', clock)
  const store = new SimStore()
  return { clock, process, store, written: new LateStore(store, process, 20, () => clock.stir()) }
}

test('what was asked is there when it is said to be, in its order', async () => {
  const { clock, store, written } = late()
  const told: string[] = []
  void written.apply([record('a')], []).then(() => told.push('a'))
  void written.apply([record('b')], [record('a')]).then(() => told.push('b'))
  clock.advance(19)
  expect(store.load()).toEqual([])
  clock.advance(1)
  await Promise.resolve()
  expect(told).toEqual(['a', 'b'])
  expect(store.load().map(({ id }) => id)).toEqual(['b'])
})

test('what a coordinator had not written when it died was never written', () => {
  const { clock, process, store, written } = late()
  void written.apply([record('a')], [])
  clock.advance(20)
  void written.apply([record('b')], [])
  process.kill()
  clock.advance(100)
  expect(store.load().map(({ id }) => id)).toEqual(['a'])
})
