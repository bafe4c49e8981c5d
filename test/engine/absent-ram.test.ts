// A VM whose RAM comes page by page while it runs does what it would have done had all of it been
// there: the same instructions, the same bytes, the same requests to its disk, each once.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import { ConsoleLine } from '#engine/devices/console-line.ts'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { answerSbi } from '#engine/sbi/sbi.ts'
import { StealTime } from '#engine/sbi/steal-time.ts'
import { ramStart, TestHart } from './cpu/test-hart.ts'
import { bootedRig, coreModule, emptyRig, type Rig, ramBytes, TestDisk } from './machine-rig.ts'
import { noWatchdog } from './sbi/no-watchdog.ts'

const disk = { sizeBytes: 256 * 1024, layers: ['disk'] }
const pageBytes = 4096
const commands = ['r1 put key value', 'r2 put other thing', 'r3 get key', 'r4 del key', 'r5 ping']

/** A key-value store that has served a little, at rest between two instructions. */
function someVm() {
  const rig = bootedRig('workload=kv', { disk })
  rig.runUntil('ready')
  rig.type('r0 put first 1')
  rig.runUntil('r0 ok')
  rig.machine.pause()
  const ram = WasmGuestMemory.create(coreModule, ramBytes)
  ram.copyFrom(rig.ram)
  return { rig, ram, sections: rig.machine.capture() }
}

/** The same VM in another machine, with nothing of its RAM. */
function absentCopy({ rig, sections }: ReturnType<typeof someVm> & { rig: Rig }) {
  const copy = emptyRig('workload=kv', { disk })
  const bytes = new TestDisk()
  bytes.bytes.set((rig as ReturnType<typeof bootedRig>).disk.bytes)
  copy.machine.restore(sections)
  copy.machine.connectDisk(bytes)
  copy.ram.makeAbsent(new Uint8Array(ramBytes / pageBytes / 8).fill(0xff))
  return { ...copy, disk: bytes }
}

function bring(page: number, from: WasmGuestMemory, to: WasmGuestMemory): void {
  const bitmap = new Uint8Array(from.pageCount / 8)
  bitmap[page >> 3] = 1 << (page & 7)
  const got = from.collect(bitmap, 0, 1)
  to.bring(got.pages, got.bytes)
  to.bringZero(got.zeroPages)
}

/** Types the commands at fixed instructions, and runs for so many more after each. */
function serve(rig: Rig, met: (gpa: number) => void, slice = 100_000): void {
  rig.machine.resume()
  let typed = 'r0 put first 1\n'.length
  for (const command of commands) {
    typed = rig.machine.input(typed, new TextEncoder().encode(`${command}\n`))
    const until = rig.machine.retired + 300_000
    while (rig.machine.retired < until) {
      const outcome = rig.machine.run(Math.min(slice, until - rig.machine.retired))
      if (outcome.kind === 'idle') rig.machine.passTimeTo(outcome.untilTicks)
      if (outcome.kind === 'absent') met(outcome.gpa)
      rig.output()
    }
  }
  rig.machine.pause()
}

const stateOf = (rig: Rig) => [
  rig.ram.fullHash(),
  rig.output(),
  ...rig.machine
    .capture()
    .map(({ kind, bytes }) => `${kind} ${Buffer.from(bytes).toString('hex')}`),
]

describe('a VM whose RAM is absent', () => {
  test('runs as if it never had been', () => {
    const vm = someVm()
    const copy = absentCopy(vm)
    const met: number[] = []
    serve(copy, (gpa) => {
      met.push(gpa)
      bring((gpa - ramGpa) / pageBytes, vm.ram, copy.ram)
    })
    expect(new Set(met).size).toBe(met.length)
    const touched = copy.ram.pageCount - copy.ram.absentPages
    expect(met.length).toBe(touched)
    for (let page = 0; page < vm.ram.pageCount; page++) bring(page, vm.ram, copy.ram)
    expect(copy.ram.absentPages).toBe(0)
    const heard = vm.rig.output().length
    const flushes = vm.rig.disk.flushes
    serve(vm.rig, () => expect.unreachable('All of its RAM is there'))
    expect(copy.output()).toBe(vm.rig.output().slice(heard))
    expect(stateOf(copy).slice(2)).toEqual(stateOf(vm.rig).slice(2))
    expect(copy.ram.fullHash()).toBe(vm.rig.ram.fullHash())
    expect(copy.disk.bytes).toEqual(vm.rig.disk.bytes)
    expect(copy.disk.flushes).toBe(vm.rig.disk.flushes - flushes)
  })

  test('can be taken over by another machine whenever it waits', () => {
    const vm = someVm()
    const copy = absentCopy(vm)
    let here: Rig = copy
    here.machine.resume()
    let typed = 'r0 put first 1\n'.length
    let moves = 0
    for (const command of commands) {
      typed = here.machine.input(typed, new TextEncoder().encode(`${command}\n`))
      const until = here.machine.retired + 300_000
      while (here.machine.retired < until) {
        const outcome = here.machine.run(until - here.machine.retired)
        if (outcome.kind === 'idle') here.machine.passTimeTo(outcome.untilTicks)
        if (outcome.kind !== 'absent') continue
        here.machine.takeOutput()
        here.machine.pause()
        const next = emptyRig('workload=kv', { disk, memory: copy.ram.memory })
        next.machine.restore(here.machine.capture())
        next.machine.connectDisk(copy.disk)
        next.machine.resume()
        here = next
        moves++
        bring((outcome.gpa - ramGpa) / pageBytes, vm.ram, copy.ram)
      }
      here.machine.takeOutput()
    }
    here.machine.pause()
    expect(moves).toBeGreaterThan(10)
    for (let page = 0; page < vm.ram.pageCount; page++) bring(page, vm.ram, copy.ram)
    serve(vm.rig, () => expect.unreachable('All of its RAM is there'))
    expect(here.machine.capture()).toEqual(vm.rig.machine.capture())
    expect(copy.ram.fullHash()).toBe(vm.rig.ram.fullHash())
    expect(copy.disk.bytes).toEqual(vm.rig.disk.bytes)
  })
})

