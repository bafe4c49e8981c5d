// What leaves the coordinator waits for what must be remembered first, in order; and stays when it
// cannot be remembered.

import { describe, expect, test } from 'vitest'
import { Coordinator } from '#coordinator/coordinator.ts'
import { defaultSettings } from '#coordinator/core/cluster-state.ts'
import { Outlet } from '#coordinator/outlet.ts'
import type { Store } from '#coordinator/store.ts'
import { MemoryLog, SeededRandom, VirtualClock } from '#env/memory.ts'
import { SimStore } from '#scenarios/sim/sim-coordinator.ts'

/** Durable when the test says so. */
class LateStore implements Store {
  readonly writes: PromiseWithResolvers<void>[] = []
  load = () => []
  close = () => {}
  apply() {
    const write = Promise.withResolvers<void>()
    this.writes.push(write)
    return write.promise
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

function stage(store: Store = new LateStore()) {
  const left: string[] = []
  const failures: unknown[] = []
  const outlet = new Outlet(store, (thrown) => failures.push(thrown))
  return { left, failures, outlet, say: (what: string) => outlet.pass(() => left.push(what)) }
}

describe('a store that takes its time', () => {
  test('holds back what stands behind a write, and nothing that stands before it', async () => {
    const store = new LateStore()
    const { left, outlet, say } = stage(store)
    say('before')
    outlet.persist([], [])
    say('behind the first')
    outlet.persist([], [])
    say('behind the second')
    expect(left).toEqual(['before'])
    store.writes[0]?.resolve()
    await turn()
    expect(left).toEqual(['before', 'behind the first'])
    store.writes[1]?.resolve()
    await turn()
    expect(left).toEqual(['before', 'behind the first', 'behind the second'])
    say('at once')
    expect(left.at(-1)).toBe('at once')
  })

  test('what is asked for on the way out stands behind what waits already', async () => {
    const store = new LateStore()
    const { left, outlet, say } = stage(store)
    outlet.persist([], [])
    outlet.pass(() => {
      say('asked on the way')
      left.push('first')
    })
    say('second')
    store.writes[0]?.resolve()
    await turn()
    expect(left).toEqual(['first', 'second', 'asked on the way'])
  })

  test('a write that fails keeps back all that stands behind it, for ever', async () => {
    const store = new LateStore()
    const { left, failures, outlet, say } = stage(store)
    outlet.persist([], [])
    say('first')
    outlet.persist([], [])
    say('second')
    store.writes[1]?.resolve()
    store.writes[0]?.reject(new Error('refused'))
    await turn()
    say('later')
    outlet.persist([], [])
    expect({ left, failures: failures.length, writes: store.writes.length }).toEqual({
      ...{ left: [], failures: 1, writes: 2 },
    })
  })

  test('shut, nothing leaves', async () => {
    const store = new LateStore()
    const { left, failures, outlet, say } = stage(store)
    outlet.persist([], [])
    say('first')
    outlet.shut()
    store.writes[0]?.resolve()
    await turn()
    expect({ left, failures }).toEqual({ left: [], failures: [] })
  })
})

test('a store that is durable at once makes nobody wait', () => {
  const { left, outlet, say } = stage({ load: () => [], apply: () => undefined, close: () => {} })
  outlet.persist([], [])
  say('at once')
  expect(left).toEqual(['at once'])
})

test('a coordinator on its way down answers whoever still asks, and calls it no bug', () => {
  const [clock, random, log] = [new VirtualClock(), new SeededRandom(1), new MemoryLog()]
  const ports = { clock, random, log, store: new SimStore() }
  const coordinator = new Coordinator(ports, defaultSettings, 'test')
  coordinator.start()
  coordinator.stop()
  const answer = coordinator.ask({ do: 'note', text: 'olga has logged in' })
  expect(answer).toMatchObject({ fault: { code: 'shutting-down' } })
})
