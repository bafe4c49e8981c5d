import { describe, expect, test } from 'vitest'
import { keyCodeOf, keyOfLetter, shiftCode } from '#dashboard/key-codes.ts'

describe('keys of a browser', () => {
  test.each([
    ['Escape', 1],
    ['Digit0', 11],
    ['Backspace', 14],
    ['Enter', 28],
    ['KeyA', 30],
    ['ShiftLeft', 42],
    ['Slash', 53],
    ['Space', 57],
    ['F10', 68],
    ['Numpad0', 82],
    ['IntlBackslash', 86],
    ['F12', 88],
    ['NumpadEnter', 96],
    ['AltRight', 100],
    ['ArrowUp', 103],
    ['ArrowRight', 106],
    ['Delete', 111],
    ['MetaLeft', 125],
  ])('%s is the kernel’s %i', (code, number) => {
    expect(keyCodeOf(code)).toBe(number)
  })

  test('what a guest has no key for is none', () => {
    for (const code of ['', '-', 'LaunchMail', 'KeyÄ']) expect(keyCodeOf(code)).toBeUndefined()
  })
})

describe('letters', () => {
  test('are written by the keys of a US keyboard, shifted where they must be', () => {
    expect(keyOfLetter('a')).toEqual({ code: 30, shift: false })
    expect(keyOfLetter('A')).toEqual({ code: 30, shift: true })
    expect(keyOfLetter('?')).toEqual({ code: 53, shift: true })
    expect(keyOfLetter(' ')).toEqual({ code: 57, shift: false })
    expect(keyOfLetter('\n')).toEqual({ code: 28, shift: false })
    expect(keyOfLetter('\b')).toEqual({ code: 14, shift: false })
  })

  test('every printable letter of ASCII has a key, and none is shift itself', () => {
    for (let code = 32; code < 127; code++) {
      const key = keyOfLetter(String.fromCharCode(code))
      expect(key?.code).toBeGreaterThan(0)
      expect(key?.code).not.toBe(shiftCode)
    }
    for (const letter of ['é', '\0', '€']) expect(keyOfLetter(letter)).toBeUndefined()
  })
})
