import { describe, expect, test } from 'vitest'
import { Clint } from '#engine/devices/clint.ts'

function board() {
  const seen = { software: false, timerAt: 0n, ticks: 0x1_2345_6789 }
  const clint = new Clint({
    ticks: () => seen.ticks,
    software: (level) => {
      seen.software = level
    },
    timerAt: (ticks) => {
      seen.timerAt = ticks
    },
  })
  return { clint, seen }
}

describe('CLINT (FU540-C000 manual, chapter 9)', () => {
  test('mtime is guest time, whole or in halves', () => {
    const { clint } = board()
    expect(clint.readWide(0xbff8)).toBe(0x1_2345_6789n)
    expect(clint.read(0xbff8, 4)).toBe(0x2345_6789)
    expect(clint.read(0xbffc, 4)).toBe(1)
  })

  test('mtime goes on from what is written to it, and its alarm with it', () => {
    const { clint, seen } = board()
    clint.writeWide(0x4000, 1000n)
    expect(clint.writeWide(0xbff8, 0n)).toBe(true)
    expect(seen.timerAt).toBe(0x1_2345_6789n + 1000n)
    seen.ticks += 7
    expect(clint.readWide(0xbff8)).toBe(7n)
    clint.write(0xbffc, 4, 2)
    expect(clint.readWide(0xbff8)).toBe(0x2_0000_0007n)
    expect(seen.timerAt).toBe(0n)
    clint.writeWide(0x4000, 0xffff_ffff_ffff_ffffn)
    expect(seen.timerAt).toBe(0xffff_ffff_ffff_ffffn)
  })

  test('msip has one bit and drives the software interrupt', () => {
    const { clint, seen } = board()
    clint.write(0, 4, 0xffff_ffff)
    expect(clint.read(0, 4)).toBe(1)
    expect(seen.software).toBe(true)
    clint.write(0, 4, 0)
    expect(seen.software).toBe(false)
  })

  test('mtimecmp is set whole or in halves, and never fires after reset', () => {
    const { clint, seen } = board()
    expect(clint.readWide(0x4000)).toBe(0xffff_ffff_ffff_ffffn)
    clint.write(0x4000, 4, 7)
    clint.write(0x4004, 4, 1)
    expect(seen.timerAt).toBe(0x1_0000_0007n)
    clint.writeWide(0x4000, 9n)
    expect(clint.read(0x4000, 4)).toBe(9)
  })

  test('registers of harts that are not there read as zero, and change nothing', () => {
    const { clint, seen } = board()
    expect([clint.write(4, 4, 1), clint.writeWide(0x4008, 1n), clint.write(0x400c, 4, 1)]).toEqual([
      ...[true, true, true],
    ])
    expect([clint.read(4, 4), clint.readWide(0x4008), clint.read(0x400c, 4)]).toEqual([0, 0n, 0])
    expect(seen).toMatchObject({ software: false, timerAt: 0n })
    expect(clint.read(0, 4)).toBe(0)
  })

  test('behind mtime there is nothing', () => {
    expect(board().clint.read(0xc000, 4)).toBeUndefined()
    expect(board().clint.readWide(0xc000)).toBeUndefined()
    expect(board().clint.writeWide(0xc000, 0n)).toBe(false)
  })

  test('its section brings the lines back', () => {
    const { clint } = board()
    clint.write(0, 4, 1)
    clint.writeWide(0x4000, 1234n)
    const copy = board()
    copy.clint.restore(clint.capture())
    expect(copy.seen).toMatchObject({ software: true, timerAt: 1234n })
    expect(copy.clint.capture()).toEqual(clint.capture())
    clint.writeWide(0xbff8, 10n)
    copy.clint.restore(clint.capture())
    expect(copy.clint.readWide(0xbff8)).toBe(10n)
    expect(copy.seen.timerAt).toBe(0x1_2345_6789n + 1224n)
    copy.clint.restore(board().clint.capture())
    expect(copy.clint.readWide(0xbff8)).toBe(0x1_2345_6789n)
  })
})
