// The destination alone: what it makes of a source that is late, wrong, silent or hostile.

import { describe, expect, test } from 'vitest'
import {
  beginDestination,
  type DestinationEffect,
  type DestinationInput,
  stepDestination,
} from '#node-agent/migration/destination.ts'
import { pagesLostMsMax, silenceMsMax } from '#node-agent/migration/protocol.ts'
import { fault } from '#proto/faults.ts'
import { asMigrationId } from '#proto/ids.ts'
import type { Final, Offer, SourceMessage } from '#proto/messages.ts'
import { planOf } from './two-ends.ts'

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never

const hash = '0123456789abcdef'
const migrationId = planOf('migrate').migrationId

const noted = (effects: readonly DestinationEffect[]): string[] =>
  effects.flatMap((effect) => {
    if (effect.do === 'wake-at') return []
    if (effect.do === 'send')
      return effect.message.t === 'abort'
        ? [`abort ${effect.message.fault.code}`]
        : effect.message.t
    return effect.do === 'close' ? `close ${effect.reason}` : effect.do
  })

function destination(more: Partial<Offer> = {}) {
  const { state } = beginDestination({ ...planOf('migrate').offer, ...more }, 0)
  return {
    state,
    feed: (input: WithoutTime<DestinationInput>, nowMs = 0) =>
      noted(stepDestination(state, { ...input, nowMs } as DestinationInput)),
    hear: (message: SourceMessage, nowMs = 0) =>
      noted(stepDestination(state, { on: 'message', message, nowMs })),
  }
}

const roundEnd = (round: number, frames: number) =>
  ({ t: 'round-end', migrationId, round, frames }) as const
const final = (more: Partial<Final> = {}): Final => ({
  ...{ t: 'final', migrationId, round: 0, frames: 0, sections: [], hash, pausedMs: 1 },
  ...more,
})

function prepared() {
  const ends = destination()
  ends.hear(final())
  expect(ends.feed({ on: 'restored', hash })).toEqual(['become-prepared', 'prepared'])
  return ends
}

describe('pages', () => {
  test('a round is applied when all of its frames are stored', () => {
    const { feed, hear } = destination()
    feed({ on: 'frame' })
    feed({ on: 'frame' })
    expect(hear(roundEnd(0, 2))).toEqual(['round-applied'])
    feed({ on: 'frame' })
    expect(hear(roundEnd(1, 1))).toEqual(['round-applied'])
  })

  test('over several links, the word behind frames waits for those that it has overtaken', () => {
    const { feed, hear, state } = destination()
    feed({ on: 'joined' })
    feed({ on: 'frame' })
    expect(hear(roundEnd(0, 3))).toEqual([])
    expect(feed({ on: 'frame' })).toEqual([])
    expect(feed({ on: 'frame' })).toEqual(['round-applied'])
    expect(hear(final({ round: 1, frames: 1 }))).toEqual([])
    expect(feed({ on: 'frame' })).toEqual(['restore'])
    expect(state.phase).toBe('restoring')
  })

  test('what waits there is given up with the migration, or by silence, or by another word', () => {
    const waiting = () => {
      const ends = destination()
      ends.feed({ on: 'joined' })
      ends.hear(roundEnd(0, 3))
      return ends
    }
    const abort = { t: 'abort', migrationId, fault: fault('cancelled', 'no more') } as const
    expect(waiting().hear(abort)).toEqual(['discard', 'close cancelled'])
    expect(waiting().feed({ on: 'woken' }, silenceMsMax)).toContain('abort timed-out')
    expect(waiting().hear(roundEnd(0, 4))).toContain('abort bad-message')
    expect(waiting().hear(roundEnd(1, 0))).toContain('abort bad-frame')
  })

  test('a frame that is missing ends it', () => {
    const { feed, hear } = destination()
    feed({ on: 'frame' })
    expect(hear(roundEnd(0, 2))).toEqual(['abort bad-frame', 'discard', 'close bad-frame'])
  })

  test('a failure here is told to the source before the copy goes', () => {
    const { feed } = destination()
    const failure = fault('disk-failed', 'the layer is missing')
    expect(feed({ on: 'failed', fault: failure })).toEqual([
      'abort disk-failed',
      'discard',
      'close disk-failed',
    ])
  })

  test('a frame that was refused ends it', () => {
    const { feed } = destination()
    const fault = { code: 'bad-frame', message: 'damaged' } as const
    expect(feed({ on: 'frame', fault })).toEqual(['abort bad-frame', 'discard', 'close bad-frame'])
  })

  test('a frame behind the last one is out of place', () => {
    const { feed, hear } = destination()
    hear(final())
    expect(feed({ on: 'frame' })[0]).toBe('abort bad-message')
  })
})

