// Guests that program their network card at random, while frames come for them: the machine goes
// on or stops by name, and what leaves it is Ethernet, in bounds.

import { expect, test } from 'vitest'
import { netSlot } from '#engine/devices/memory-map.ts'
import { dice, hostileProgram } from './hostile-program.ts'
import { emptyRig } from './machine-rig.ts'

const framesMaxOfSlice = 320

test('law: whatever a guest does to its card, nothing throws and nothing grows', () => {
  let sent = 0
  for (let seed = 1; seed <= 60; seed++) {
    const { machine } = emptyRig('', { network: true })
    machine.boot({
      kernel: hostileProgram(seed, { slot: netSlot, queue: seed % 2, dataBytes: 128 }),
    })
    machine.resume()
    const roll = dice(seed)
    for (let slice = 0; slice < 8; slice++) {
      const frames = Array.from({ length: roll(300) }, () => new Uint8Array(14 + roll(1505)))
      expect(machine.net?.receive(frames)).toBeLessThanOrEqual(256)
      const { kind } = machine.run(20_000)
      const out = machine.net?.takeFrames() ?? []
      sent += out.length
      expect(out.length, `seed ${seed}`).toBeLessThanOrEqual(framesMaxOfSlice)
      for (const { length } of out) expect(length >= 14 && length <= 1518).toBe(true)
      if (kind === 'stopped') break
    }
    machine.pause()
    if (machine.end === undefined) expect(machine.capture().length).toBeGreaterThan(5)
  }
  // Some of what they do makes sense, or the rest would prove little.
  expect(sent).toBeGreaterThan(100)
})
