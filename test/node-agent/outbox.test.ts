// News for a coordinator that may be away: nothing is lost, order is kept, a proven arrival is
// forgotten.

import { describe, expect, test } from 'vitest'
import { again, arrived, keep, mark, newOutbox } from '#node-agent/outbox.ts'
import { asCommandId, asEpoch, asVmId } from '#proto/ids.ts'
import type { Result } from '#proto/messages.ts'
import type { PageLog } from '#proto/page-log.ts'

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

describe('what the coordinator would not take', () => {
  const tookOver = { checkpoint: 3, lostMs: 100, agoMs: 200 }
  const entry = { ms: 1, why: 'fetched', round: 1, encoding: 'raw', bytes: 4096 } as const
  const pageLog: PageLog = {
    ...{ vmId: 'vm1', migrationId: 'm1', pageCount: 1 << 20, isCut: false },
    entries: Array.from({ length: 100_000 }, (_, page) => ({ ...entry, runs: [page, 1] })),
  }
  const fault = { code: 'internal', message: 'x'.repeat(3000) } as const

  test('is said without what is too much of it', () => {
    const box = newOutbox()
    keep(box, { ...result('one'), pageLog, tookOver })
    keep(box, result('two'))
    const inWords = [{ ...result('one'), tookOver }, result('two')]
    expect(again(box)).toEqual(inWords)
    expect(again(box)).toEqual(inWords)
  })

  test('is over all the same, if why cannot be said', () => {
    const box = newOutbox()
    keep(box, { ...result('one'), fault })
    const event = { t: 'vm-event', vmId: asVmId('vm1'), epoch: asEpoch(1) } as const
    keep(box, { ...event, event: 'crashed', fault })
    expect(again(box)).toEqual([
      { ...result('one'), fault: { code: 'internal', message: expect.any(String) } },
      { ...event, event: 'crashed' },
    ])
    expect(box.dropped).toBe(0)
  })

  test('goes when there are no words for it, and ends no link for ever', () => {
    const box = newOutbox()
    keep(box, result('x'.repeat(1000)))
    keep(box, result('two'))
    expect(names(again(box))).toEqual(['two'])
    expect(box.dropped).toBe(1)
  })
})
