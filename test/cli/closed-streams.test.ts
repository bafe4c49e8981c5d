// Streams that whoever reads them has closed: what a command does goes on, and ends in order.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { repositoryRoot } from '../tidy/source-file.ts'
import { temporaryHome } from './rehearsal.ts'

test('a run whose progress nobody reads comes to its end, and reports', async () => {
  const words = 'scenario run next-best --world sim -o json'.split(' ')
  const child = spawn(process.execPath, [join(repositoryRoot, 'cli/process.ts'), ...words], {
    env: { ...process.env, GODWIT_HOME: temporaryHome() },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stderr.destroy()
  const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ scenario: 'next-best' })
})
