// Where the reports of scenario runs go, and where somebody is told to look.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reportOf } from '#scenarios/report/report.ts'
import { ReportFolder } from '../../cli/report-folder.ts'
import { recording } from '../scenarios/report/a-recording.ts'
import { temporaryHome } from './rehearsal.ts'

test('of many runs of which one alone has ended, its own page is named', () => {
  const folder = join(temporaryHome(), 'reports')
  const written = new ReportFolder(folder)
  expect(written.finish()).toBeUndefined()
  const report = reportOf(recording)
  written.write(report, recording, { version: '1', world: 'sim', replay: 'godwit' }, true)
  written.ended(report)
  expect(written.finish()).toBe(join(folder, 'story-seed-7.html'))
  expect(existsSync(join(folder, 'story-seed-7.html'))).toBe(true)
  written.ended(report)
  expect(written.finish()).toBe(folder)
})
