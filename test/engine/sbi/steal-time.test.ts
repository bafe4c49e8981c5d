import { describe, expect, test } from 'vitest'
import { ConsoleLine } from '#engine/devices/console-line.ts'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { answerSbi } from '#engine/sbi/sbi.ts'
import { StealTime } from '#engine/sbi/steal-time.ts'
import { ScriptedCore } from '../scripted-core.ts'
import { noWatchdog } from './no-watchdog.ts'

const extension = 0x535441
const allOnes = -1n
const areaAt = 0x2000
const [success, notSupported, invalidParam, invalidAddress] = [0n, -2n, -3n, -5n]

function guest() {
  const core = new ScriptedCore({ mmioRead: () => 0n, mmioWrite: () => true, timeTicks: () => 0 })
  const stealTime = new StealTime()
  const call = (fid: number, ...args: (number | bigint)[]) => {
    for (const [index, value] of [extension, fid].entries()) core.setX(17 - index, BigInt(value))
    for (let index = 0; index < 3; index++) core.setX(10 + index, BigInt(args[index] ?? 0))
    const console = new ConsoleLine()
    answerSbi({ core, stealTime, console, ...noWatchdog(), end: () => undefined })
    return core.x(10)
  }
  return {
    ...{ core, stealTime, call },
    area: () => core.ram.bytes.slice(areaAt, areaAt + 64),
    steal: () => core.ram.view.getBigUint64(areaAt + 8, true),
    sequence: () => core.ram.view.getUint32(areaAt, true),
  }
}

describe('Steal-time Accounting (SBI 2.0, chapter 16)', () => {
  test('zeroes the area, and adds up there what is stolen from then on', () => {
    const { core, call, stealTime, area, steal, sequence } = guest()
    stealTime.add(5e6, core)
    core.ram.bytes.fill(0xee)
    expect(call(0, ramGpa + areaAt, 0, 0)).toBe(success)
    expect(area()).toEqual(new Uint8Array(64))
    expect(core.ram.bytes[areaAt + 64]).toBe(0xee)
    stealTime.add(1_500_000, core)
    stealTime.add(2_000_000.7, core)
    expect([steal(), sequence()]).toEqual([3_500_000n, 4])
    // Flags, and whether it is preempted: it runs when it looks.
    expect([core.ram.view.getUint32(areaAt + 4), core.ram.bytes[areaAt + 16]]).toEqual([0, 0])
  })

  test('all ones end it', () => {
    const { core, call, stealTime, steal } = guest()
    call(0, ramGpa + areaAt, 0, 0)
    stealTime.add(1e6, core)
    expect(call(0, allOnes, allOnes, 0)).toBe(success)
    stealTime.add(1e6, core)
    expect(steal()).toBe(1_000_000n)
  })

  test('refuses what is not 64 bytes of RAM at a multiple of 64, flags, other functions', () => {
    const { core, call, stealTime } = guest()
    expect(call(0, ramGpa + areaAt + 8, 0, 0)).toBe(invalidParam)
    expect(call(0, ramGpa + areaAt, 0, 1)).toBe(invalidParam)
    expect(call(0, 0x1000, 0, 0)).toBe(invalidAddress)
    expect(call(0, ramGpa + areaAt, 1, 0)).toBe(invalidAddress)
    expect(call(0, ramGpa + core.ram.bytes.length - 32, 0, 0)).toBe(invalidParam)
    expect(call(0, ramGpa + core.ram.bytes.length, 0, 0)).toBe(invalidAddress)
    expect(call(1, ramGpa + areaAt, 0, 0)).toBe(notSupported)
    stealTime.add(1e6, core)
    expect(core.ram.bytes.every((byte) => byte === 0)).toBe(true)
  })

  test('a guest that scribbles over the area gets an even sequence all the same', () => {
    const { core, call, stealTime, steal, sequence } = guest()
    call(0, ramGpa + areaAt, 0, 0)
    core.ram.view.setUint32(areaAt, 0xffff_ffff, true)
    core.ram.view.setBigUint64(areaAt + 8, 77n, true)
    stealTime.add(1e6, core)
    expect([sequence() % 2, steal()]).toEqual([0, 1_000_000n])
  })

  test('a copy goes on adding where the original was', () => {
    const { core, call, stealTime } = guest()
    call(0, ramGpa + areaAt, 0, 0)
    stealTime.add(3e6, core)
    const copy = guest()
    copy.core.ram.bytes.set(core.ram.bytes)
    copy.stealTime.restore(stealTime.capture())
    expect(copy.stealTime.capture()).toEqual(stealTime.capture())
    copy.stealTime.add(2e6, copy.core)
    expect(copy.steal()).toBe(5_000_000n)
    copy.stealTime.restore(new StealTime().capture())
    copy.stealTime.add(2e6, copy.core)
    expect(copy.steal()).toBe(5_000_000n)
  })
})
