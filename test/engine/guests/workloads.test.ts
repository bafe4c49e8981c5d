// The workloads that need no disk, and what all of them say, on our machine.

import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pageBytes } from '#proto/units.ts'
import { GuestVm, someIdentity } from './guest-vm.ts'

const instructionsPerMs = 1_000_000

describe('every workload', () => {
  test.each(['kv', 'dirty wss=1', 'cpu', 'check mib=1'])('%s says who it is', (workload) => {
    const vm = GuestVm.ready({ args: `workload=${workload}` })
    const name = workload.split(' ')[0]
    const instance = someIdentity.instanceId
    expect(vm.lines).toContain(
      `godwit-guest 1 workload=${name} ram=8MiB instance=${instance} ready`,
    )
  })

  test('it answers ping, id and stats, and nothing it does not know', () => {
    const vm = GuestVm.ready({ args: 'workload=cpu load=0' })
    const { instanceId, mac, randomSeed } = someIdentity
    expect(vm.ask('id')).toBe(`id ${instanceId} ${mac} 1 ${randomSeed.slice(0, 16)}`)
    vm.runMs(500)
    expect(Number(vm.ask('ping').split(' ')[1])).toBeGreaterThanOrEqual(500)
    expect(vm.stats()).toMatchObject({ loops: 0 })
    expect(vm.ask('put a b')).toBe('error unknown-request')
  })

  test('it learns that it has become another VM', () => {
    const vm = GuestVm.ready({ args: 'workload=cpu load=0' })
    const instanceId = 'ffffffff-6c0b-4f0c-9c8e-0a5d0f3c1b2a'
    vm.machine.pause()
    vm.machine.rebrand({ ...someIdentity, instanceId, mac: '52:54:00:00:00:01' })
    vm.machine.resume()
    expect(vm.untilLine('identity')).toBe(
      `identity instance=${instanceId} mac=52:54:00:00:00:01 generation=2`,
    )
    expect(vm.ask('id')).toMatch(`id ${instanceId} 52:54:00:00:00:01 2 `)
  })

  test('it powers itself off when asked', () => {
    const vm = GuestVm.ready({ args: 'workload=cpu load=0' })
    vm.type('1 poweroff\n')
    expect(vm.untilEnd()).toMatchObject({ reason: 'shut-down' })
    expect(vm.lines).toContain('1 ok')
  })

  test('it panics when asked: that is a crash, and it says so', () => {
    const vm = GuestVm.ready({ args: 'workload=cpu load=0' })
    vm.type('1 panic\n')
    expect(vm.untilEnd()).toMatchObject({ reason: 'crashed' })
    expect(vm.lines.slice(-2)).toEqual(['1 ok', 'fatal panic: asked for'])
  })

  test.each([
    ['workload=tea', /^fatal no such workload.* tea$/],
    ['', /^fatal no such workload/],
    ['workload=check mib=9999', /^fatal more than there is RAM for: mib$/],
    ['workload=dirty wss=1 rate=fast', /^fatal not a number .* rate$/],
  ])('with "%s" it says what is wrong and ends', (args, said) => {
    const vm = new GuestVm({ args })
    expect(vm.untilEnd()).toMatchObject({ reason: 'crashed' })
    expect(vm.lines.at(-1)).toMatch(said)
  })

  test('law: no input can crash it or leave it mute', () => {
    const vm = GuestVm.ready({ args: 'workload=kv' })
    const words = fc.constantFrom('1', 'put', 'get', 'stats', 'id', ' ', '\n', '\r', 'k'.repeat(70))
    const typed = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      fc.array(words, { maxLength: 60 }).map((all) => new TextEncoder().encode(all.join(' '))),
    )
    fc.assert(
      fc.property(typed, (bytes) => {
        vm.type(bytes)
        vm.type('\n')
        expect(vm.ask('ping')).toMatch(/^pong \d+$/)
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  test('a line that is too long is refused whole', () => {
    const vm = GuestVm.ready({ args: 'workload=cpu load=0' })
    vm.type(`1 ping ${'x'.repeat(250)}\n2 ping\n`)
    vm.untilLine('2 pong')
    expect(vm.lines.filter((line) => /^[1?] /.test(line))).toEqual(['? error line-too-long'])
  })
})

describe('dirty', () => {
  test('writes as many pages as it was asked to, and hardly another', () => {
    const vm = GuestVm.ready({ args: 'workload=dirty wss=2 rate=200 tick=0' })
    vm.runMs(100)
    const log = vm.machine.openLog()
    vm.runMs(1000)
    const pages = bitsSet(vm.machine.takeLog(log))
    expect(pages).toBeGreaterThanOrEqual(195)
    // Its own stack, counters and the console's rings.
    expect(pages).toBeLessThanOrEqual(215)
  })

  test('reports each second, and finds a counter that was changed under it', () => {
    const vm = GuestVm.ready({ args: 'workload=dirty wss=1 rate=2560' })
    const [first, second] = [vm.untilLine('dirty writes='), vm.untilLine('dirty writes=')]
    const writes = (line: string) => Number(/writes=(\d+)/.exec(line)?.[1])
    expect(writes(second) - writes(first)).toBeGreaterThan(2500)
    expect(writes(second) - writes(first)).toBeLessThan(2620)
    expect(vm.stats()).toMatchObject({ bad: 0 })
    const counter = vm.filledPages().at(-10) as number
    vm.flipBit(counter)
    const said = `dirty BAD gpa=0x${counter.toString(16).padStart(10, '0')} want=0x`
    expect(vm.untilLine('dirty BAD').startsWith(said)).toBe(true)
  })

  test('the memory it was told to fill is full of noise', () => {
    const filled = GuestVm.ready({ args: 'workload=dirty wss=1 rate=1 fill=4' })
    const empty = GuestVm.ready({ args: 'workload=dirty wss=1 rate=1' })
    const pages = filled.filledPages()
    expect(pages.length - empty.filledPages().length).toBe((4 << 20) / pageBytes)
    // Between the page tables in front of it and the working set behind it.
    for (const gpa of pages.slice(100, 116)) {
      expect(deflateRawSync(filled.readPage(gpa)).length).toBeGreaterThan(0.99 * pageBytes)
    }
  })
})

describe('cpu', () => {
  test.each([0, 20, 100])('at %i percent it is busy so long, and idle for the rest', (load) => {
    const vm = GuestVm.ready({ args: `workload=cpu load=${load} tick=0` })
    vm.runMs(20)
    const [beganMs, before] = [vm.nowMs, vm.machine.retired]
    vm.runMs(40)
    const busyMs = (vm.machine.retired - before) / instructionsPerMs
    const share = (100 * busyMs) / (vm.nowMs - beganMs)
    expect(share).toBeGreaterThanOrEqual(load - 1)
    expect(share).toBeLessThanOrEqual(load + 1)
  })
})

describe('check', () => {
  test('goes its rounds while it rewrites', () => {
    const vm = GuestVm.ready({ args: 'workload=check mib=1 rate=100' })
    expect(vm.untilLine('check ok')).toBe('check ok round=1 pages=256')
    expect(vm.untilLine('check ok')).toBe('check ok round=2 pages=256')
    expect(vm.stats()).toMatchObject({ bad: 0, rounds: 2 })
    expect(vm.stats().rewrites).toBeGreaterThan(190)
  })

  test('names the byte that was changed, and keeps saying so', () => {
    const vm = GuestVm.ready({ args: 'workload=check mib=1 rate=0' })
    vm.untilLine('check ok')
    const gpa = (vm.filledPages().at(-10) as number) + 1234
    const was = vm.flipBit(gpa)
    const hex = (value: number, digits: number) => `0x${value.toString(16).padStart(digits, '0')}`
    const said = `check BAD gpa=${hex(gpa, 10)} want=${hex(was, 2)} got=${hex(was ^ 1, 2)}`
    expect(vm.untilLine('check BAD')).toBe(said)
    expect(vm.untilLine('check BAD')).toBe(said)
    expect(vm.stats()).toMatchObject({ bad: 1 })
  })
})

const bitsSet = (bitmap: Uint8Array) => {
  let count = 0
  for (const byte of bitmap) for (let bits = byte; bits > 0; bits >>= 1) count += bits & 1
  return count
}
