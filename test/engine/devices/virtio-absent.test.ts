// A virtio device that comes upon an absent page: wherever the page is, the request is carried out
// once, when all of it is there, and by a copy of the device too.

import { describe, expect, test } from 'vitest'
import type { BlockBackend } from '#engine/devices/block-backend.ts'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { VirtioBlock } from '#engine/devices/virtio-block.ts'
import { VirtioMmio } from '#engine/devices/virtio-mmio.ts'
import { Ram } from '../ram.ts'
import { availAt, descriptorsAt, usedAt, VirtioDriver } from './virtio-driver.ts'

const pageBytes = 4096
const pageOf = (at: number) => Math.floor(at / pageBytes)

/** RAM with pages that are not here; it remembers which of them a device waits for. */
class LazyRam extends Ram {
  readonly absent = new Set<number>()
  awaited: number | undefined

  awaits(gpa: number, bytes: number): boolean {
    for (let page = pageOf(gpa - ramGpa); page <= pageOf(gpa - ramGpa + bytes - 1); page++) {
      if (!this.absent.has(page)) continue
      this.awaited = page
      return true
    }
    return false
  }

  override dmaRead(gpa: number, into: Uint8Array): boolean {
    return !this.awaits(gpa, into.length) && super.dmaRead(gpa, into)
  }

  override dmaWrite(gpa: number, from: Uint8Array): boolean {
    return !this.awaits(gpa, from.length) && super.dmaWrite(gpa, from)
  }
}

const diskBytes = 64 * 1024
const [outRequest, flushRequest] = [1, 4]

function board(ram = new LazyRam(1 << 20), done: string[] = []) {
  const backend: BlockBackend = {
    sizeBytes: diskBytes,
    read: () => done.push('read'),
    write: (offset, from) => done.push(`write ${offset}+${from.length} of ${from[0]}`),
    flush: () => done.push('flush'),
    close: () => undefined,
  }
  const block = new VirtioBlock(diskBytes, 'vm-1', () => expect.unreachable('the disk is whole'))
  block.connect(backend)
  const seen = { interrupt: false }
  const device = new VirtioMmio(0, block, ram, (level) => {
    seen.interrupt = level
  })
  return { ram, done, device, seen, driver: new VirtioDriver(device, ram) }
}

const indirectAt = 0x20_000
const [headerAt, bodyAt, statusAt] = [0x30_000, 0x40_000, 0x50_000]

/** Write 2 sectors, in four pages of their own; then flush. Both in indirect tables. */
function twoRequests({ driver, ram }: ReturnType<typeof board>): void {
  const table = (at: number, pieces: readonly [number, number, number][]) => {
    for (const [index, [gpa, bytes, flags]] of pieces.entries()) {
      const next = index + 1 < pieces.length ? 1 : 0
      ram.view.setBigUint64(at + 16 * index, BigInt(ramGpa + gpa), true)
      ram.view.setUint32(at + 16 * index + 8, bytes, true)
      ram.view.setUint16(at + 16 * index + 12, flags | next, true)
      ram.view.setUint16(at + 16 * index + 14, index + 1, true)
    }
  }
  ram.view.setUint32(headerAt, outRequest, true)
  ram.view.setUint32(headerAt + 64, flushRequest, true)
  ram.bytes.fill(7, bodyAt, bodyAt + 1024)
  table(indirectAt, [
    [headerAt, 16, 0],
    [bodyAt, 1024, 0],
    [statusAt, 1, 2],
  ])
  table(indirectAt + 256, [
    [headerAt + 64, 16, 0],
    [statusAt + 1, 1, 2],
  ])
  driver.describe(0, ramGpa + indirectAt, 48, 4)
  driver.describe(1, ramGpa + indirectAt + 256, 32, 4)
  driver.offer(0, false)
  driver.offer(1, false)
}

const served = ['write 0+1024 of 7', 'flush']
const features = (1 << 9) | (1 << 28)
const places = {
  'the available ring': availAt,
  'the descriptors': descriptorsAt,
  'the used ring': usedAt,
  'an indirect table': indirectAt,
  'the header': headerAt,
  'the data': bodyAt,
  'the status': statusAt,
}

describe.each(Object.entries(places))('%s absent', (_what, at) => {
  test('both requests are carried out once, when it has come', () => {
    const made = board()
    const { driver, ram, done, device, seen } = made
    driver.start(features)
    twoRequests(made)
    ram.absent.add(pageOf(at))
    driver.set(0x50, 0)
    expect([ram.awaited, done, driver.used, seen.interrupt]).toEqual([pageOf(at), [], 0, false])
    device.serveAgain()
    expect([done, driver.used]).toEqual([[], 0])
    ram.absent.clear()
    device.serveAgain()
    device.serveAgain()
    expect([done, driver.used, seen.interrupt]).toEqual([served, 2, true])
    expect(ram.bytes.slice(statusAt, statusAt + 2)).toEqual(Uint8Array.of(0, 0))
  })

  test('a copy of the device carries on where it was', () => {
    const made = board()
    const { driver, ram, done, device } = made
    driver.start(features)
    twoRequests(made)
    ram.absent.add(pageOf(at))
    driver.set(0x50, 0)
    const copy = board(ram, done)
    copy.device.restore(device.capture())
    ram.absent.clear()
    copy.device.serveAgain()
    expect([done, driver.used, copy.seen.interrupt]).toEqual([served, 2, true])
  })
})

test('what was given back before an absent page was met is told, and not done again', () => {
  const made = board()
  const { driver, ram, done, device, seen } = made
  driver.start(features)
  twoRequests(made)
  driver.describe(1, ramGpa + indirectAt + pageBytes, 32, 4)
  ram.bytes.copyWithin(indirectAt + pageBytes, indirectAt + 256, indirectAt + 288)
  ram.absent.add(pageOf(indirectAt + pageBytes))
  driver.set(0x50, 0)
  expect([done, driver.used, seen.interrupt]).toEqual([served.slice(0, 1), 1, true])
  ram.absent.clear()
  device.serveAgain()
  expect([done, driver.used]).toEqual([served, 2])
})

test('a reset driver is not served what the one before had offered', () => {
  const made = board()
  const { driver, ram, done, device } = made
  driver.start(features)
  twoRequests(made)
  ram.absent.add(pageOf(headerAt))
  driver.set(0x50, 0)
  driver.set(0x70, 0)
  ram.absent.clear()
  device.serveAgain()
  expect(done).toEqual([])
})
