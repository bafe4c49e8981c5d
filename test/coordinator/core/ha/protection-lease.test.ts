// Whether the lease of its node covers a VM, as its protection is changed while it runs: what the
// coordinator counts on.

import { expect, test } from 'vitest'
import { started, stateOf } from '../story.ts'
import { idOf, level, sent, syncing, vmOf } from './replica-story.ts'

const unleased = { ha: false }

test('a VM that none covers has none until its node says so', () => {
  const story = syncing('restart', {}, unleased)
  expect(sent(story, 'set-lease')).toEqual([expect.stringContaining('set-lease a@1 true')])
  expect(vmOf(story)?.spec.ha).toBe(false)
  story.passWith(250, { n1: ['a@1 running leased'], n2: [] })
  story.result('n1', idOf(story, 'set-lease'))
  story.passWith(250, { n1: ['a@1 running leased'], n2: [] })
  expect(vmOf(story)?.spec.ha).toBe(true)
})

test('from the moment it may have been told that none covers it, none is waited for', () => {
  const story = started()
  level(story, 'none')
  story.passWith(250, { n1: ['a@1 running leased'], n2: [] })
  expect(sent(story, 'set-lease')).toEqual([expect.stringContaining('set-lease a@1 false')])
  // The order has arrived, its answer has not.
  story.lose('n1')
  story.passWith(4000, { n2: [] })
  expect(stateOf(story)).toBe('failed n1 @1')
  story.restart()
  story.hello('n2')
  story.passWith(6000, { n2: [] })
  expect(stateOf(story)).toBe('failed n1 @1')
})

test('an answer to an older order is not taken for one to what is wanted now', () => {
  const story = started()
  level(story, 'none')
  story.passWith(250, { n1: ['a@1 running leased'], n2: [] })
  level(story, 'restart')
  story.result('n1', idOf(story, 'set-lease'))
  expect(vmOf(story)?.spec.ha).toBe(false)
  story.passWith(250, { n1: ['a@1 running unleased'], n2: [] })
  expect(sent(story, 'set-lease').at(-1)).toContain('set-lease a@1 true')
})

test('a word that is older than an order is not relied upon', () => {
  const story = started()
  level(story, 'none')
  story.passWith(500, { n1: ['a@1 running leased'], n2: [] })
  expect(vmOf(story)?.spec.ha).toBe(false)
  expect(sent(story, 'set-lease').length).toBe(1)
})

test('what is not covered has no replica yet: that would take over uncovered', () => {
  const story = started({ diskMib: 4, ...unleased })
  level(story, 'continuous')
  story.passWith(1000, { n1: ['a@1 running unleased'], n2: [] })
  expect(sent(story, 'replicate')).toEqual([])
  story.result('n1', idOf(story, 'set-lease'))
  story.passWith(250, { n1: ['a@1 running leased'], n2: [] })
  expect(sent(story, 'replicate').length).toBe(1)
})
