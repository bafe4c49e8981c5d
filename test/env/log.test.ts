// Log: the double keeps what was said; the real one writes one JSON object a line on stderr.

import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { MemoryLog } from '#env/memory.ts'

test('a child log adds its fields to every line', () => {
  const log = new MemoryLog()
  log.child({ node: 'n1' }).warn('lease-lost', { leftMs: 3 })
  log.info('hello')
  expect(log.lines).toEqual([
    { level: 'warn', event: 'lease-lost', fields: { node: 'n1', leftMs: 3 } },
    { level: 'info', event: 'hello', fields: {} },
  ])
})

test('the real log writes JSON lines on stderr, and nothing on stdout', () => {
  const code = `
    const { realLog } = await import('#env/real.ts')
    const log = realLog('agent n1', 'info')
    log.debug('unheard')
    log.child({ vm: 'a' }).info('vm-started', { epoch: 4 })`
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  expect(ran.stdout).toBe('')
  const lines = ran.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines).toMatchObject([
    { level: 'info', name: 'agent n1', vm: 'a', epoch: 4, msg: 'vm-started' },
  ])
  expect(lines[0].time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
})
