// Words for our own guest: those that it knows, and what is said of all others.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ownWorkloads, workloadMistake } from '#cli/own-workloads.ts'

test('are those that the guest itself knows', () => {
  const source = readFileSync('engine/guests/src/workload.c', 'utf8')
  const [, table = ''] = /\ball\[\] = \{(.*?)\}/s.exec(source) ?? []
  const known = [...table.matchAll(/&(\w+)_workload/g)].map(([, name]) => name)
  expect([...known].sort()).toEqual([...ownWorkloads].sort())
})

test('a slip is told with the nearest word; other images say what they like', () => {
  expect(workloadMistake(undefined, 'workload=desktp title=x')).toContain('workload=desktop?')
  expect(workloadMistake('godwit-guest', 'workload=idle')).toBe(
    '--args: our guest knows no workload=idle: kv, dirty, cpu, check, desktop',
  )
  expect(workloadMistake('debian', 'workload=idle')).toBeUndefined()
  expect(workloadMistake(undefined, 'workload=kv')).toBeUndefined()
  expect(workloadMistake(undefined)).toBeUndefined()
})
