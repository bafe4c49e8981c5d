// What a terminal shows at once of a text that is drawn in place.

import { expect, test } from 'vitest'
import { screenText } from '#cli/screen-text.ts'

const screen = { columns: 10, rows: 4 }

test('a text that fits is left as it is', () => {
  const text = 'NODE PHASE\nn1  online\n'
  expect(screenText(text, screen)).toBe(text)
})

test('a line is cut at the right edge, and says so', () => {
  expect(screenText('n1  online   3', screen)).toBe('n1  onlin…')
})

test('of too many lines the first ones are kept, above the row of the cursor', () => {
  expect(screenText('one\ntwo\nthree\nfour', screen)).toBe('one\ntwo\n…')
})

test('colours take no room, and end where they did', () => {
  const green = '\x1b[32m'
  const plain = '\x1b[39m'
  expect(screenText(`n1  ${green}online${plain}`, screen)).toBe(`n1  ${green}online${plain}`)
  expect(screenText(`n1  ${green}suspect${plain} 3`, screen)).toBe(`n1  ${green}suspe${plain}…`)
})
