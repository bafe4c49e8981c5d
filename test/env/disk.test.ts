// The acceptance suite of Disk: a folder and the double in memory must both pass it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { MemoryDisk, SeededRandom } from '#env/memory.ts'
import { openFolderDisk } from '#env/real.ts'

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})
const folderDisk = () => {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-disk-'))
  folders.push(folder)
  return openFolderDisk(folder)
}
const bytes = (...values: number[]) => Uint8Array.from(values)

describe.each([
  ['a folder', folderDisk],
  ['memory', () => new MemoryDisk()],
])('a disk of %s', (_name, make) => {
  test('reads back what was written, and zeros where nothing was', () => {
    const file = make().open('a.img', 'create')
    file.write(4, bytes(1, 2, 3))
    const into = new Uint8Array(9).fill(255)
    file.read(0, into)
    expect([...into]).toEqual([0, 0, 0, 0, 1, 2, 3, 0, 0])
    expect(file.sizeBytes).toBe(7)
    file.close()
  })

  test('create opens what is there and keeps it; write needs it to be there', () => {
    const disk = make()
    expect(() => disk.open('a', 'write')).toThrow()
    const first = disk.open('a', 'create')
    first.write(0, bytes(5))
    first.close()
    const again = disk.open('a', 'create')
    const into = new Uint8Array(1)
    again.read(0, into)
    expect(into[0]).toBe(5)
    again.close()
  })

  test('a file opened for reading refuses writes', () => {
    const disk = make()
    disk.open('a', 'create').close()
    expect(() => disk.open('a', 'read').write(0, bytes(1))).toThrow()
  })

  test('a file that is closed again closes nothing that was opened since', () => {
    const disk = make()
    const first = disk.open('a', 'create')
    first.close()
    const second = disk.open('b', 'create')
    first.close()
    second.write(0, bytes(1))
    expect(second.sizeBytes).toBe(1)
    expect(() => first.write(0, bytes(2))).toThrow()
    second.close()
  })

  test('lists, knows and removes by name; a name that leaves the folder is refused', () => {
    const disk = make()
    disk.open('b', 'create').close()
    disk.open('a', 'create').close()
    expect(disk.list()).toEqual(['a', 'b'])
    disk.remove('a')
    disk.remove('a')
    expect([disk.exists('a'), disk.exists('b')]).toEqual([false, true])
    expect(() => disk.open('../b', 'create')).toThrow()
    expect(() => disk.open('B', 'create')).toThrow()
  })

  test('a renamed file takes the place of another, open ones go on', () => {
    const disk = make()
    const old = disk.open('a', 'create')
    old.write(0, bytes(1))
    const fresh = disk.open('a.new', 'create')
    fresh.write(0, bytes(2))
    disk.rename('a.new', 'a')
    expect(disk.list()).toEqual(['a'])
    const into = new Uint8Array(1)
    disk.open('a', 'read').read(0, into)
    expect(into[0]).toBe(2)
    old.read(0, into)
    expect(into[0]).toBe(1)
    expect(() => disk.rename('b', 'c')).toThrow()
    expect(() => disk.rename('a', '../a')).toThrow()
  })

  test('a closed file says so', () => {
    const file = make().open('a', 'create')
    file.close()
    expect(() => file.write(0, bytes(1))).toThrow()
  })
})

test('when the power goes, flushed bytes stay and later ones may be lost, sector by sector', () => {
  const outcomes = new Set<string>()
  for (let seed = 0; seed < 30; seed++) {
    const disk = new MemoryDisk()
    const file = disk.open('a', 'create')
    file.write(0, new Uint8Array(1024).fill(1))
    file.flush()
    file.write(0, new Uint8Array(1024).fill(2))
    disk.powerLoss(new SeededRandom(seed))
    const into = new Uint8Array(1024)
    disk.open('a', 'read').read(0, into)
    outcomes.add(`${into[0]}${into[511]} ${into[512]}${into[1023]}`)
  }
  expect(outcomes).toEqual(new Set(['11 11', '11 22', '22 11', '22 22']))
})