test('a page is brought once: what the guest has written since stays', () => {
  const ram = WasmGuestMemory.create(coreModule, 1 << 20)
  const bitmap = new Uint8Array(ram.pageCount / 8)
  bitmap[0] = 0b101
  ram.makeAbsent(bitmap)
  expect([ram.absentPages, ram.isAbsent(0), ram.isAbsent(1), ram.isAbsent(2)]).toEqual([
    2,
    true,
    false,
    true,
  ])
  const page = (fill: number) => new Uint8Array(pageBytes).fill(fill)
  ram.bring(Uint32Array.of(0, 1), new Uint8Array(2 * pageBytes).fill(7))
  ram.bring(Uint32Array.of(0), page(9))
  ram.bringZero(Uint32Array.of(0, 2, 2))
  const { pages, bytes, zeroPages } = ram.collect(bitmap.fill(7, 0, 1), 0, 3)
  expect([[...pages], [...zeroPages], ram.absentPages]).toEqual([[0], [1, 2], 0])
  expect(bytes).toEqual(page(7))
  expect(ram.trackedHash()).toBe(ram.fullHash())
})

test('whatever comes in whatever order, the hash that is kept is that of the RAM', () => {
  const arrivals = fc.array(fc.tuple(fc.nat(31), fc.nat(3)), { maxLength: 60 })
  const check = (order: [number, number][]) => {
    const ram = WasmGuestMemory.create(coreModule, 1 << 17)
    ram.makeAbsent(new Uint8Array(4).fill(0xff))
    const first = new Map<number, number>()
    for (const [page, fill] of order) {
      if (fill === 0) ram.bringZero(Uint32Array.of(page))
      else ram.bring(Uint32Array.of(page), new Uint8Array(pageBytes).fill(fill))
      if (!first.has(page)) first.set(page, fill)
    }
    expect(ram.absentPages).toBe(32 - first.size)
    expect(ram.trackedHash()).toBe(ram.fullHash())
    for (const [page, fill] of first) {
      const bitmap = new Uint8Array(4)
      bitmap[page >> 3] = 1 << (page & 7)
      expect(ram.collect(bitmap, 0, 1).bytes[0] ?? 0).toBe(fill)
    }
  }
  fc.assert(fc.property(arrivals, check), { numRuns: 50 })
})

describe('the debug console’s buffer (SBI 2.0, chapter 12)', () => {
  const buffer = 0x8002_0ff0
  const call = (fid: number, bytes: number) => {
    const hart = new TestHart((a) => a.ecall())
    const line = new ConsoleLine()
    const text = new TextEncoder().encode('across two pages, all of it')
    hart.core.dmaWrite(buffer, text)
    hart.set('a7', 0x4442434en).set('a6', BigInt(fid)).set('a0', BigInt(bytes))
    hart.set('a1', BigInt(buffer)).set('a2', 0n)
    expect(hart.core.run(10)).toBe(Exit.sbi)
    const answer = () =>
      answerSbi({
        core: hart.core,
        console: line,
        stealTime: new StealTime(),
        ...noWatchdog(),
        end: () => undefined,
      })
    return { hart, line, answer, text }
  }
  const second = (0x8002_1000 - ramStart) / pageBytes

  test('is written when its last page has come, and once', () => {
    const { hart, line, answer, text } = call(0, 27)
    hart.core.setPresent(second, false)
    expect(answer()).toBe(false)
    expect([hart.core.absentPage(), hart.get('a7'), line.untakenBytes]).toEqual([
      0x8002_1000,
      0x4442434en,
      0,
    ])
    hart.core.setPresent(second, true)
    expect(answer()).toBe(true)
    expect(line.takeOutput()?.bytes).toEqual(text)
    expect([hart.get('a0'), hart.get('a1')]).toEqual([0n, 27n])
  })

  test('takes nothing off the line before it is there', () => {
    const { hart, line, answer } = call(1, 27)
    line.accept(0, new Uint8Array(27).fill(65))
    hart.core.setPresent(second, false)
    expect(answer()).toBe(false)
    expect(line.waiting).toBe(27)
    hart.core.setPresent(second, true)
    expect(answer()).toBe(true)
    expect([line.waiting, hart.get('a1')]).toEqual([0, 27n])
  })
})
