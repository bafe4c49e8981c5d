// HTIF by its description in riscv-isa-sim: what a program puts into `tohost`, and what comes of
// it.

import { describe, expect, test } from 'vitest'
import type { GuestEnd } from '#engine/devices/finisher.ts'
import { Htif } from '#engine/devices/htif.ts'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { Ram } from '../ram.ts'

const place = { toHostGpa: ramGpa + 0x100, fromHostGpa: ramGpa + 0x140 }
const callGpa = ramGpa + 0x200
const textGpa = ramGpa + 0x300

function watched() {
  const ram = new Ram(1 << 16)
  const ends: GuestEnd[] = []
  let text = ''
  const htif = new Htif({
    dmaRead: (gpa, into) => ram.dmaRead(gpa, into),
    dmaWrite: (gpa, from) => ram.dmaWrite(gpa, from),
    write: (byte) => {
      text += String.fromCharCode(byte)
    },
    end: (end) => ends.push(end),
  })
  htif.watch(place)
  const put = (gpa: number, ...words: bigint[]) =>
    ram.dmaWrite(gpa, new Uint8Array(BigInt64Array.from(words).buffer))
  const get = (gpa: number) => {
    const bytes = new Uint8Array(8)
    ram.dmaRead(gpa, bytes)
    return new DataView(bytes.buffer).getBigInt64(0, true)
  }
  return { htif, ends, put, get, text: () => text, ram }
}

describe('the end of a program', () => {
  test('1 is a good one', () => {
    const { htif, ends, put, get } = watched()
    put(place.toHostGpa, 1n)
    htif.poll()
    expect(ends).toMatchObject([{ reason: 'shut-down' }])
    expect(get(place.toHostGpa)).toBe(0n)
  })

  test('any other odd number is a failure, which is told by both numbers', () => {
    const { htif, ends, put } = watched()
    put(place.toHostGpa, 11n)
    htif.poll()
    expect(ends).toEqual([
      { reason: 'crashed', detail: 'The program failed with code 5 (tohost 11).' },
    ])
  })

  test('the system call exit says the same', () => {
    const { htif, ends, put } = watched()
    put(callGpa, 93n, 3n)
    put(place.toHostGpa, BigInt(callGpa))
    htif.poll()
    expect(ends[0]?.detail).toContain('code 3 (tohost 7)')
  })

  test('nothing asked, nothing done', () => {
    const { htif, ends, text } = watched()
    htif.poll()
    expect([ends, text()]).toEqual([[], ''])
  })
})

describe('its text', () => {
  test('comes by characters', () => {
    const { htif, put, text } = watched()
    for (const letter of 'ok') {
      put(place.toHostGpa, (1n << 56n) | (1n << 48n) | BigInt(letter.charCodeAt(0)))
      htif.poll()
    }
    expect(text()).toBe('ok')
  })

  test('or by the system call write, whose answer is how much was written', () => {
    const { htif, put, get, ram, text } = watched()
    ram.dmaWrite(textGpa, new TextEncoder().encode('passed\n'))
    put(callGpa, 64n, 1n, BigInt(textGpa), 7n)
    put(place.toHostGpa, BigInt(callGpa))
    htif.poll()
    expect(text()).toBe('passed\n')
    expect([get(callGpa), get(place.fromHostGpa)]).toEqual([7n, 1n])
  })

  test('a call that is not served, or leads out of RAM, is answered so', () => {
    const { htif, put, get, text } = watched()
    for (const call of [[56n], [64n, 1n, 0x1000n, 8n], [64n, 5n, BigInt(textGpa), 1n]]) {
      put(callGpa, ...call)
      put(place.toHostGpa, BigInt(callGpa))
      htif.poll()
      expect(get(callGpa)).toBe(-38n)
    }
    expect(text()).toBe('')
  })
})

test('where the words are travels with the VM', () => {
  const [source, copy] = [watched(), watched()]
  copy.htif.watch(undefined)
  copy.htif.restore(source.htif.capture())
  copy.put(place.toHostGpa, 1n)
  copy.htif.poll()
  expect(copy.ends).toHaveLength(1)
  source.htif.watch(undefined)
  expect(source.htif.capture().bytes).toEqual(new Uint8Array(16))
})
