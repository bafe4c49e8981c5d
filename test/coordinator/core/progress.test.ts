// How far a migration is, as its view says it while it is under way.

import { expect, test } from 'vitest'
import { migrationView } from '#coordinator/core/views.ts'
import { asMigrationId } from '#proto/ids.ts'
import { Story } from './story.ts'

const record = (round: number) => ({
  ...{ round, pages: 100, zeroPages: 0, bytes: 409_600, ms: 10, dirtyPages: 20 },
})

test('the round is the one that is under way: the next as soon as one has ended', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a', {}, 'n1')
  story.beat('n1', ['a@1 running'])
  story.migrate('a', 'n2')
  story.admit('m2')
  const round = () => {
    const migration = story.state.migrations.get(asMigrationId('m2'))
    return migration && migrationView(migration).round
  }
  expect(round()).toBe(0)
  story.progress('n1', 'm2', 'copying', { sentPages: 40, pagesOfRound: 100 })
  expect(round()).toBe(0)
  story.progress('n1', 'm2', 'copying', { round: record(0), sentPages: 100, pagesOfRound: 100 })
  story.progress('n1', 'm2', 'copying', { sentPages: 3, pagesOfRound: 20 })
  expect(round()).toBe(1)
  story.progress('n1', 'm2', 'copying', { round: record(1), sentPages: 20, pagesOfRound: 20 })
  expect(round()).toBe(2)
})

test('what was sent is all of it: the rounds, and what post-copy fetched', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a', {}, 'n1')
  story.beat('n1', ['a@1 running'])
  story.migrate('a', 'n2', { mode: 'post-copy' })
  story.admit('m2')
  const migration = story.state.migrations.get(asMigrationId('m2'))
  if (!migration) throw new Error('it was asked for')
  const waits = { faults: 1, waitMsMedian: 24, waitMsP99: 24, waitMsMax: 24, reconnections: 0 }
  const postCopy = { pages: 1377, zeroPages: 0, bytes: 5_640_192, ms: 452, ...waits }
  const rounds = { rounds: [record(0)], bytes: 409_600, pages: 100, zeroPages: 0 }
  const whole = { ...rounds, totalMs: 1300, downtimeMs: 59, hash: '', postCopy }
  expect(migrationView({ ...migration, record: whole }).bytes).toBe(409_600 + 5_640_192)
})
