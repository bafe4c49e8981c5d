// News for a coordinator that may be away: nothing is lost, order is kept, a proven arrival is
// forgotten.

import { expect, test } from 'vitest'
import { again, arrived, keep, mark, newOutbox } from '#node-agent/outbox.ts'
import { asCommandId } from '#proto/ids.ts'
import type { Result } from '#proto/messages.ts'

const result = (name: string): Result => ({ t: 'result', commandId: asCommandId(name) })
const names = (news: readonly unknown[]) => news.map((message) => (message as Result).commandId)

test('a heartbeat that was answered proves that what went before it arrived', () => {
  const box = newOutbox()
  keep(box, result('one'))
  mark(box, 5)
  keep(box, result('two'))
  mark(box, 6)
  arrived(box, 4)
  expect(names(again({ ...box, kept: [...box.kept] }))).toEqual(['one', 'two'])
})

test('what was answered is not said again, what was not is, in order', () => {
  const box = newOutbox()
  for (const name of ['one', 'two', 'three']) {
    keep(box, result(name))
    mark(box, name.length)
  }
  arrived(box, 3)
  expect(names(again(box))).toEqual(['three'])
  keep(box, result('four'))
  expect(names(again(box))).toEqual(['three', 'four'])
})

test('a new link begins anew: an answer to an old heartbeat proves nothing for it', () => {
  const box = newOutbox()
  keep(box, result('one'))
  mark(box, 1)
  again(box)
  arrived(box, 1)
  expect(names(again(box))).toEqual(['one'])
})

test('it is bounded: the oldest goes first', () => {
  const box = newOutbox()
  for (let n = 0; n <= 10_000; n++) keep(box, result(`n${n}`))
  expect(box.kept).toHaveLength(10_000)
  expect(names(again(box))[0]).toBe('n1')
  expect(box.dropped).toBe(1)
})
