// What is expected of typists: each judge holds, and each can find that it does not.

import { describe, expect, test } from 'vitest'
import { judgeOf } from '#scenarios/runner/judges.ts'
import type { TypistFindings } from '#scenarios/typist.ts'

const good: TypistFindings = {
  ...{ keys: 40, frames: 50, frameBytes: 9000, waitMsMax: 120 },
  ...{ text: 'x'.repeat(40), differsAt: undefined, isShown: true },
}
const items = {
  'typed-in-order': { expect: 'typed-in-order', typist: 'anna' },
  'some-keys': { expect: 'some-keys', typist: 'anna', min: 40 },
  'screen-shown': { expect: 'screen-shown', typist: 'anna' },
  'screen-waits': { expect: 'screen-waits', typist: 'anna', 'at-most': 120 },
} as const
type Kind = keyof typeof items

function verdictOf(kind: Kind, found: Partial<TypistFindings> | undefined) {
  const typists = new Map(found ? [['anna', { ...good, ...found }]] : [])
  const none = { view: {} as never, isBlind: false, clients: new Map(), identities: new Map() }
  const closing = { ...none, typists }
  return judgeOf(items[kind])({ kind: 'closing', closing })?.verdict
}

describe('a typist', () => {
  test.each(Object.keys(items) as Kind[])('%s holds of one who found all well', (kind) => {
    expect(verdictOf(kind, {})).toBe('held')
  })

  test.each<[Kind, Partial<TypistFindings>]>([
    ['typed-in-order', { differsAt: 3 }],
    ['typed-in-order', { text: undefined }],
    ['typed-in-order', { keys: 0, text: '' }],
    ['some-keys', { keys: 39 }],
    ['screen-shown', { isShown: false }],
    ['screen-shown', { frames: 0 }],
    ['screen-waits', { waitMsMax: 121 }],
    ['screen-waits', { frames: 0, waitMsMax: 0 }],
  ])('%s is broken by %o', (kind, found) => {
    expect(verdictOf(kind, found)).toBe('broken')
  })

  test.each(Object.keys(items) as Kind[])('%s is broken when nobody typed', (kind) => {
    expect(verdictOf(kind, undefined)).toBe('broken')
  })
})
