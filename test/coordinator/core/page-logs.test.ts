// A coordinator that has every migration written down page by page, and keeps the newest of what
// sources hand in.

import { expect, test } from 'vitest'
import { pageLogsKept } from '#coordinator/core/limits.ts'
import { MigrateRequest } from '#proto/api.ts'
import { asVmId } from '#proto/ids.ts'
import type { PageLog } from '#proto/page-log.ts'
import { Story } from './story.ts'

const log: PageLog = { vmId: 'a', migrationId: '', pageCount: 1, isCut: false, entries: [] }

function standing(pageLogs: boolean): Story {
  const story = new Story({ pageLogs })
  story.join('n1', 'n2')
  story.run('a', {}, 'n1')
  story.result('n1', 'run1-1')
  story.beat('n1', ['a@1 running'])
  return story
}

/** As a client asks for it that says nothing of page logs. */
function migrate(story: Story, to: string, text = 'migrate'): boolean | undefined {
  const request = MigrateRequest.parse({ to, params: { downtimeMsMax: 50 } })
  story.ask({ do: 'migrate', vmId: asVmId('a'), request }, text)
  return [...story.state.migrations.values()].at(-1)?.params.pageLog
}

test('also those are written down that nobody asked it of', () => {
  expect(migrate(standing(true), 'n2')).toBe(true)
  expect(migrate(standing(false), 'n2')).toBe(false)
})

test('the newest are kept', () => {
  const story = standing(true)
  let [from, to] = ['n1', 'n2']
  for (let n = 1; n <= pageLogsKept + 3; n++) {
    migrate(story, to)
    const [id, migration] = [...story.state.migrations].at(-1) ?? []
    story.admit(`${id}`)
    const held = `a@${migration?.nextEpoch} running`
    story.beat(to, [held])
    story.result(from, `${migration?.commandId}`, undefined, { pageLog: log })
    story.beat(from)
    ;[from, to] = [to, from]
  }
  const kept = [...story.state.migrations.values()].map(({ live }) => live.pageLog !== undefined)
  expect(kept).toHaveLength(pageLogsKept + 3)
  expect(kept.slice(0, 4)).toEqual([false, false, false, true])
  expect(kept.at(-1)).toBe(true)
})
