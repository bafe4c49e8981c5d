// What is written down of a migration's pages goes to the coordinator in its result: a result that
// is too large would be refused, kept, and sent again over each new link, for ever.

import { expect, test } from 'vitest'
import { PageRecorder } from '#node-agent/migration/page-recorder.ts'
import { asCommandId, asMigrationId, asVmId } from '#proto/ids.ts'
import { AgentMessage } from '#proto/messages.ts'
import { decodeControl, encodeControl } from '#proto/wire.ts'

const pageCount = 3072 * 256
const about = { vmId: asVmId('vm1'), migrationId: asMigrationId('m1'), pageCount }

test('a guest of 3 GiB that waits for its pages one by one is written down as far as fits', () => {
  const recorder = new PageRecorder(about, 0)
  for (let page = 0; page < pageCount; page += 8) {
    const entry = { round: page, encoding: 'raw', why: 'waited-for', bytes: 4204 } as const
    recorder.note({ ...entry, pages: Uint32Array.of(page) }, page + 0.1)
  }
  const pageLog = recorder.log()
  expect(pageLog.isCut).toBe(true)
  expect(pageLog.entries.length).toBeGreaterThan(30_000)
  const result = { t: 'result', commandId: asCommandId('c1'), pageLog } as const
  expect(decodeControl(encodeControl(result), AgentMessage)).not.toHaveProperty('fault')
})

test('so is one whose pages lie scattered', () => {
  const recorder = new PageRecorder(about, 0)
  for (let from = 0; from < pageCount; from += 512) {
    const pages = Uint32Array.from({ length: 255 }, (_, n) => from + 2 * n)
    const entry = { round: 0, encoding: 'raw', why: 'round', bytes: 1 << 20 } as const
    recorder.note({ ...entry, pages }, from + 0.1)
  }
  const pageLog = recorder.log()
  expect(pageLog.isCut).toBe(true)
  const result = { t: 'result', commandId: asCommandId('c1'), pageLog } as const
  expect(decodeControl(encodeControl(result), AgentMessage)).not.toHaveProperty('fault')
})
