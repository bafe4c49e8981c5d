// Which snapshot came from which, drawn.

import { expect, test } from 'vitest'
import { snapshotTree } from '#cli/snapshot-tree.ts'
import type { SnapshotView } from '#proto/api.ts'

const one = (name: string, takenWallMs: number, basedOn?: string, isCurrent = false) =>
  ({
    ...{ vmId: 'kv', name, phase: 'ready', takenWallMs },
    ...(basedOn && { basedOn }),
    ...(isCurrent && { isCurrent }),
  }) as SnapshotView

test('each under the one it came from, in the order they were taken', () => {
  const lines = snapshotTree('kv', [
    one('without', 4, 'base'),
    one('tuned', 3, 'with-database', true),
    one('base', 1),
    one('with-database', 2, 'base'),
    one('later', 5, 'gone'),
  ])
  expect(lines).toEqual([
    'base',
    '├─ with-database',
    '│  └─ tuned   ← kv is here',
    '└─ without',
    'later',
  ])
})

test('a circle, which cannot be, is no endless work', () => {
  expect(snapshotTree('kv', [one('a', 1, 'b'), one('b', 2, 'a')])).toEqual([])
})
