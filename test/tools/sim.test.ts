// npm run sim: what is no seed and no number of runs searches nothing, and must not look as if.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const tool = fileURLToPath(new URL('../../tools/sim.ts', import.meta.url))

test.each([
  ['--seed', 'abc'],
  ['--seed', '1.5'],
  ['--runs', '0'],
  ['--runs', ''],
])('%s %s is refused', (flag, value) => {
  const { status, stderr } = spawnSync(process.execPath, [tool, `${flag}=${value}`], {
    encoding: 'utf8',
  })
  expect(stderr).toContain(`${flag} ${value}: a whole number from`)
  expect(status).toBe(2)
})
