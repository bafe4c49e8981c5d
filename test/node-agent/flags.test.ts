// What an agent process is told, by flags or variables.

import { expect, test } from 'vitest'
import { readSettings, type Settings } from '#node-agent/flags.ts'

const wrong = (...argv: string[]) => {
  const settings = readSettings(argv, {})
  return 'wrong' in settings ? settings.wrong : undefined
}

test('a flag wins over its variable, a variable over the default', () => {
  const settings = readSettings(['--node', 'a', '--cores', '2'], {
    GODWIT_CORES: '4',
    GODWIT_MEMORY: '512',
    GODWIT_TOKEN: 'secret',
  }) as Settings
  expect(settings).toMatchObject({ node: 'a', cores: 2, memoryMib: 512, mips: 0, token: 'secret' })
  expect(settings.metricsPort).toBeUndefined()
})

test('every wrong setting is named with the mend', () => {
  expect(wrong()).toMatch(/--node \(missing\)/)
  expect(wrong('--node', 'A_1')).toMatch(/a-z, 0-9 and -/)
  expect(wrong('--node', 'a', '--cores', '1.5')).toMatch(/whole number from 1 to 256/)
  expect(wrong('--node', 'a', '--memory', 'much')).toMatch(/--memory much/)
  expect(wrong('--node', 'a', '--listen', 'localhost:1')).toMatch(/ws:\/\/host:port/)
  expect(wrong('--nod', 'a')).toMatch(/--nod is no flag/)
  expect(wrong('--node')).toMatch(/wants a value/)
  expect(wrong('--token', 'x')).toMatch(/no flag/)
})
