// An image that is put into RAM piece by piece ahead of its boot boots as one that is put at once.

import { expect, test } from 'vitest'
import { longPieces } from '#engine/boot-plan.ts'
import { emptyRig, guestImage } from './machine-rig.ts'

const mib = 1 << 20
const noise = (bytes: number) =>
  Uint8Array.from({ length: bytes }, (_, i) => (i * 2654435761) >>> 13)
const image = { kernel: guestImage, initrd: noise(3 * mib + 5000) }
const args = 'workload=check mib=1 rate=100'

test('nothing of a short image is loaded ahead', () => {
  const { config } = emptyRig(args)
  expect([...longPieces({ kernel: guestImage }, config)]).toEqual([])
})

test('pieces follow each other, each short, and are the whole disk', () => {
  const { config } = emptyRig(args)
  const pieces = [...longPieces(image, config)]
  expect(pieces.map(({ bytes }) => bytes.length)).toEqual([mib, mib, mib, 5000])
  for (const [i, { gpa }] of pieces.entries()) expect(gpa).toBe((pieces[0]?.gpa ?? 0) + i * mib)
  expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).equals(image.initrd)).toBe(true)
})

test('the machine is the same, and runs alike', () => {
  const [atOnce, byPieces] = [emptyRig(args), emptyRig(args)]
  atOnce.machine.boot(image)
  for (const piece of longPieces(image, byPieces.config)) byPieces.machine.load(piece)
  byPieces.machine.boot(image, true)
  expect(byPieces.ram.fullHash()).toBe(atOnce.ram.fullHash())
  for (const rig of [atOnce, byPieces]) {
    rig.machine.resume()
    rig.runUntil('check ok')
  }
  expect(byPieces.machine.retired).toBe(atOnce.machine.retired)
  expect(byPieces.ram.fullHash()).toBe(atOnce.ram.fullHash())
})
