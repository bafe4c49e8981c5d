// restore(snapshot(vm)) = vm: real guests, taken while they run and write, over chains of snapshots
// that name only what has changed, restored at once or page by page, on this node or another.

import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { pageBytes } from '#proto/units.ts'
import { OneNode } from './one-node.ts'

const nodes: OneNode[] = []
const node = (...shared: ConstructorParameters<typeof OneNode>): OneNode => {
  const made = new OneNode(...shared)
  nodes.push(made)
  return made
}
afterEach(() => {
  for (const each of nodes.splice(0)) {
    each.stop()
    expect(each.failures).toEqual([])
  }
})

const writing = 'workload=dirty wss=2 rate=20000 fill=1'
const checking = 'workload=check mib=2 rate=5000'

describe('a snapshot', () => {
  test('of a VM that runs is restored bit for bit, and the VM has gone on', async () => {
    const one = node()
    const vm = await one.boot(writing)
    await one.run(60)
    const { record, measured } = await one.take(vm, 'first')
    expect([record.depth, record.parent]).toEqual([0, undefined])
    expect(measured.storedBytes).toBeGreaterThan(measured.pages * pageBytes)
    const before = (await one.vmm.stats())[0]?.instructions ?? 0
    await one.run(40)
    expect((await one.vmm.stats())[0]?.instructions).toBeGreaterThan(before)
    const { vm: restored, whole } = await one.restore(vm, 'first')
    await whole
    expect(await one.stateOf(restored)).toEqual(one.states.get('first'))
  })

  test('names only what has changed since the one before, which it needs no more when that goes', async () => {
    const one = node()
    const vm = await one.boot('workload=dirty wss=1 rate=1000 fill=2')
    await one.run(100)
    const first = await one.take(vm, 'first')
    await one.run(20)
    const second = await one.take(vm, 'second')
    expect(second.record.parent).toEqual({ name: 'first', id: first.record.id })
    expect(second.measured.pages).toBeLessThan(first.measured.pages / 2)
    expect(await one.snapshots.remove('vm1', 'first')).toBeUndefined()
    expect(one.store.read('vm1', 'first')).toMatchObject({ fault: { code: 'unknown-snapshot' } })
    const { vm: restored, whole } = await one.restore(vm, 'second')
    await whole
    expect(await one.stateOf(restored)).toEqual(one.states.get('second'))
  })

  test('of a paused VM leaves it paused', async () => {
    const one = node()
    const vm = await one.boot(writing)
    await one.run(30)
    await one.vmm.pause(vm)
    vm.state = 'paused'
    const state = await one.stateOf(vm)
    await one.take(vm, 'still')
    await one.run(20)
    expect(await one.stateOf(vm)).toEqual(state)
    const { vm: restored, whole } = await one.restore(vm, 'still')
    await whole
    expect(await one.stateOf(restored)).toEqual(state)
  })

  test('of a name that is taken is refused, and the VM goes on', async () => {
    const one = node()
    const vm = await one.boot(writing)
    await one.take(vm, 'same')
    await expect(one.take(vm, 'same')).rejects.toMatchObject({ fault: { code: 'name-taken' } })
  })
})

describe('a VM that is restored', () => {
  test('runs before its pages are there, and finds its memory whole', async () => {
    const one = node()
    const vm = await one.boot(checking)
    await one.run(100)
    await one.take(vm, 'checked')
    const { vm: restored, whole } = await one.restore(vm, 'checked')
    const memory = one.vmm.memoryOf(restored)
    expect(memory?.absentPages).toBeGreaterThan(256)
    await one.vmm.resume(restored)
    await whole
    await one.run(100)
    expect(memory?.absentPages).toBe(0)
    const said = new TextDecoder().decode(one.consoles.of(restored).since(0).bytes)
    expect(said).toContain('workload=check')
    expect(said).not.toMatch(/corrupt|wrong|panic/)
  })

  test('can be taken again while its pages come, as what it is then', async () => {
    const one = node()
    const vm = await one.boot(writing)
    await one.run(60)
    await one.take(vm, 'first')
    const { vm: restored } = await one.restore(vm, 'first')
    await one.vmm.resume(restored)
    const { record } = await one.take(restored, 'second')
    expect(record.parent?.name).toBe('first')
    const { vm: again, whole } = await one.restore(restored, 'second')
    await whole
    expect(await one.stateOf(again)).toEqual(one.states.get('second'))
  })

  test('has its disk as it was, whatever was written since', async () => {
    const one = node()
    const vm = await one.boot('workload=kv', 1)
    await one.run(60)
    const type = (to: typeof vm, text: string, offset: number) =>
      one.vmm.input(to, offset, new TextEncoder().encode(text))
    const typed = await type(vm, 'r1 put key old\n', 0)
    await one.untilSaid(vm, 'r1 ok')
    await one.take(vm, 'old')
    await type(vm, 'r2 put key new\n', typed)
    await one.untilSaid(vm, 'r2 ok')
    const { vm: restored } = await one.restore(vm, 'old')
    await one.vmm.resume(restored)
    await type(restored, 'r3 get key\nr4 put more 1\n', typed)
    const said = await one.untilSaid(restored, 'r4 ok')
    expect(said).toContain('r3 value old')
    expect(said).not.toContain('r2')
  })
})

test('whatever chain of snapshots was taken, each is restored bit for bit, here and elsewhere', async () => {
  const step = fc.record({
    runMs: fc.integer({ min: 0, max: 15 }),
    what: fc.constantFrom('take', 'take', 'take', 'restore', 'restore and run', 'remove'),
    which: fc.nat(7),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 9 }), async (steps) => {
      const one = node()
      let vm = await one.boot(writing)
      const kept: string[] = []
      const pick = (which: number) => kept[which % Math.max(1, kept.length)]
      for (const [index, { runMs, what, which }] of steps.entries()) {
        await one.run(runMs)
        const name = pick(which)
        if (what === 'take' || name === undefined) {
          await one.take(vm, `s${index}`)
          kept.push(`s${index}`)
        } else if (what === 'remove') {
          // While pages come for a VM the store is in use: whoever removes is asked to come again.
          await expect
            .poll(() => one.snapshots.remove('vm1', name), { timeout: 5000 })
            .toBeUndefined()
          kept.splice(kept.indexOf(name), 1)
        } else {
          const restored = await one.restore(vm, name)
          vm = restored.vm
          if (what === 'restore') {
            await restored.whole
            expect(await one.stateOf(vm)).toEqual(one.states.get(name))
          }
          await one.vmm.resume(vm)
        }
      }
      await one.vmm.pause(vm)
      const other = node(one.disk, one.layers, 2)
      for (const name of kept) {
        const { vm: there, whole } = await other.restore(vm, name)
        await whole
        expect(await other.stateOf(there)).toEqual(one.states.get(name))
      }
    }),
    { numRuns: 8 },
  )
}, 300_000)
