// Quantities as people read them: the unit always there, never more digits than mean something.
import { expect, test } from 'vitest'
import {
  bar,
  bytesText,
  countText,
  mibText,
  mipsText,
  msText,
  percentText,
} from '#proto/quantity.ts'

test.each([
  [bytesText(0), '0 B'],
  [bytesText(999), '999 B'],
  [bytesText(999_960), '1 MB'],
  [bytesText(999_400), '999 kB'],
  [msText(999.98), '1 s'],
  [msText(999.4), '999 ms'],
  [bytesText(1234), '1.2 kB'],
  [bytesText(38_600_000), '38.6 MB'],
  [bytesText(271_000_000), '271 MB'],
  [bytesText(4_310_000_000), '4.3 GB'],
  [msText(0), '0 ms'],
  [msText(9.14), '9.1 ms'],
  [msText(412.7), '413 ms'],
  [msText(2500), '2.5 s'],
  [countText(12_345.6), '12,346'],
  [percentText(37.4), '37 %'],
  [mibText(1024), '1,024 MiB'],
  [mipsText(0.31), '0.3 MIPS'],
])('%s', (text, expected) => expect(text).toBe(expected))

test('a bar is never longer or shorter than it is wide', () => {
  expect([-1, 0, 0.5, 1, 7].map((part) => bar(part, 4))).toEqual([
    '░░░░',
    '░░░░',
    '██░░',
    '████',
    '████',
  ])
})
