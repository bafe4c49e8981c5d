// Holds the house in order: `npm run check` and `npm test` run it. Each rule is run twice: on small
// samples that break it (a rule that can't fail holds nothing), and on every file of the
// repository. The rules and their reasons are in test/tidy/; the exceptions are in
// test/tidy/legacy.ts.

import { describe, expect, test } from 'vitest'
import { deadPathFindings, headerFindings, roomListFindings } from './tidy/documents.ts'
import { importFindings } from './tidy/imports.ts'
import { legacySizes } from './tidy/legacy.ts'
import { shellFindings, steppedFindings } from './tidy/shells.ts'
import { sizeFindings, staleLegacy, tableMarker } from './tidy/sizes.ts'
import { type Finding, repositoryFiles, type SourceFile, sourceFile } from './tidy/source-file.ts'
import * as words from './tidy/words.ts'

const files = repositoryFiles()
type Rule = (file: SourceFile) => Finding[]

/** `path:line message`, one a finding: what a person can click on. */
const readable = (findings: readonly Finding[]) =>
  findings.map(({ path, line, message }) => `${path}:${line} ${message}`)
const findingsOf = (rule: Rule) => readable(files.flatMap(rule))
const sampleOf = (rule: Rule, path: string, text: string) => readable(rule(sourceFile(path, text)))

describe('imports point one way', () => {
  const sample = (path: string, text: string) => sampleOf(importFindings, path, text)

  test('the rule sees every way to import', () => {
    expect(sample('engine/a.ts', "import type { X } from '#coordinator/x.ts'")).toEqual([
      'engine/a.ts:1 engine/ may import proto, not coordinator/x.ts',
    ])
    expect(sample('proto/a.ts', "\nexport * from '#env/env.ts'")).toEqual([
      'proto/a.ts:2 proto/ may import nothing of ours, not env/env.ts',
    ])
    expect(sample('coordinator/a.ts', "const x = await import('#engine/x.ts')")).toHaveLength(1)
    const worker = "new Worker(new URL('../node-agent/w.ts', import.meta.url))"
    expect(sample('coordinator/a.ts', worker)).toHaveLength(1)
  })
  test('a few rooms see only a part of another', () => {
    expect(sample('engine/a.ts', "import { VmSpec } from '#proto/vm-spec.ts'")).toHaveLength(1)
    expect(sample('engine/a.ts', "import { pageBytes } from '#proto/units.ts'")).toEqual([])
    expect(sample('env/a.ts', "import { fault } from '#proto/faults.ts'")).toHaveLength(1)
    expect(sample('env/a.ts', "import type { Fault } from '#proto/faults.ts'")).toEqual([])
  })
  test('across rooms by #, inside a room by a relative path', () => {
    expect(sample('cli/a.ts', "import '../proto/ids.ts'")).toHaveLength(1)
    expect(sample('cli/a.ts', "import '#cli/b.ts'")).toHaveLength(1)
    expect(sample('cli/a.ts', "import './b.ts'\nimport '#proto/ids.ts'")).toEqual([])
  })
  test('in every file', () => expect(findingsOf(importFindings)).toEqual([]))
})

describe('only shells touch the world', () => {
  const sample = (path: string, text: string) => sampleOf(shellFindings, path, text)

  test('the rule names what to take instead', () => {
    expect(sample('engine/a.ts', 'const t = Date.now()')).toEqual([
      'engine/a.ts:1 no Date.now: use Clock.wallMs() or, for durations, Clock.nowMs()',
    ])
    expect(sample('coordinator/core/a.ts', 'setTimeout(() => {}, 5)')).toEqual([
      'coordinator/core/a.ts:1 no setTimeout: use Clock.wakeAt(atMs, fn)',
    ])
  })
  test('the rule sees detours', () => {
    expect(sample('proto/a.ts', 'globalThis.Math.random()')).toHaveLength(1)
    expect(sample('proto/a.ts', 'const now = performance.now')).toHaveLength(1)
    expect(sample('proto/a.ts', 'const d = new Date()')).toHaveLength(1)
    expect(sample('node-agent/a.ts', "import { readFileSync } from 'node:fs'")).toHaveLength(1)
    expect(sample('node-agent/a.ts', "import { WebSocket } from 'ws'")).toHaveLength(1)
  })
  test('shells, comments and strings are free', () => {
    expect(sample('node-agent/main.ts', "import 'node:fs'; Date.now()")).toEqual([])
    expect(sample('coordinator/shell/http.ts', 'setInterval(() => {}, 5)')).toEqual([])
    expect(sample('engine/a.ts', "// Date.now()\nconst s = 'Math.random()'")).toEqual([])
  })
  test('in every file', () => expect(findingsOf(shellFindings)).toEqual([]))
})

