import { describe, expect, test } from 'vitest'
import { ConsoleLine } from '#engine/devices/console-line.ts'
import type { GuestEnd } from '#engine/devices/finisher.ts'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { answerSbi } from '#engine/sbi/sbi.ts'
import { StealTime } from '#engine/sbi/steal-time.ts'
import { ScriptedCore } from '../scripted-core.ts'
import { noWatchdog } from './no-watchdog.ts'

const [base, time, ipi, rfence, hsm, srst, dbcn, sta] = [
  0x10, 0x54494d45, 0x735049, 0x52464e43, 0x48534d, 0x53525354, 0x4442434e, 0x535441,
]
const [success, failed, notSupported, invalidParam, alreadyAvailable] = [0n, -1n, -2n, -3n, -6n]
const allHarts = -1n

function guest() {
  const core = new ScriptedCore({ mmioRead: () => 0n, mmioWrite: () => true, timeTicks: () => 0 })
  const line = new ConsoleLine()
  const stealTime = new StealTime()
  const ends: GuestEnd[] = []
  const call = (extension: number, fid: number, ...args: (number | bigint)[]) => {
    core.setX(17, BigInt(extension))
    core.setX(16, BigInt(fid))
    for (let index = 0; index < 6; index++) core.setX(10 + index, BigInt(args[index] ?? 0))
    answerSbi({ core, console: line, stealTime, ...noWatchdog(), end: (end) => ends.push(end) })
    return [core.x(10), core.x(11)]
  }
  return { core, line, ends, call }
}

const text = (line: string) => new TextEncoder().encode(line)

describe('SBI 2.0, answered by the VMM', () => {
  test('Base (chapter 4): version 2.0, and what there is', () => {
    const { call } = guest()
    expect(call(base, 0)).toEqual([success, 0x0200_0000n])
    const legacy = [...Array(9).keys()]
    for (const extension of [base, time, ipi, rfence, hsm, srst, dbcn, sta, ...legacy]) {
      expect(call(base, 3, extension)).toEqual([success, 1n])
    }
    for (const extension of [0x504d55, 9, 0x53555350]) {
      expect(call(base, 3, extension)).toEqual([success, 0n])
    }
    expect(call(base, 4)).toEqual([success, 0n])
    expect(call(base, 99)).toEqual([notSupported, 0n])
  })

  test('an extension that is not there is not supported', () => {
    expect(guest().call(0x504d55, 0)).toEqual([notSupported, 0n])
  })

  test('TIME (chapter 6) sets the alarm', () => {
    const { core, call } = guest()
    expect(call(time, 0, 1234)).toEqual([success, 0n])
    expect(core.timerTicks).toBe(1234)
    call(time, 0, -1n)
    expect(core.timerTicks).toBe(Infinity)
  })

  test('IPI (chapter 7) reaches hart 0 and no other', () => {
    const { core, call } = guest()
    expect(call(ipi, 0, 0, 0)).toEqual([success, 0n])
    expect(core.software).toBe(false)
    expect(call(ipi, 0, 2, 0)).toEqual([invalidParam, 0n])
    expect(call(ipi, 0, 1, 1)).toEqual([invalidParam, 0n])
    expect(call(ipi, 0, 1, 0)).toEqual([success, 0n])
    expect(core.software).toBe(true)
  })

  test('RFENCE (chapter 8) drops what the hart has derived from memory', () => {
    const { core, call } = guest()
    for (const fid of [0, 1, 2]) expect(call(rfence, fid, 0, allHarts)).toEqual([success, 0n])
    expect(core.restored).toBe(3)
    expect(call(rfence, 3, 0, allHarts)).toEqual([notSupported, 0n])
  })

  test('HSM (chapter 9): hart 0 is started and stays so, others are not there', () => {
    const { call } = guest()
    expect(call(hsm, 2, 0)).toEqual([success, 0n])
    expect(call(hsm, 2, 1)).toEqual([invalidParam, 0n])
    expect(call(hsm, 0, 0)).toEqual([alreadyAvailable, 0n])
    expect(call(hsm, 0, 1)).toEqual([invalidParam, 0n])
    expect(call(hsm, 1)).toEqual([failed, 0n])
    expect(call(hsm, 3)).toEqual([notSupported, 0n])
  })

  test.each([
    [0, 0, 'shut-down'],
    [1, 0, 'reboot'],
    [2, 0, 'reboot'],
    [0, 1, 'crashed'],
    [1, 1, 'crashed'],
  ])('SRST (chapter 10): type %i for reason %i is %s', (type, reason, expected) => {
    const { ends, call } = guest()
    call(srst, 0, type, reason)
    expect(ends).toMatchObject([{ reason: expected }])
  })

  test('SRST refuses reserved types and reasons, and the VM goes on', () => {
    const { ends, call } = guest()
    expect(call(srst, 0, 3, 0)).toEqual([invalidParam, 0n])
    expect(call(srst, 0, 0, 2)).toEqual([invalidParam, 0n])
    expect(ends).toEqual([])
  })

  test('DBCN (chapter 12) writes and reads guest memory', () => {
    const { core, line, call } = guest()
    core.ram.bytes.set(text('hello'), 0x100)
    expect(call(dbcn, 0, 5, ramGpa + 0x100, 0)).toEqual([success, 5n])
    expect(call(dbcn, 2, 0x121)).toEqual([success, 0n])
    expect(line.takeOutput()?.bytes).toEqual(text('hello!'))
    line.accept(0, text('typed'))
    expect(call(dbcn, 1, 3, ramGpa + 0x200, 0)).toEqual([success, 3n])
    expect(call(dbcn, 1, 100, ramGpa + 0x203, 0)).toEqual([success, 2n])
    expect(core.ram.bytes.slice(0x200, 0x205)).toEqual(text('typed'))
    expect(call(dbcn, 1, 100, ramGpa, 0)).toEqual([success, 0n])
  })

  test('DBCN refuses memory that is not RAM, and loses no input by it', () => {
    const { line, call } = guest()
    line.accept(0, text('typed'))
    expect(call(dbcn, 1, 5, 0x1000, 0)).toEqual([invalidParam, 0n])
    expect(call(dbcn, 0, 5, ramGpa, 1)).toEqual([invalidParam, 0n])
    expect(line.waiting).toBe(5)
  })

  test('DBCN moves at most a page a call', () => {
    expect(guest().call(dbcn, 0, 1_000_000, ramGpa, 0)).toEqual([success, 4096n])
  })

  test('legacy calls (chapter 5) answer in a0 and leave a1 alone', () => {
    const { core, line, ends, call } = guest()
    expect(call(1, 0, 0x41, 77)).toEqual([0n, 77n])
    expect(line.takeOutput()?.bytes).toEqual(text('A'))
    expect(call(2, 0)).toEqual([-1n, 0n])
    line.accept(0, text('z'))
    expect(call(2, 0)).toEqual([0x7an, 0n])
    call(0, 0, 99)
    expect(core.timerTicks).toBe(99)
    expect(call(4, 0, 0, 5)).toEqual([0n, 5n])
    expect(core.software).toBe(true)
    expect(call(3, 0)).toEqual([0n, 0n])
    expect(core.software).toBe(false)
    for (const fence of [5, 6, 7]) expect(call(fence, 0)).toEqual([0n, 0n])
    expect(core.restored).toBe(3)
    expect(call(9, 0, 0, 5)).toEqual([notSupported, 5n])
    call(8, 0)
    expect(ends).toMatchObject([{ reason: 'shut-down' }])
  })
})
