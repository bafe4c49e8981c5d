// godwit experiment: what it lists, what it runs, what it writes down, and how it ends.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { Interrupts } from '#cli/cli.ts'
import { drawnWorkload } from '#scenarios/experiments/workload.ts'
import { godwit, RememberingTerminal } from './rehearsal.ts'

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-experiment-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Two short days, one of them compressed. */
function shortDays(): string {
  const folder = temporaryFolder()
  const [one, two] = drawnWorkload(2, 60, 24).days.map(({ traces }) =>
    traces.map(({ percents }, i) => `vm-${i},${percents.join(',')}`).join('\n'),
  )
  writeFileSync(join(folder, 'one.csv'), one ?? '')
  writeFileSync(join(folder, 'two.csv.gz'), gzipSync(two ?? ''))
  return folder
}

const run = (...words: readonly string[]) => ['experiment', 'run', 'consolidation', ...words]

test('the list names each experiment', async () => {
  const { out, code } = await godwit('experiment list')
  expect(code).toBe(0)
  for (const name of ['consolidation', 'consolidation-2012', 'consolidation-readings'])
    expect(out).toMatch(new RegExp(`^${name} `, 'm'))
})

test('every variant is tried on every day and seed, and written down', async () => {
  const reports = temporaryFolder()
  const data = ['--data', shortDays(), '--nodes', '80', '--reports', reports]
  const words = run(...data, '--seeds', '3', '--only', 'dvfs,thr-mmt,lr-mc')
  const { out, notes, code } = await godwit(words)
  expect(code).toBe(0)
  expect(out).toMatch(/^thr-mmt +\d/m)
  expect(notes).toMatch(/^18 of 18: lr-mc, two, seed 2, about .* left$/m)
  const read = (end: string) =>
    readFileSync(join(reports, `experiment-consolidation.${end}`), 'utf8')
  const { outcomes, summary } = JSON.parse(read('json'))
  expect(outcomes).toHaveLength(18)
  expect(summary[1].estimates.energyKwh).toMatchObject({ samples: 6, isInterval: true })
  expect(read('html')).not.toMatch(/<script|https?:/)
})

test('the same command says the same', async () => {
  const words = run(
    '--data',
    shortDays(),
    '--nodes',
    '80',
    '--only',
    'lr-rs',
    '--seeds',
    '2',
    '-o',
    'json',
  )
  const [first, second] = [await godwit(words), await godwit(words)]
  expect(JSON.parse(first.out).outcomes).toEqual(JSON.parse(second.out).outcomes)
})

test('Ctrl-C ends it between two rounds, and what is done is told', async () => {
  const interrupts = new Interrupts()
  const terminal = new RememberingTerminal()
  const note = terminal.note
  const told: string[] = []
  const interrupting = Object.assign(terminal, {
    note: (text: string) => {
      told.push(text)
      if (text.startsWith('2 of ')) interrupts.interrupt()
      note(text)
    },
  })
  const words = run('--nodes', '20', '--only', 'dvfs,mad-mc')
  const { code, out } = await godwit(words, { interrupts, terminal: interrupting })
  expect(code).toBe(130)
  expect(told.filter((text) => / of 6: /.test(text))).toHaveLength(2)
  expect(out).toMatch(/^dvfs /m)
  expect(out).not.toMatch(/^mad-mc /m)
})

test.each([
  ['experiment run consolidatoin', 'did you mean `consolidation`?'],
  ['experiment run consolidation --only lr-mtm', 'has no variant `lr-mtm`'],
  ['experiment run consolidation --data /nowhere/at/all', '--data: ENOENT'],
])('%s is a mistake that is told', async (line, sentence) => {
  const { code, notes } = await godwit(line)
  expect([code, notes.includes(sentence)]).toEqual([2, true])
})

test('a folder without traces, and a line that is none, name what is wanted', async () => {
  const empty = temporaryFolder()
  expect((await godwit(run('--data', empty))).notes).toContain('there are no load traces in')
  writeFileSync(join(empty, 'bad.csv'), 'vm-1,10,20\nvm-2,10,200\n')
  expect((await godwit(run('--data', empty))).notes).toContain('bad.csv: line 2 of the trace')
})
