// The guest in one machine after another: what is in its RAM, its hart and its devices goes along,
// and nothing else is needed. The network's part of a migration is not here (test/node-agent/).

import { describe, expect, test } from 'vitest'
import { MemoryDisk } from '#env/memory.ts'
import { GuestVm } from './guest-vm.ts'

/** Not a multiple of any period of the guest's: each move comes at another moment of its life. */
const betweenMovesMs = 7.3

describe('a guest that is moved', () => {
  test.each([
    'workload=check mib=1 rate=300',
    'workload=dirty wss=1 rate=500',
    'workload=cpu load=3',
  ])('runs on as one that was not: %s', (args) => {
    const stayed = GuestVm.ready({ args })
    stayed.runMs(betweenMovesMs)
    const moved = stayed.moved()
    stayed.machine.resume()
    for (const vm of [stayed, moved]) {
      vm.type('1 stats\n')
      vm.runMs(300)
    }
    expect(moved.lines).toEqual(stayed.lines.slice(-moved.lines.length))
    expect(moved.machine.retired).toBe(stayed.machine.retired)
    expect(moved.memory.fullHash()).toBe(stayed.memory.fullHash())
  })

  test('finds no wrong byte after a hundred moves', () => {
    let vm = GuestVm.ready({ args: 'workload=check mib=1 rate=500' })
    for (let moves = 0; moves < 100; moves++) {
      vm.runMs(betweenMovesMs)
      vm = vm.moved()
    }
    vm.untilLine('check ok')
    const { rounds, rewrites, bad } = vm.stats()
    expect(bad).toBe(0)
    expect(rounds).toBeGreaterThanOrEqual(1)
    expect(rewrites).toBeGreaterThan(350)
  })

  test('keeps its disk, and the put that was under way', () => {
    const store = new MemoryDisk()
    let vm = GuestVm.ready({ args: 'workload=kv', disk: { store, sizeBytes: 256 * 1024 } })
    for (let n = 1; n <= 50; n++) {
      vm.type(`p${n} put k${n} v${n}\n`)
      for (let steps = 0; steps < n % 7; steps++) vm.step(900)
      const saidBefore = vm.lines.includes(`p${n} ok ${n}`)
      vm = vm.moved()
      if (!saidBefore) vm.untilLine(`p${n} ok ${n}`)
    }
    expect(vm.ask('count')).toBe('count 50 50')
    expect(vm.ask('get k17')).toBe('value v17')
  })
})
