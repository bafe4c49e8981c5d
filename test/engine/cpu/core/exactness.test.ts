// What exact retirement promises: however a run is cut into pieces, copied to another hart or
// driven by exits, the state after n instructions is the same bits. And instruction-count time: an
// alarm comes at one exact instruction.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WasmCore } from '#engine/cpu/core.ts'
import { Exit } from '#engine/cpu/core-port.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { busyHart } from '../busy-program.ts'
import { coreModule, TestHart } from '../test-hart.ts'

const stateOf = ({ core, memory }: { core: WasmCore; memory: WasmGuestMemory }) => ({
  retired: core.retired,
  hart: Buffer.from(core.capture()).toString('hex'),
  ram: memory.fullHash(),
})

/** Another hart with the same RAM and registers. */
function copyOf({ core, memory }: { core: WasmCore; memory: WasmGuestMemory }) {
  const { ramBytes } = memory
  const copy = WasmGuestMemory.create(coreModule, ramBytes)
  const hooks = { mmioRead: () => undefined, mmioWrite: () => false, timeTicks: () => 0 }
  const options = { ramBytes, clock: 'instructions', sbi: 'vmm', hooks } as const
  const other = new WasmCore({ module: coreModule, memory: copy.memory, ...options })
  copy.copyFrom(memory)
  other.restore(core.capture())
  return { core: other, memory: copy }
}

function runTo(core: WasmCore, count: number): void {
  while (core.retired < count) core.run(count - core.retired)
}

const total = 20_000

test('the busy program does what it says: traps, interrupts, U-mode, changed code', () => {
  const hart = busyHart().untilRetired(total)
  expect(hart.get('s5')).toBeGreaterThan(100n) // calls from U-mode
  expect(hart.get('s6')).toBeGreaterThan(20n) // timer interrupts
  expect(hart.get('s8')).toBeGreaterThan(100n)
  expect(hart.get('a0')).toBeGreaterThan(100n)
})

describe('the state after n instructions is the same', () => {
  const whole = stateOf(busyHart().untilRetired(total))

  test('in a second run', () => expect(stateOf(busyHart().untilRetired(total))).toEqual(whole))

  test('one instruction at a time', () => {
    expect(stateOf(busyHart().untilRetired(total, 1))).toEqual(whole)
  })
  test('in pieces of any lengths', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (pieces) => {
        const hart = busyHart()
        for (let i = 0; hart.core.retired < total; i++) {
          const piece = pieces[i % pieces.length] ?? 1
          hart.core.run(Math.min(piece, total - hart.core.retired))
        }
        expect(stateOf(hart)).toEqual(whole)
      }),
      { numRuns: 20 },
    )
  })
  test('with dirty logs taken at any moment', () => {
    const hart = busyHart()
    const log = hart.core.openLog()
    while (hart.core.retired < total) {
      hart.core.run(Math.min(97, total - hart.core.retired))
      hart.core.takeLog(log)
    }
    expect(stateOf(hart)).toEqual(whole)
  })
  test('when the VM goes on as a copy, again and again', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: total }), { maxLength: 6 }), (moments) => {
        let vm: { core: WasmCore; memory: WasmGuestMemory } = busyHart()
        for (const moment of moments.sort((a, b) => a - b)) {
          runTo(vm.core, moment)
          const copy = copyOf(vm)
          expect(stateOf(copy)).toEqual(stateOf(vm))
          vm = copy
        }
        runTo(vm.core, total)
        expect(stateOf(vm)).toEqual(whole)
      }),
      { numRuns: 20 },
    )
  })
  test('when pages are absent until they are asked for', () => {
    const hart = busyHart()
    for (let page = 0; page < hart.memory.pageCount; page++) hart.core.setPresent(page, false)
    let brought = 0
    while (hart.core.retired < total) {
      const exit = hart.core.run(total - hart.core.retired)
      if (exit !== Exit.absent) continue
      hart.core.setPresent((hart.core.absentPage() - 0x8000_0000) / 4096, true)
      brought++
    }
    expect(brought).toBeGreaterThan(10)
    expect(stateOf(hart)).toEqual(whole)
  })
})

