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
