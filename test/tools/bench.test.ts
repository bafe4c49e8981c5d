// The command lines of the benchmarks: read in one way, and told by each file's own header.
// Not here: what they measure (bench/).

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  count,
  headerOf,
  oneOf,
  onOff,
  readWords,
  someOf,
  words,
} from '../../bench/rig/command-line.ts'
import { repositoryRoot } from '../tidy/source-file.ts'

const known = {
  ...{ runs: count(3), only: someOf(['idle', 'busy']), engine: oneOf(['fast']) },
  ...{ elf: words, profile: onOff },
}
const read = (line: string) => readWords(line === '' ? [] : line.split(' '), known)

test('what is not said is as the file has it', () => {
  expect(read('')).toEqual({
    read: { runs: 3, only: undefined, engine: undefined, elf: [], profile: false },
  })
  expect(read('--runs 5 --only idle,busy --engine fast --elf a --elf b --profile')).toEqual({
    read: { runs: 5, only: ['idle', 'busy'], engine: 'fast', elf: ['a', 'b'], profile: true },
  })
})

test('what makes no sense is told with what would', () => {
  const mistakes = {
    '--rnus 5': 'there is no --rnus; did you mean --runs?',
    '--runs': '--runs needs a value',
    '--runs few': '--runs is a whole number above 0, not `few`',
    '--runs 1 --runs 2': '--runs is said twice',
    '--only idel': '--only knows no `idel`; did you mean `idle`?',
    '--engine slow': '--engine knows no `slow`; known: fast',
    idle: '`idle` belongs to no option',
  }
  for (const [line, mistake] of Object.entries(mistakes)) expect(read(line)).toEqual({ mistake })
})

test('each benchmark tells all that it reads', () => {
  const folder = join(repositoryRoot, 'bench')
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
    const source = readFileSync(join(folder, file), 'utf8')
    const header = headerOf(source)
    expect(header, file).toMatch(/Run: /)
    const reads = /readCommandLine\(\{([\s\S]*?)\}\)/.exec(source)?.[1] ?? ''
    const options = [...reads.matchAll(/(\w+): (?:count|someOf|engineWord|words|onOff)/g)]
    for (const [, option] of options) expect(header, file).toContain(`[--${option}`)
    if (file !== 'main.ts') expect(source, file).toMatch(/readCommandLine\(/)
  }
})
