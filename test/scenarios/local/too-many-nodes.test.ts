// Clusters that no machine of that size could start as processes are refused before any begins.

import { expect, test } from 'vitest'
import { refuseTooManyNodes } from '#scenarios/local/too-many-nodes.ts'

test('so many nodes as a machine can start are let through', () => {
  expect(() => refuseTooManyNodes(48, 2)).not.toThrow()
})

test('one more is refused, with what to do instead', () => {
  expect(() => refuseTooManyNodes(49, 2)).toThrow(
    '49 nodes are more than this machine can start, each a process: 48 at most on its 2 cores. ' +
      'Take fewer, or run a scenario with --world sim.',
  )
  expect(() => refuseTooManyNodes(25, 1)).toThrow(/24 at most on its one core/)
})