describe('state machines are stepped, they do not wait', () => {
  const sample = (path: string, text: string) => sampleOf(steppedFindings, path, text)

  test('the rule sees waiting in a core, and lets others wait', () => {
    expect(sample('coordinator/core/step.ts', 'async function f() {}')).toHaveLength(1)
    expect(sample('node-agent/lease.ts', 'new Promise((done) => done(1))')).toHaveLength(1)
    expect(sample('node-agent/agent.ts', 'const f = async () => await g()')).toEqual([])
  })
  test('in every file', () => expect(findingsOf(steppedFindings)).toEqual([]))
})

describe('files, functions and lines stay short', () => {
  const sample = (text: string, legacy = {}) =>
    readable(sizeFindings(sourceFile('engine/a.ts', text), legacy))
  const rows = (count: number) => '  1,\n'.repeat(count)

  test('a file of 401 lines, a function of 41, a line of 101 columns', () => {
    expect(sample(`${'\n'.repeat(400)}const a = 1`)).toEqual([
      'engine/a.ts:1 engine/a.ts has 401 lines, 400 are allowed: split it by its nouns',
    ])
    expect(sample(`function f() {${'\n'.repeat(40)}}`)[0]).toMatch(/engine\/a.ts#f has 41 lines/)
    expect(sample(`const f = () => {${'\n'.repeat(40)}}`)).toHaveLength(1)
    expect(sample(`class A { m() {${'\n'.repeat(40)}} }`)).toHaveLength(1)
    expect(sample(`// ${'x'.repeat(98)}`)).toHaveLength(1)
    expect(sample(`f('${'x'.repeat(98)}')`)).toHaveLength(1)
    expect(sample(`f('${'a sentence '.repeat(10)}')`)).toEqual([])
    expect(sample(`f('${'a sentence '.repeat(11)}')`)).toHaveLength(1)
  })
  test('functions inside a function count for themselves', () => {
    const inner = (name: string) => `const ${name} = () => {${'\n'.repeat(30)}}\n`
    expect(sample(`function f() {\n${inner('a')}${inner('b')}}`)).toEqual([])
  })
  test('rows of a data table count for nothing, what follows does', () => {
    expect(sample(`${tableMarker}\nconst t = [\n${rows(500)}]\n`)).toEqual([])
    expect(sample(`${tableMarker}\nconst t = [\n]\n${rows(401)}`)).toHaveLength(1)
  })
  test('a listed offender may shrink, not grow, and its entry shrinks with it', () => {
    const long = sourceFile('engine/a.ts', `function f() {${'\n'.repeat(49)}}`)
    expect(sizeFindings(long, { 'engine/a.ts#f': 50 })).toEqual([])
    expect(sizeFindings(long, { 'engine/a.ts#f': 49 })).toHaveLength(1)
    expect(staleLegacy([long], { 'engine/a.ts#f': 60 })).toHaveLength(1)
  })
  test('in every file', () => {
    expect(findingsOf((file) => sizeFindings(file, legacySizes))).toEqual([])
    expect(staleLegacy(files, legacySizes)).toEqual([])
  })
})

describe('words mean one thing', () => {
  test('a file is named by its noun', () => {
    expect(sampleOf(words.fileNameFindings, 'engine/page-utils.ts', '')).toHaveLength(1)
    expect(sampleOf(words.fileNameFindings, 'engine/common/a.ts', '')).toHaveLength(1)
    expect(findingsOf(words.fileNameFindings)).toEqual([])
  })
  test('one concept, one name', () => {
    const sample = 'const targetNode = 1\ninterface Hypervisor { vmInstance: string }'
    expect(sampleOf(words.identifierFindings, 'engine/a.ts', sample)).toHaveLength(3)
    expect(findingsOf(words.identifierFindings)).toEqual([])
  })
  test('a duration carries its unit', () => {
    const sample = 'interface A { timeout: number }\nconst f = (delay: number) => delay'
    expect(sampleOf(words.unitFindings, 'engine/a.ts', sample)).toHaveLength(2)
    expect(findingsOf(words.unitFindings)).toEqual([])
  })
  test('the code holds no notes to self', () => {
    const note = `// ${'TO'}DO: later`
    expect(sampleOf(words.noteFindings, 'engine/a.ts', note)).toHaveLength(1)
    expect(findingsOf(words.noteFindings)).toEqual([])
  })
  test('no test hides the others or is skipped without a reason', () => {
    const sample = (text: string) => sampleOf(words.skippedTestFindings, 'test/a.test.ts', text)
    expect(sample(`test${'.only'}('x', f)`)).toHaveLength(1)
    expect(sample(`describe.concurrent${'.only'}('x', f)`)).toHaveLength(1)
    expect(sample(`test${'.skip'}('x', f)`)).toHaveLength(1)
    expect(sample(`// skipped: needs a scale\ntest${'.skip'}('x', f)`)).toEqual([])
    expect(findingsOf(words.skippedTestFindings)).toEqual([])
  })
  test('nothing names a place that only one machine or network has', () => {
    const host = ['registry', 'npmjs', 'org'].join('.')
    expect(sampleOf(words.placeFindings, 'Dockerfile', `RUN curl ${host}`)).toHaveLength(1)
    expect(findingsOf(words.placeFindings)).toEqual([])
  })
})

describe('files and documents tell the truth about themselves', () => {
  test('a file begins with what it is', () => {
    expect(sampleOf(headerFindings, 'engine/a.ts', 'const a = 1')).toHaveLength(1)
    expect(sampleOf(headerFindings, 'engine/a.ts', '// A thing.\n// Not that.\n')).toEqual([])
    expect(sampleOf(headerFindings, 'engine/a.ts', '// x\n'.repeat(16))).toHaveLength(1)
    expect(findingsOf(headerFindings)).toEqual([])
  })
  test('docs/ARCHITECTURE.md lists the folders there are', () => {
    const sample = sourceFile('docs/ARCHITECTURE.md', '| `engine/` | … |\n| `attic/` | … |')
    expect(roomListFindings([sample])).toEqual([
      'docs/ARCHITECTURE.md leaves out docs/',
      'docs/ARCHITECTURE.md lists engine/: gone',
      'docs/ARCHITECTURE.md lists attic/: gone',
    ])
    expect(roomListFindings(files)).toEqual([])
  })
  test('paths named in documents exist', () => {
    const dead = sourceFile('README.md', 'See `docs/gone.md` and [this](docs/lost.md#part).')
    const alive = sourceFile(
      'docs/a.md',
      'See `docs/a.md#See`, [me](a.md), [us](../docs/), [it](#x).',
    )
    const unnamed = sourceFile('docs/b.md', 'See `docs/a.md#becomeAbsent`.')
    expect(readable(deadPathFindings([dead, alive, unnamed]))).toEqual([
      'README.md:1 docs/gone.md does not exist',
      'README.md:1 docs/lost.md does not exist',
      'docs/b.md:1 docs/a.md has no becomeAbsent',
    ])
    expect(readable(deadPathFindings(files))).toEqual([])
  })
})
