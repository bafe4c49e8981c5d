// What is typed at a console while the coordinator is away.

import { expect, test } from 'vitest'
import { KeptInput, keptBytesMax, type Waiting } from '#dashboard/kept-input.ts'

function typing() {
  const link = { isUp: true }
  const sent: string[] = []
  const said: Waiting[] = []
  const input = new KeptInput(
    (bytes) => {
      if (link.isUp) sent.push(new TextDecoder().decode(bytes))
      return link.isUp
    },
    (waiting) => said.push(waiting),
  )
  const type = (text: string) => input.type(new TextEncoder().encode(text))
  return { link, sent, said, input, type }
}

test('goes out at once while it is there, and nothing is said', () => {
  const { sent, said, type } = typing()
  expect(type('ls')).toBe(true)
  expect(sent).toEqual(['ls'])
  expect(said).toEqual([])
})

test('is kept while it is away, and sent once and in order when it is back', () => {
  const { link, sent, said, input, type } = typing()
  link.isUp = false
  type('l')
  type('s\n')
  expect(said.at(-1)).toEqual({ keptBytes: 3, lostBytes: 0 })
  link.isUp = true
  input.comeBack()
  input.comeBack()
  type('w\n')
  expect(sent).toEqual(['l', 's\n', 'w\n'])
  expect(said.at(-1)).toEqual({ keptBytes: 0, lostBytes: 0 })
})

test('that finds no room is lost, and said to be; what was kept before is not', () => {
  const { link, sent, said, input, type } = typing()
  link.isUp = false
  expect(type('x'.repeat(keptBytesMax))).toBe(true)
  expect(type('yy')).toBe(false)
  expect(said.at(-1)).toEqual({ keptBytes: keptBytesMax, lostBytes: 2 })
  link.isUp = true
  input.comeBack()
  expect(sent.join('')).toBe('x'.repeat(keptBytesMax))
})

test('is kept on when it was back for no longer than a moment', () => {
  const { link, sent, input, type } = typing()
  link.isUp = false
  type('a')
  input.comeBack()
  link.isUp = true
  input.comeBack()
  expect(sent).toEqual(['a'])
})
