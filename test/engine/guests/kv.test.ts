// The key-value workload on our machine: what it acknowledges it keeps, through power cuts at any
// moment, and what it cannot keep it refuses by name.

import { describe, expect, test } from 'vitest'
import type { DiskStore } from '#engine/devices/layered-disk.ts'
import { MemoryDisk, SeededRandom } from '#env/memory.ts'
import { watched } from '../devices/watched-store.ts'
import { GuestVm, openDisk } from './guest-vm.ts'

const smallestDisk = 128 * 1024
const boot = (store: DiskStore) =>
  GuestVm.ready({ args: 'workload=kv', ramMib: 4, disk: { store, sizeBytes: smallestDisk } })

describe('kv', () => {
  test('puts, gets and counts', () => {
    const vm = boot(new MemoryDisk())
    expect(vm.ask('get colour')).toBe('none')
    expect(vm.ask('put colour green')).toBe('ok 1')
    expect(vm.ask('put shape round')).toBe('ok 2')
    expect(vm.ask('put colour blue')).toBe('ok 3')
    expect(vm.ask('get colour')).toBe('value blue')
    expect(vm.ask('put empty')).toBe('ok 4')
    expect(vm.ask('get empty')).toBe('value ')
    expect(vm.ask('count')).toBe('count 3 4')
  })

  test('refuses by name what it can not do', () => {
    const vm = boot(new MemoryDisk())
    expect(vm.ask(`put ${'k'.repeat(32)} ${'v'.repeat(64)}`)).toBe('ok 1')
    expect(vm.ask(`put ${'k'.repeat(33)} v`)).toBe('error bad-key')
    expect(vm.ask('put')).toBe('error bad-key')
    expect(vm.ask('put a/b v')).toBe('error bad-key')
    expect(vm.ask(`put k ${'v'.repeat(65)}`)).toBe('error bad-value')
    expect(vm.ask('put k v w')).toBe('error bad-value')
    expect(vm.ask('count')).toBe('count 1 1')
  })

  test('without a disk it says so, and takes no write', () => {
    const vm = GuestVm.ready({ args: 'workload=kv' })
    expect(vm.ask('put a b')).toBe('error no-disk')
    expect(vm.ask('ping')).toMatch(/^pong /)
  })

  test('a disk that holds something else is left alone', () => {
    const store = new MemoryDisk()
    const other = boot(store)
    other.ask('put a b')
    other.machine.close()
    spoil(store)
    const vm = boot(store)
    expect(vm.ask('put a b')).toBe('error bad-disk')
    expect(vm.ask('get a')).toBe('error bad-disk')
  })

  test('puts that arrive together share a flush', () => {
    const vm = boot(new MemoryDisk())
    const before = vm.stats().flushes ?? 0
    vm.type(Array.from({ length: 40 }, (_, n) => `p${n} put k${n} v\n`).join(''))
    vm.untilLine('p39 ok 40')
    expect((vm.stats().flushes ?? 0) - before).toBeLessThan(20)
  })
})

describe('durability', () => {
  test('nothing is acknowledged before a flush has come back behind it', () => {
    const events: string[] = []
    const vm = boot(noting(new MemoryDisk(), events))
    events.length = 0
    vm.type('p1 put a b\n')
    while (!vm.lines.includes('p1 ok 1') && vm.nowMs < 1000) {
      vm.step(100)
      if (!events.includes('flush')) expect(vm.lines).not.toContain('p1 ok 1')
    }
    expect(vm.lines).toContain('p1 ok 1')
    expect(events.indexOf('write')).toBeLessThan(events.indexOf('flush'))
  })

  test('a disk that fails to flush stops the VM, and the put is never acknowledged', () => {
    const store = new MemoryDisk()
    let failing = false
    const fail = () => {
      if (failing) throw new Error('the disk is gone')
    }
    const vm = boot(watched(store, { flush: fail }))
    failing = true
    vm.type('p1 put a b\n')
    expect(vm.untilEnd()).toMatchObject({ reason: 'disk-failed' })
    expect(vm.lines.join()).not.toContain('p1 ok')
  })

  test('law: whatever was acknowledged is there after a power cut at any moment', () => {
    let compactions = 0
    for (let seed = 1; seed <= 12; seed++) {
      const random = new SeededRandom(seed)
      const [store, ledger] = [preallocated(), new Ledger()]
      for (let boots = 0; boots < 8; boots++) {
        const cut = { afterOperations: Number.POSITIVE_INFINITY }
        const vm = boot(dying(store, cut))
        ledger.compare(vm)
        cut.afterOperations = random.below(25)
        compactions += ledger.writeUntilCut(vm, random)
        vm.machine.close()
        store.powerLoss(random)
      }
    }
    expect(compactions, 'the law was tried on compaction too').toBeGreaterThan(10)
  })

  test('a full disk refuses new keys and keeps the old ones', () => {
    const vm = boot(new MemoryDisk())
    for (let n = 0; n < 111; n++) expect(vm.ask(`put key-${n} v`)).toBe(`ok ${n + 1}`)
    for (let n = 0; n < 40; n++) expect(vm.ask(`put key-${n} w`)).toMatch(/^ok /)
    const refused = Array.from({ length: 40 }, (_, n) => vm.ask(`put more-${n} v`))
    expect(refused.at(-1)).toBe('error full')
    expect(vm.ask('get key-110')).toBe('value v')
    expect(vm.ask('get key-0')).toBe('value w')
  })
})

