// Control characters of others on a terminal: seen, and not obeyed.

import { expect, test } from 'vitest'
import { harmless } from '#cli/harmless-text.ts'

test.each([
  ['it says what it is: é, 猫, –', 'it says what it is: é, 猫, –'],
  ['two\nlines', 'two\nlines'],
  ['\x1b[32mrunning\x1b[39m', '\x1b[32mrunning\x1b[39m'],
  ['clears \x1b[2J', 'clears ␛[2J'],
  ['titles \x1b]0;root\x07', 'titles ␛]0;root␇'],
  ['hides\r\b\x7f\t\0', 'hides␍␈␡␉␀'],
  ['the same in one byte \x9b2J', 'the same in one byte \ufffd2J'],
])('%j is shown as %j', (text, shown) => {
  expect(harmless(text)).toBe(shown)
})
