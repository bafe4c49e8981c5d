// What is pasted at a screen becomes keys, a few in each frame, and whoever pasted is told what did
// not.
import { expect, test } from 'vitest'
import {
  lettersPerFrame,
  PastedText,
  pastedLettersMax,
  pastedText,
} from '#dashboard/pasted-text.ts'

/** Frame by frame. */
function frames(text: PastedText): number[] {
  const lengths: number[] = []
  for (let keys = text.next(); keys.length > 0; keys = text.next()) {
    lengths.push(keys.length)
    text.drop(keys.length)
  }
  return lengths
}

test('letters are typed a few in each frame, in order, with shift where it is needed', () => {
  const text = new PastedText()
  text.add('aB')
  text.add('\r\n!'.repeat(2))
  expect(text.next()).toEqual([
    { code: 30, shift: false },
    { code: 48, shift: true },
    { code: 28, shift: false },
    { code: 2, shift: true },
  ])
  expect(frames(text)).toEqual([lettersPerFrame, 2])
})

test('a frame in which nothing could be sent is offered again', () => {
  const text = new PastedText()
  text.add('ab')
  expect(text.next()).toEqual(text.next())
})

test('what no key writes, and what is too much, is counted and told', () => {
  const text = new PastedText()
  expect(text.add('Zoë 🐦')).toEqual({ typed: 3, strange: 2, over: 0 })
  const told = text.add('x'.repeat(pastedLettersMax))
  expect(told).toEqual({ typed: pastedLettersMax - 3, strange: 0, over: 3 })
  expect(pastedText(told)).toBe(
    'Typing 2997 letters; 3 letters left out: at most 3000 are typed at once.',
  )
  expect(pastedText({ typed: 0, strange: 1, over: 0 })).toBe(
    'Nothing is typed; 1 letter left out: no key of a US keyboard writes it.',
  )
  expect(frames(text).reduce((sum, count) => sum + count)).toBe(pastedLettersMax)
})
