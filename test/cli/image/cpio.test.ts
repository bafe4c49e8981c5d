// The archive is read back by a reader of the test's own, written from the format's description.

import { describe, expect, test } from 'vitest'
import { type CpioEntry, cpioArchive } from '#cli/image/cpio.ts'

interface Member {
  readonly path: string
  readonly mode: string
  readonly bytes: string
  readonly device: readonly number[]
}

function membersOf(archive: Uint8Array): Member[] {
  const text = Buffer.from(archive).toString('latin1')
  const members: Member[] = []
  const aligned = (at: number) => (at + 3) & ~3
  for (let at = 0; at < text.length; ) {
    expect(text.slice(at, at + 6)).toBe('070701')
    const field = (n: number) => Number.parseInt(text.slice(at + 6 + 8 * n, at + 14 + 8 * n), 16)
    const [mode, size, major, minor, nameBytes] = [1, 6, 9, 10, 11].map(field) as [
      number,
      ...number[],
    ]
    const path = text.slice(at + 110, at + 110 + (nameBytes ?? 0) - 1)
    const from = aligned(at + 110 + (nameBytes ?? 0))
    const bytes = text.slice(from, from + (size ?? 0))
    members.push({ path, mode: mode.toString(8), bytes, device: [major ?? 0, minor ?? 0] })
    at = aligned(from + (size ?? 0))
  }
  return members
}

const entries: readonly CpioEntry[] = [
  { kind: 'folder', path: 'bin' },
  { kind: 'file', path: 'bin/odd', mode: 0o755, bytes: new TextEncoder().encode('12345') },
  { kind: 'file', path: 'empty', mode: 0o644, bytes: new Uint8Array() },
  { kind: 'link', path: 'init', to: 'bin/odd' },
  { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
]

describe('an archive', () => {
  test('holds each entry with its type, mode and content, and ends as the kernel wants it', () => {
    expect(membersOf(cpioArchive(entries))).toEqual([
      { path: 'bin', mode: '40755', bytes: '', device: [0, 0] },
      { path: 'bin/odd', mode: '100755', bytes: '12345', device: [0, 0] },
      { path: 'empty', mode: '100644', bytes: '', device: [0, 0] },
      { path: 'init', mode: '120777', bytes: 'bin/odd', device: [0, 0] },
      { path: 'dev/console', mode: '20600', bytes: '', device: [5, 1] },
      { path: 'TRAILER!!!', mode: '0', bytes: '', device: [0, 0] },
    ])
  })

  test('every header begins at a multiple of four', () => {
    const text = Buffer.from(cpioArchive(entries)).toString('latin1')
    const starts = [...text.matchAll(/070701/g)].map(({ index }) => index % 4)
    expect(starts).toEqual([0, 0, 0, 0, 0, 0])
    expect(text.length % 4).toBe(0)
  })

  test('the same entries give the same bytes', () => {
    expect(cpioArchive(entries)).toEqual(cpioArchive(entries))
  })
})
