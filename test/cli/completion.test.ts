// What a shell completes: by which names and where by files; the script for bash, in a bash without
// bash-completion. Not here: the names of which cluster (program.test.ts).

import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { Interrupts } from '#cli/cli.ts'
import { noNames } from '#cli/known-names.ts'
import { runProgram } from '#cli/program.ts'
import { realClock } from '#env/real.ts'
import { godwit, RememberingTerminal, temporaryHome } from './rehearsal.ts'

async function printed(work: () => Promise<unknown>): Promise<string> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  try {
    await work()
    return log.mock.calls.flat().join('\n')
  } finally {
    log.mockRestore()
  }
}

const script = () => printed(() => godwit('completion bash'))

const names = {
  ...{ ...noNames, vms: ['kv', 'web'], nodes: ['n1', 'n2'], migrations: ['m7'] },
  ...{ rules: ['home'], groups: ['shop'], snapshots: ['before'], templates: ['lamp'] },
  experiments: ['consolidation-own'],
}

/** What stands before the last word; the directive at the end says whether files are offered. */
async function offered(line: string): Promise<readonly string[]> {
  const terminal = new RememberingTerminal()
  const cli = { terminal, clock: realClock, home: temporaryHome(), interrupts: new Interrupts() }
  const typed = ['complete', '--', ...line.split(' ')]
  const out = await printed(() => runProgram(typed, cli, names))
  return out.split('\n').map((one) => one.split('\t')[0] ?? '')
}

describe('a word is completed by', () => {
  test.each([
    ['migrate ', ['kv', 'web', ':4']],
    ['migrate kv ', ['n1', 'n2', ':4']],
    ['rm kv w', ['web', ':4']],
    ['run shop --node ', ['n1', 'n2', ':4']],
    ['clone kv --to n', ['n1', 'n2', ':4']],
    ['cancel ', ['m7', ':4']],
    ['rule rm ', ['home', ':4']],
    ['group set ', ['shop', ':4']],
    ['snapshot restore kv ', ['before', ':4']],
    ['template deploy l', ['lamp', ':4']],
    ['experiment run consolidation-o', ['consolidation-own', ':4']],
    ['scenario run two-pers', ['two-persons', ':0']],
    ['scenario run ./my', [':0']],
    ['run --file ', [':0']],
    ['template export lamp ', [':0']],
    ['run --image ', [':4']],
    ['up --nodes ', [':4']],
  ])('`%s`', async (line, wanted) => {
    expect(await offered(line)).toEqual(wanted)
  })
})

test('bash completes without help, and the script may be read twice', async () => {
  const folder = temporaryHome()
  const file = join(folder, 'script')
  writeFileSync(file, await script())
  // Stands for the command that the script calls back: offers what it was asked.
  writeFileSync(join(folder, 'godwit'), '#!/bin/sh\necho migrate\necho migrations\necho ":4"\n')
  chmodSync(join(folder, 'godwit'), 0o755)
  const typed = `source ${file}; source ${file}
    COMP_WORDS=(godwit mi); COMP_CWORD=1; compopt() { :; }
    __godwit_complete; echo "\${COMPREPLY[@]}"; complete -p godwit`
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` }
  // Files are completed by bash itself, where nothing else fits and the command allows it.
  const stdout = 'migrate migrations\ncomplete -o default -F __godwit_complete godwit\n'
  const run = spawnSync('bash', ['--norc', '-c', typed], { encoding: 'utf8', env })
  expect(run).toMatchObject({ stderr: '', stdout })
})
