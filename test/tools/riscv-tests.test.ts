// Test programs of others on both execution engines: how each is found to have ended, and what is
// told of many.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tried } from '../../tools/test-programs/trial.ts'
import { type Assembler, assemble } from '../engine/cpu/assembler.ts'
import { elfFile } from '../engine/elf-file.ts'

const origin = 0x8000_0000
const toHost = origin + 0x1000
const signature = origin + 0x1100

/** Linked as such programs are; it has no `fromhost`, for it wants no answers. */
function programOf(write: (a: Assembler) => void, symbols: Record<string, number> = {}) {
  const { bytes } = assemble(BigInt(origin), write)
  const segments = [{ physical: origin, bytes, memoryBytes: 0x2000 }]
  return elfFile({ entry: origin, segments, symbols: { tohost: toHost, ...symbols } })
}

/** Tells the word again and again, as they do. */
function tells(a: Assembler, word: number | bigint): void {
  a.li('t0', toHost)
  a.li('t1', word)
  a.label(`tell${word}`)
  a.sd('t1', 0, 't0')
  a.jal('zero', `tell${word}`)
}

const tryIt = (elf: Uint8Array, engine: 'interpreter' | 'translator' = 'interpreter') =>
  tried({ elf, engine, ramBytes: 1 << 20, instructionsMax: 300_000 })

const passing = programOf((a) => tells(a, 1))
const failing = programOf((a) => tells(a, 15))

describe('a test program', () => {
  test.each(['interpreter', 'translator'] as const)('passes or fails on the %s', (engine) => {
    expect(tryIt(passing, engine)).toMatchObject({ end: 'passed' })
    expect(tryIt(failing, engine)).toMatchObject({
      end: 'failed',
      detail: 'The program failed with code 7 (tohost 15).',
    })
  })

  test('is translated as soon as it jumps, and ends after the same instructions', () => {
    const translated = tryIt(passing, 'translator')
    expect(translated.regions).toBeGreaterThan(0)
    expect(tryIt(passing)).toEqual({ ...translated, regions: 0 })
  })

  test('that never ends is given up, where it is', () => {
    const { end, detail } = tryIt(programOf((a) => a.jal('zero', BigInt(origin))))
    expect([end, detail]).toEqual([
      'never-ended',
      'It had not ended after 300000 instructions, and was at 0x80000000.',
    ])
  })

  test('that waits for nothing has not ended either', () => {
    const { end, detail } = tryIt(programOf((a) => a.wfi()))
    expect(end).toBe('never-ended')
    expect(detail).toContain('0x80000004 for nothing')
  })

  test('that waits for its timer goes on', () => {
    const waiting = programOf((a) => {
      a.li('t0', 0x200_4000)
      a.li('t1', 1_000_000)
      a.sd('t1', 0, 't0')
      a.li('t0', 0x80)
      a.csrrw('zero', 'mie', 't0')
      a.wfi()
      tells(a, 1)
    })
    expect(tryIt(waiting)).toMatchObject({ end: 'passed' })
  })

  test('writes to its console', () => {
    const writing = programOf((a) => {
      a.li('t0', toHost)
      a.li('t1', (1n << 56n) | (1n << 48n) | 0x41n)
      a.sd('t1', 0, 't0')
      a.label('taken')
      a.ld('t1', 0, 't0')
      a.bne('t1', 'zero', 'taken')
      tells(a, 1)
    })
    expect(tryIt(writing)).toMatchObject({ end: 'passed', output: 'A' })
  })

  test('leaves its signature, a word a line', () => {
    const signing = programOf(
      (a) => {
        a.li('t0', signature)
        a.li('t1', 0x1_0000_00abn)
        a.sd('t1', 0, 't0')
        tells(a, 1)
      },
      { begin_signature: signature, end_signature: signature + 8 },
    )
    expect(tryIt(signing).signature).toBe('000000ab\n00000001\n')
  })

  test('is none when it cannot say how it ended, or is no program of this machine', () => {
    const silent = elfFile({
      entry: origin,
      segments: [{ physical: origin, bytes: new Uint8Array(4) }],
    })
    expect(tryIt(silent)).toMatchObject({
      end: 'no-program',
      detail: expect.stringContaining('tohost'),
    })
    expect(tryIt(new Uint8Array(100))).toMatchObject({ end: 'no-program' })
  })
})

test('many are told one by one, and in sum', () => {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-programs-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'below'))
  writeFileSync(join(folder, 'good'), passing)
  writeFileSync(join(folder, 'below', 'bad'), failing)
  writeFileSync(join(folder, 'good.dump'), 'no program')
  const run = (...words: string[]) => {
    const { status, stdout } = spawnSync(
      process.execPath,
      ['tools/riscv-tests.ts', ...words, folder],
      { encoding: 'utf8' },
    )
    return { status, lines: stdout.trim().split('\n') }
  }
  const both = run()
  expect(both.lines.map((line) => line.split(' ')[0])).toEqual([
    ...['failed', 'failed', 'passed', 'passed'],
    ...['interpreter:', 'translator:'],
  ])
  expect(both.lines.slice(-2)).toEqual(['interpreter: 1 of 2 passed', 'translator: 1 of 2 passed'])
  expect(both.status).toBe(1)
  rmSync(join(folder, 'below'), { recursive: true })
  const one = run('--engine', 'translator', '--signatures', join(folder, 'kept'))
  expect(one.lines.slice(-1)).toEqual(['translator: 1 of 1 passed'])
  expect(one.status).toBe(0)
  expect(readFileSync(join(folder, 'good.dump'), 'utf8')).toBe('no program')
})
