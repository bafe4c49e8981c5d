// What keeps a machine from going on elsewhere is said before its first page, all of it, by name.

import { expect, test } from 'vitest'
import { incompatible, machineKind } from '#node-agent/migration/compatibility.ts'

const here = machineKind([
  { kind: 'hart', version: 2 },
  { kind: 'uart', version: 1 },
])

test('a machine of the same kind fits, and so does one with a smaller CPU', () => {
  expect(incompatible(here, here)).toBeUndefined()
  expect(incompatible({ ...here, isa: ['i', 'm'] }, here)).toBeUndefined()
})

test('extensions, clock, and sections are told together', () => {
  const offered = {
    isa: [...here.isa, 'v', 'zicbom'],
    timebaseHz: 1,
    sections: [
      { kind: 'hart', version: 3 },
      { kind: 'gpu', version: 1 },
    ],
  }
  const refused = incompatible(offered, here)
  expect(refused?.code).toBe('incompatible')
  for (const part of [
    'v, zicbom',
    '1 ticks',
    'hart has version 3',
    'gpu is unknown',
    'no section uart',
  ])
    expect(refused?.message).toContain(part)
})
