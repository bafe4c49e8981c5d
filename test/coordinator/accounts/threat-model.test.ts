// The threat model of docs/security.md: each line names a test that is there.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { repositoryRoot } from '../../tidy/source-file.ts'

const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8')

test('each line of the threat model names a test that exists', () => {
  const [, model = ''] = read('docs/security.md').split('## Threat model')
  const lines = model.split('\n').filter((line) => /^\| (?!who \||---)/.test(line))
  expect(lines.length).toBeGreaterThan(30)
  for (const line of lines) {
    const [, path = '', name = ''] = /`(test\/[^`]+\.test\.ts)`: (.+) \|$/.exec(line) ?? []
    expect(path, line).not.toBe('')
    expect(read(path), `${path} has no test «${name}»`).toContain(`'${name}'`)
  }
})

test('every attacker that was thought of has a line', () => {
  const text = read('docs/security.md')
  const attackers = [
    'guest',
    'neighbour guest',
    'person',
    'stranger on the network',
    'stolen token',
  ]
  for (const attacker of [...attackers, 'malicious web page', 'hostile agent'])
    expect(text).toMatch(new RegExp(`^\\| (a |who has a )${attacker} \\|`, 'm'))
})
