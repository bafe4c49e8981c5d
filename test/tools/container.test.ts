// What a container's entry makes of its variables, without a container. Not here: clusters in
// containers (test/docker/), which services there are (compose-file.test.ts).

import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { repositoryRoot } from '../tidy/source-file.ts'

/** What an agent says that may not speak in plain text: it names the first link that it has. */
function refusedLinkOf(env: Record<string, string>): string | undefined {
  const { stderr } = spawnSync(process.execPath, ['tools/container.mjs', 'agent'], {
    ...{ cwd: repositoryRoot, encoding: 'utf8', timeout: 30_000 },
    env: { PATH: process.env.PATH, GODWIT_TOKEN: 'a secret', ...env },
  })
  return /^--\w+ \S+/m.exec(stderr)?.[0]
}

test('an agent of several coordinators has no keeper, which has a door to one only', () => {
  const env = { GODWIT_LABORATORY: 'http://127.0.0.1:9/', GODWIT_COORDINATORS: 'c1,c2' }
  expect(refusedLinkOf(env)).toBe('--coordinator ws://c1:7070/agent')
})
