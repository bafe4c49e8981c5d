// A disk that fails when it is told to: what it refuses, what it keeps, and that it is as well as
// before once it is told so.

import { expect, test } from 'vitest'
import { type DiskFaults, faultyDisk, noDiskFaults, SharedDiskFaults } from '#env/faulty-disk.ts'
import { MemoryDisk } from '#env/memory.ts'

function broken() {
  const is = { now: noDiskFaults as DiskFaults }
  const told: string[] = []
  const disk = faultyDisk(
    new MemoryDisk(),
    () => is.now,
    ({ code }) => told.push(code),
  )
  const file = disk.open('a', 'create')
  file.write(0, Uint8Array.of(1, 2, 3))
  const break_ = (faults: Partial<DiskFaults>) => {
    is.now = { ...noDiskFaults, ...faults }
  }
  const content = () => {
    const bytes = new Uint8Array(4)
    file.read(0, bytes)
    return [...bytes]
  }
  return { disk, file, told, break_, content }
}

test('reads that fail: of open files and of others; writes go on', () => {
  const { disk, file, told, break_, content } = broken()
  break_({ reads: true })
  expect(content).toThrow(/^EIO: .*reading a$/)
  expect(() => disk.open('a', 'read')).toThrow(/EIO/)
  file.write(0, Uint8Array.of(9))
  file.flush()
  break_({})
  expect(content()).toEqual([9, 2, 3, 0])
  expect(told).toEqual(['EIO', 'EIO'])
})

test('writes that fail: flushes, new files and new names too; what was written stays', () => {
  const { disk, file, break_, content } = broken()
  break_({ writes: true })
  expect(() => file.write(0, Uint8Array.of(9))).toThrow(/^EIO: .*writing a$/)
  expect(() => file.flush()).toThrow(/flushing a$/)
  expect(() => disk.open('b', 'create')).toThrow(/making b$/)
  expect(() => disk.rename('a', 'c')).toThrow(/EIO/)
  expect(() => disk.remove('a')).toThrow(/EIO/)
  expect(content()).toEqual([1, 2, 3, 0])
  expect(disk.list()).toEqual(['a'])
})

test('one that is full replaces bytes, and makes nothing longer', () => {
  const { disk, file, told, break_, content } = broken()
  break_({ isFull: true })
  file.write(0, Uint8Array.of(9))
  file.flush()
  expect(() => file.write(3, Uint8Array.of(4))).toThrow(/^ENOSPC: no space left on the disk/)
  expect(() => disk.open('b', 'create')).toThrow(/ENOSPC/)
  disk.open('a', 'create').close()
  disk.remove('a')
  expect(told).toEqual(['ENOSPC', 'ENOSPC'])
  break_({})
  file.write(3, Uint8Array.of(4))
  expect(content()).toEqual([9, 2, 3, 4])
})

test('what one thread says of it, all others see', () => {
  const one = new SharedDiskFaults()
  const other = new SharedDiskFaults(one.buffer)
  expect(other.now).toEqual(noDiskFaults)
  for (const reads of [false, true])
    for (const writes of [false, true])
      for (const isFull of [false, true]) {
        one.change({ reads, writes, isFull })
        expect(other.now).toEqual({ reads, writes, isFull })
      }
})
