// Lines that are wider than the terminal: they go on where a reader looks, and lose nothing.

import { stripVTControlCharacters, styleText } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { folded } from '#cli/folded.ts'

test('what fits stays as it is', () => {
  const text = 'VM     PHASE    NODE\nstore  running  n1'
  expect(folded(text, 20)).toBe(text)
})

test('a story goes on under its own column', () => {
  const line = '16:07:20.185  the migration of store from n1 to n2 is queued (operator)'
  expect(folded(line, 50)).toBe(
    [
      '16:07:20.185  the migration of store from n1 to n2',
      '              is queued (operator)',
    ].join('\n'),
  )
})

test('a last column without room for words begins below', () => {
  const line = '  ✗ broken  store runs again within 1 s of "killed"  it is running on a'
  expect(folded(line, 60)).toBe(
    ['  ✗ broken  store runs again within 1 s of "killed"  it is', '            running on a'].join(
      '\n',
    ),
  )
})

test('a table with many columns goes on at the left', () => {
  const line = 'm3  migrate  walker  n2  n3  done  3  18.9 MB  322 ms  27.3 ms  operator  -'
  expect(folded(line, 60)).toBe(
    'm3  migrate  walker  n2  n3  done  3  18.9 MB  322 ms  27.3\n    ms  operator  -',
  )
})

test('a sentence goes on a little to the right, and a word is never broken', () => {
  expect(folded('Reports: /a/very/long/path/to/the/reports/of/my-shop.html', 40)).toBe(
    'Reports:\n    /a/very/long/path/to/the/reports/of/my-shop.html',
  )
})

test('colours take no room, and nothing but blanks is lost', () => {
  const word = fc.stringMatching(/^[a-z]{1,12}$/)
  const words = fc.array(fc.tuple(word, fc.boolean(), fc.integer({ min: 1, max: 4 })), {
    minLength: 1,
    maxLength: 30,
  })
  fc.assert(
    fc.property(words, fc.integer({ min: 30, max: 100 }), (parts, columns) => {
      const text = parts
        .map(
          ([one, isRed, gap]) =>
            (isRed ? styleText('red', one, { validateStream: false }) : one) + ' '.repeat(gap),
        )
        .join('')
        .trimEnd()
      const lines = stripVTControlCharacters(folded(text, columns)).split('\n')
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns)
      expect(lines.join(' ').split(/\s+/)).toEqual(parts.map(([one]) => one))
    }),
  )
})