/** Few, so that a value that comes back from the dead is soon seen. */
const keys = 6
const burstMax = 64

/**
 * What a client knows: for each key the values it may have, which are the last one acknowledged and
 * those sent later.
 */
class Ledger {
  readonly #may = new Map<string, Set<string>>()
  #sent = 0

  compare(vm: GuestVm): void {
    const all = Array.from({ length: keys }, (_, n) => `k${n}`)
    vm.type(all.map((key) => `${key} get ${key}\n`).join(''))
    vm.untilLine(`${all.at(-1)} `)
    for (const key of all) {
      const answer = vm.lines.findLast((line) => line.startsWith(`${key} `))?.slice(key.length + 1)
      const may = this.#may.get(key) ?? new Set(['none'])
      expect(may, `${key} after the power cut`).toContain(answer)
      this.#may.set(key, new Set([answer as string]))
    }
  }

  /** Sends bursts of puts until the power goes. Returns how often the guest compacted its disk. */
  writeUntilCut(vm: GuestVm, random: SeededRandom): number {
    let compactions = 0
    while (vm.end === undefined) {
      const puts = Array.from({ length: 1 + random.below(burstMax) }, () => this.#newPut(random))
      const from = vm.lines.length
      vm.type(puts.map(({ id, key, value }) => `${id} put ${key} ${value}\n`).join(''))
      vm.runMs(5)
      this.#learn(puts, vm.lines.slice(from))
      if (vm.end === undefined) compactions = vm.stats().compactions ?? 0
    }
    expect(vm.end.reason).toBe('disk-failed')
    return compactions
  }

  #newPut(random: SeededRandom) {
    const put = { id: `p${++this.#sent}`, key: `k${random.below(keys)}`, value: `v${this.#sent}` }
    this.#values(put.key).add(`value ${put.value}`)
    return put
  }

  /** In the order of the sequence: what was put before an acknowledged value is gone. */
  #learn(puts: { id: string; key: string; value: string }[], lines: string[]): void {
    for (const [n, { id, key, value }] of puts.entries()) {
      if (!lines.some((line) => line.startsWith(`${id} ok `))) continue
      const later = puts.slice(n + 1).filter((put) => put.key === key)
      this.#may.set(
        key,
        new Set([value, ...later.map((put) => put.value)].map((v) => `value ${v}`)),
      )
    }
  }

  #values(key: string): Set<string> {
    const known = this.#may.get(key) ?? new Set(['none'])
    this.#may.set(key, known)
    return known
  }
}

/** All blocks are in the layer already, so that a power loss can leave any mixture of sectors. */
function preallocated(): MemoryDisk {
  const store = new MemoryDisk()
  const disk = openDisk(store, smallestDisk)
  disk.write(0, new Uint8Array(smallestDisk))
  disk.flush()
  disk.close()
  return store
}

/** The store, until so many writes and flushes have been done; then it does nothing any more. */
function dying(store: MemoryDisk, cut: { afterOperations: number }): DiskStore {
  const spend = () => {
    if (cut.afterOperations-- <= 0) throw new Error('the power is gone')
  }
  return watched(store, { write: spend, flush: spend })
}

/** Overwrites the guest's headers with another's bytes, below the layer's own header. */
function spoil(store: MemoryDisk): void {
  const disk = openDisk(store, smallestDisk)
  const foreign = new Uint8Array(512).fill(0x55)
  disk.write(0, foreign)
  disk.write(smallestDisk / 2, foreign)
  disk.flush()
  disk.close()
}

const noting = (store: MemoryDisk, events: string[]) =>
  watched(store, { write: () => events.push('write'), flush: () => events.push('flush') })
