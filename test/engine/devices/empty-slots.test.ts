// Slots of virtio without a device, by VIRTIO 1.2, 4.2.3.1.1; and that a guest which looks at every
// slot of the map finds just the devices that its VM has.

import { expect, test } from 'vitest'
import { emptySlots } from '#engine/devices/empty-slots.ts'
import { virtioRegion } from '#engine/devices/memory-map.ts'
import { assemble } from '../cpu/assembler.ts'
import { emptyRig } from '../machine-rig.ts'

test('an empty slot is a place for a device of number 0', () => {
  const [slot] = emptySlots([0, 1, 2, 3, 4, 5, 6].map((taken) => [taken, 'device']))
  expect(slot?.region).toEqual(virtioRegion(7))
  expect([0, 4, 8, 0xc, 0x70, 0xffc].map((offset) => slot?.read(offset, 4))).toEqual([
    ...[0x7472_6976, 2, 0, 0x554d_4551, 0, 0],
  ])
  expect(slot?.write(0x70, 4, 1)).toBe(true)
  expect(slot?.read(0, 1)).toBeUndefined()
})

test('a guest that looks at all eight slots finds what there is, and nothing faults', () => {
  const kernel = assemble(0x8020_0000n, (a) => {
    a.la('t0', 'fault')
    a.csrrw('zero', 'stvec', 't0')
    a.li('s0', virtioRegion(0).gpa)
    a.li('s1', virtioRegion(8).gpa)
    a.li('s2', 0x1000_0000)
    a.li('s3', 0x1000)
    a.label('next')
    a.lw('t1', 8, 's0')
    a.addi('t1', 't1', '0'.charCodeAt(0))
    a.sb('t1', 0, 's2')
    a.add('s0', 's0', 's3')
    a.bltu('s0', 's1', 'next')
    a.label('end')
    a.wfi()
    a.jal('zero', 'end')
    a.align(4)
    a.label('fault')
    a.li('t1', '!'.charCodeAt(0))
    a.sb('t1', 0, 's2')
    a.jal('zero', 'end')
  }).bytes
  const { machine, output } = emptyRig('', { network: true })
  machine.boot({ kernel })
  machine.resume()
  machine.run(10_000)
  // No disk; network, random numbers, balloon, console; no screen.
  expect(output()).toBe('01453000')
})