describe('instruction-count time', () => {
  test('is a tick for 100 instructions', () => {
    const hart = new TestHart((a) => {
      a.label('loop')
      a.jal('zero', 'loop')
    })
    hart.untilRetired(1099)
    expect(hart.core.ticks).toBe(10)
    hart.untilRetired(1100)
    expect(hart.core.ticks).toBe(11)
  })
  test('brings an alarm at the first instruction of its tick', () => {
    const hart = new TestHart((a) => {
      a.la('t0', 'handler')
      a.csrrw('zero', 'stvec', 't0')
      a.li('t0', 0x20)
      a.csrrw('zero', 'sie', 't0')
      a.csrrsi('zero', 'sstatus', 2)
      a.label('loop')
      a.jal('zero', 'loop')
      a.align(4)
      a.label('handler')
      a.csrrs('a0', 'instret', 'zero')
      a.csrrs('a1', 'time', 'zero')
      a.ecall()
    })
    hart.core.setTimer(42n)
    hart.toEcall()
    expect([hart.get('a0'), hart.get('a1')]).toEqual([4200n, 42n])
    expect(hart.core.timerTicks).toBe(42)
  })
  test('skips forward, never back, and the timer is due then', () => {
    const hart = new TestHart((a) => {
      a.li('t0', 0x20)
      a.csrrw('zero', 'sie', 't0')
      a.wfi()
      a.csrrs('a0', 'time', 'zero')
      a.ecall()
    })
    hart.core.setTimer(1_000_000n)
    hart.toWfi()
    hart.core.skipTo(hart.core.timerTicks)
    hart.core.skipTo(5)
    expect(hart.core.ticks).toBe(1_000_000)
    expect(hart.toEcall().get('a0')).toBe(1_000_000n)
  })
  test('knows no alarm until one is set', () => {
    const hart = new TestHart((a) => a.nop())
    expect(hart.core.timerTicks).toBe(Number.POSITIVE_INFINITY)
  })
})

test('under the real clock, time is what the hook says, and an alarm is seen soon', () => {
  let now = 10
  const hart = new TestHart(
    (a) => {
      a.la('t0', 'handler')
      a.csrrw('zero', 'stvec', 't0')
      a.li('t0', 0x20)
      a.csrrw('zero', 'sie', 't0')
      a.csrrsi('zero', 'sstatus', 2)
      a.label('loop')
      a.jal('zero', 'loop')
      a.align(4)
      a.label('handler')
      a.csrrs('a1', 'time', 'zero')
      a.ecall()
    },
    { clock: 'real', hooks: { timeTicks: () => now++ } },
  )
  hart.core.setTimer(20n)
  while (hart.core.run(1_000_000) === Exit.budget) expect(hart.core.retired).toBeLessThan(20e6)
  expect(hart.get('a1')).toBeGreaterThanOrEqual(20n)
  expect(hart.core.retired).toBeLessThan(20 * 500_000)
})

describe('a snapshot of the hart', () => {
  test('is refused when it is cut, of another version, or of no hart', () => {
    const { core } = busyHart().untilRetired(100)
    const good = core.capture()
    const changed = (at: number, value: number) => good.with(at, value)
    expect(() => core.restore(good.subarray(0, good.length - 8))).toThrow(/cut/)
    expect(() => core.restore(changed(0, 0))).toThrow(/no CPU snapshot/)
    expect(() => core.restore(changed(4, 99))).toThrow(/version 99/)
    expect(() => core.restore(new Uint8Array(3))).toThrow(/no CPU snapshot/)
  })
  test('with a mode that no hart has is refused, and the hart goes on as it was', () => {
    const hart = busyHart().untilRetired(100)
    const before = stateOf(hart)
    const modeAt = 8 + 0x110
    expect(() => hart.core.restore(hart.core.capture().with(modeAt, 2))).toThrow(/damaged/)
    expect(stateOf(hart)).toEqual(before)
    expect(stateOf(hart.untilRetired(total))).toEqual(stateOf(busyHart().untilRetired(total)))
  })
  test('keeps the reservation', () => {
    const hart = new TestHart((a) => {
      a.lrd('a0', 's0')
      a.ecall()
      a.scd('a1', 'a0', 's0')
      a.ecall()
    }).set('s0', 0x8000_2000n)
    const copy = copyOf(hart.toEcall())
    expect(copy.core.run(10)).toBe(Exit.sbi)
    expect(copy.core.x(11)).toBe(0n)
  })
})