describe('a copy that lacks pages', () => {
  const missing = new Uint8Array(planOf('migrate').offer.pageCount / 8).fill(1)
  const pagesLost = fault('pages-lost', 'its source is gone')

  function starting() {
    const ends = destination()
    ends.hear(final({ missing }))
    ends.feed({ on: 'restored', hash })
    expect(ends.hear({ t: 'run', migrationId })).toEqual(['start'])
    return ends
  }

  test('does not wait for ever for a source that it lost while it was being started', () => {
    const { feed, state } = starting()
    feed({ on: 'link-closed', reason: 'gone' }, 1000)
    const started = stepDestination(state, { on: 'started', nowMs: 1500 })
    expect(started).toContainEqual({ do: 'wake-at', atMs: 1000 + pagesLostMsMax })
    expect(feed({ on: 'woken' }, 1000 + pagesLostMsMax)).toEqual(['lose', 'close pages-lost'])
  })

  test('is lost when its source was said to be gone while it was being started', () => {
    const { feed } = starting()
    expect(feed({ on: 'source-lost', fault: pagesLost })).toEqual([])
    expect(feed({ on: 'started' })).toEqual(['lose', 'close pages-lost'])
  })

  test('that runs is not thrown away for a word that is out of place', () => {
    const offer: SourceMessage = planOf('migrate').offer
    const { feed, hear, state } = starting()
    expect(feed({ on: 'started' })).toEqual(['running'])
    expect(hear(offer)).toEqual(['close bad-message'])
    expect(hear({ t: 'run', migrationId: asMigrationId('m9') })).toEqual(['close bad-message'])
    expect(hear({ t: 'run', migrationId })).toEqual([])
    expect(state.phase).toBe('paging')
    feed({ on: 'link-closed', reason: 'bad-message' })
    expect(feed({ on: 'reconnected' })).toEqual(['running', 'ask-again'])
  })
})

describe('the switchover', () => {
  test('run comes only after prepared; before it, it is no permit', () => {
    const { hear } = destination()
    expect(hear({ t: 'run', migrationId })).toEqual([
      'abort bad-message',
      'discard',
      'close bad-message',
    ])
  })

  test('a permit of another migration is none', () => {
    const { hear, state } = prepared()
    expect(hear({ t: 'run', migrationId: 'other' as typeof migrationId })[0]).toMatch(/^abort/)
    expect(state.phase).toBe('ended')
  })

  test('verify full compares the RAM too, and wants to be told its hash', () => {
    expect(destination({ verify: 'full' }).hear(final())[0]).toBe('abort bad-message')
    const { hear, feed } = destination({ verify: 'full' })
    expect(hear(final({ ramHash: hash }))).toEqual(['restore'])
    expect(feed({ on: 'restored', hash, ramHash: 'ffffffffffffffff' })[0]).toBe(
      'abort hash-mismatch',
    )
  })

  test('a prepared copy outlives its link and any silence, but not an abort', () => {
    const lost = prepared()
    expect(lost.feed({ on: 'link-closed', reason: 'cut' })).toEqual([])
    expect(lost.feed({ on: 'woken' }, 10 * silenceMsMax)).toEqual([])
    expect(lost.state.phase).toBe('prepared')
    const fault = { code: 'cancelled', message: 'asked' } as const
    expect(prepared().hear({ t: 'abort', migrationId, fault })).toEqual([
      'discard',
      'close cancelled',
    ])
  })

  test('what was told to run does not listen to an abort any more', () => {
    const { hear, feed } = prepared()
    expect(hear({ t: 'run', migrationId })).toEqual(['start'])
    const fault = { code: 'cancelled', message: 'late' } as const
    expect(hear({ t: 'abort', migrationId, fault })).toEqual([])
    expect(feed({ on: 'link-closed', reason: 'cut' })).toEqual([])
    expect(feed({ on: 'started' })).toEqual(['running'])
  })
})

test('a source that falls silent is given up; one that sends is not', () => {
  const { feed } = destination()
  feed({ on: 'frame' }, silenceMsMax - 1)
  expect(feed({ on: 'woken' }, silenceMsMax)).toEqual([])
  expect(feed({ on: 'woken' }, 2 * silenceMsMax - 1)).toEqual([
    'abort timed-out',
    'discard',
    'close timed-out',
  ])
})

test('an incomplete copy does not outlive its link', () => {
  expect(destination().feed({ on: 'link-closed', reason: 'cut' })).toEqual([
    'discard',
    'close link-lost',
  ])
})
