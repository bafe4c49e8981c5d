// One guest's console at its node.

import { expect, test } from 'vitest'
import { GuestConsole, ringBytesMax } from '#node-agent/console.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (chunk: { readonly bytes: Uint8Array } | undefined) =>
  chunk && new TextDecoder().decode(chunk.bytes)

test('a listener gets what is kept from its offset on, then what comes', () => {
  const console = new GuestConsole()
  console.push(0, bytes('hello '))
  console.sendFrom = 2
  expect(console.next()).toMatchObject({ offset: 2 })
  expect(console.next()).toBeUndefined()
  console.push(6, bytes('world'))
  expect(text(console.next())).toBe('world')
})

test('the ring forgets the oldest; the offset of what is left tells how much', () => {
  const console = new GuestConsole()
  console.push(0, new Uint8Array(ringBytesMax))
  console.push(ringBytesMax, bytes('end'))
  const all = console.since(0)
  expect(all.offset).toBe(3)
  expect(all.bytes).toHaveLength(ringBytesMax)
})

test('law: whatever the sizes of its pieces, the end of the output is kept in order', () => {
  const console = new GuestConsole()
  const all = Uint8Array.from({ length: 400_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff)
  const sizes = [1, 70_000, 3, 65_536, 40_000, 9, 100_000, 65_535, 2]
  for (let at = 0, n = 0; at < all.length; n++) {
    const end = Math.min(at + (sizes[n % sizes.length] ?? 1), all.length)
    console.push(at, all.subarray(at, end))
    at = end
    const { offset, bytes: kept } = console.since(0)
    expect(offset).toBe(Math.max(0, end - ringBytesMax))
    expect(Buffer.compare(kept, all.subarray(offset, end))).toBe(0)
  }
})

test('input during a switchover waits; it is fed in when the VM goes on here', () => {
  const console = new GuestConsole()
  console.freeze()
  expect(console.admit(0, bytes('ls\n'))).toBeUndefined()
  expect(console.thaw().map(text)).toEqual(['ls\n'])
  expect(text(console.admit(3, bytes('pwd\n')))).toBe('pwd\n')
})

test('held input is bounded: what does not fit is not accepted, so it will be sent again', () => {
  const console = new GuestConsole()
  console.freeze()
  console.admit(0, new Uint8Array(60_000))
  console.admit(60_000, new Uint8Array(10_000))
  expect(console.thaw()).toHaveLength(1)
})

test('law: a restored console is the captured one', () => {
  const console = new GuestConsole()
  console.push(7, bytes('some output'))
  console.accepted = 42
  const copy = new GuestConsole()
  copy.restore(console.capture())
  expect(copy.capture()).toEqual(console.capture())
  copy.push(18, bytes('!'))
  expect(text(copy.since(0))).toBe('some output!')
})

test('a section of another version is refused by name', () => {
  const section = { ...new GuestConsole().capture(), version: 2 }
  expect(() => new GuestConsole().restore(section)).toThrow('console-ring version 2')
  const endless = { ...section, version: 1, bytes: new Uint8Array(ringBytesMax + 17) }
  expect(() => new GuestConsole().restore(endless)).toThrow('more output than a console keeps')
  const senseless = { ...section, version: 1, bytes: new Uint8Array(20).fill(0xff) }
  expect(() => new GuestConsole().restore(senseless)).toThrow('no console can reach')
})

test('from hold() on, output and what was accepted are told as far as release() says', () => {
  const console = new GuestConsole()
  console.sendFrom = 0
  console.push(0, bytes('seen'))
  console.accepted = 3
  console.hold()
  expect(text(console.next())).toBe('seen')
  console.push(4, bytes(' kept'))
  console.accepted = 8
  const mark = console.mark()
  console.push(9, bytes(' later'))
  console.accepted = 9
  expect([console.next(), console.acceptedForGood]).toEqual([undefined, 3])
  console.release(mark)
  expect([text(console.next()), console.acceptedForGood]).toEqual([' kept', 8])
  expect(console.next()).toBeUndefined()
  console.open()
  expect([text(console.next()), console.acceptedForGood]).toEqual([' later', 9])
})

test('who begins to listen meanwhile sees no more than others; hold() again holds no more', () => {
  const console = new GuestConsole()
  console.push(0, bytes('seen'))
  console.hold()
  console.push(4, bytes(' held'))
  console.hold()
  console.sendFrom = 0
  expect(text(console.next())).toBe('seen')
  expect(console.next()).toBeUndefined()
})

test('release() without hold() holds nothing back', () => {
  const console = new GuestConsole()
  console.sendFrom = 0
  const mark = console.mark()
  console.push(0, bytes('free'))
  console.release(mark)
  expect(text(console.next())).toBe('free')
})

test('held output that the ring has forgotten is a gap, and nothing newer than the mark is shown', () => {
  const console = new GuestConsole()
  console.sendFrom = 0
  console.hold()
  console.push(0, bytes('old'))
  const mark = console.mark()
  console.push(3, new Uint8Array(ringBytesMax + 10).fill(120))
  console.release(mark)
  expect(console.next()?.bytes).toHaveLength(0)
  console.open()
  expect(console.next()).toMatchObject({ offset: 13 })
})

test('a section holds what was said, whether it may be told or not', () => {
  const console = new GuestConsole()
  console.hold()
  console.push(0, bytes('held'))
  const copy = new GuestConsole()
  copy.sendFrom = 0
  copy.restore(console.capture())
  expect(text(copy.next())).toBe('held')
})
