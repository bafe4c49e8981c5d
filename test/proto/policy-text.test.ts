// What is declared of VMs, in words.

import { expect, test } from 'vitest'
import { declaredTexts } from '#proto/policy-text.ts'

test('what is declared is told in a few words each, and nothing else', () => {
  expect(declaredTexts({ protection: 'continuous', priority: 200, restarts: 3 })).toEqual([
    ...['protection continuous', 'priority 200', 'restarts 3'],
  ])
  expect(declaredTexts({ locked: false, failback: false, after: ['a', 'group:b'] })).toEqual([
    ...['after a, group b', 'no failback', 'not locked'],
  ])
  expect(declaredTexts({ checkpointMs: 250, isolation: 'pause' })).toEqual([
    ...['a checkpoint every 250 ms', 'isolation pause'],
  ])
  expect(declaredTexts({})).toEqual([])
})
