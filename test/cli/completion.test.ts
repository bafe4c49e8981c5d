// The script for bash, in a bash without bash-completion. Not here: what is offered.

import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { godwit, temporaryHome } from './rehearsal.ts'

async function script(): Promise<string> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  try {
    await godwit('completion bash')
    return log.mock.calls.flat().join('\n')
  } finally {
    log.mockRestore()
  }
}

test('bash completes without help, and the script may be read twice', async () => {
  const folder = temporaryHome()
  const file = join(folder, 'script')
  writeFileSync(file, await script())
  // Stands for the command that the script calls back: offers what it was asked.
  writeFileSync(join(folder, 'godwit'), '#!/bin/sh\necho migrate\necho migrations\necho ":4"\n')
  chmodSync(join(folder, 'godwit'), 0o755)
  const typed = `source ${file}; source ${file}
    COMP_WORDS=(godwit mi); COMP_CWORD=1; compopt() { :; }
    __godwit_complete; echo "\${COMPREPLY[@]}"`
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` }
  const run = spawnSync('bash', ['--norc', '-c', typed], { encoding: 'utf8', env })
  expect(run).toMatchObject({ stderr: '', stdout: 'migrate migrations\n' })
})
