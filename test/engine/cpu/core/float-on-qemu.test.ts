// The same floating-point program on our hart and on QEMU's, which computes with SoftFloat. Skipped
// where QEMU is not installed.

import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { beforeAll, describe, expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import {
  floatDigests,
  floatInstructions,
  lineStatusGpa,
  readyForByte,
  uartGpa,
} from '../float-digests.ts'
import { TestHart } from '../test-hart.ts'

const qemu = 'qemu-system-riscv64'
const isHere = spawnSync(qemu, ['--version']).status === 0
const deadlineMs = 60_000

function onOurs(hart: TestHart, printed: readonly number[]): string[] {
  while (hart.core.run(10_000_000) === Exit.budget) {
    if (hart.core.retired > 1e9) throw new Error('The program does not end')
  }
  return String.fromCharCode(...printed)
    .trimEnd()
    .split('\n')
}

async function onQemu(program: Uint8Array): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-float-'))
  const file = join(folder, 'program.bin')
  writeFileSync(file, program)
  const child = spawn(qemu, ['-M', 'virt', '-m', '32', '-nographic', '-bios', file], {
    timeout: deadlineMs / 2,
  })
  const lines: string[] = []
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line)
      if (lines.length === floatInstructions.size) break
    }
    return lines
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
}

describe.skipIf(!isHere)(`beside QEMU${isHere ? '' : ' (skipped: there is no QEMU here)'}`, () => {
  let ours: string[] = []
  let theirs: string[] = []
  beforeAll(async () => {
    const printed: number[] = []
    const mmioWrite = (gpa: number, _size: number, value: bigint) => {
      if (gpa === uartGpa) printed.push(Number(value))
      return true
    }
    const mmioRead = (gpa: number) => (gpa === lineStatusGpa ? BigInt(readyForByte) : undefined)
    const hooks = { mmioRead, mmioWrite }
    const hart = new TestHart(floatDigests, { mode: 'M', sbi: 'firmware', hooks })
    ours = onOurs(hart, printed)
    theirs = await onQemu(hart.program.bytes)
  }, deadlineMs)

  test.each([...floatInstructions.keys()].map((name, n) => [name, n] as const))('%s', (_, n) => {
    expect(ours[n]).toMatch(/^[0-9a-f]{16}$/)
    expect(ours[n]).toBe(theirs[n])
  })
})
