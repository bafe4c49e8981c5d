// bin/godwit.mjs in a folder where nothing is installed yet: it makes the folder ready first, and
// what that says is no output of the command.

import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { repositoryRoot } from '../tidy/source-file.ts'
import { temporaryHome } from './rehearsal.ts'

/** A clone with a command that prints its words, and a setup that does as it is told. */
function freshClone(setup: string): string {
  const root = temporaryHome()
  for (const folder of ['bin', 'tools', 'cli']) mkdirSync(join(root, folder))
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  writeFileSync(join(root, 'cli/main.ts'), 'console.log(process.argv.slice(2).join(" "))')
  writeFileSync(join(root, 'tools/setup.mjs'), setup)
  copyFileSync(join(repositoryRoot, 'bin/godwit.mjs'), join(root, 'bin/godwit.mjs'))
  return root
}

const run = (root: string) =>
  spawnSync(process.execPath, [join(root, 'bin/godwit.mjs'), 'vms', '-o', 'json'], {
    encoding: 'utf8',
  })

test('it is made ready once, and then runs', () => {
  const made = `import { mkdirSync, writeFileSync } from 'node:fs'
    const root = new URL('../', import.meta.url)
    for (const folder of ['node_modules', 'engine/cpu'])
      mkdirSync(new URL(folder, root), { recursive: true })
    for (const file of ['node_modules/.package-lock.json', 'engine/cpu/core.wasm'])
      writeFileSync(new URL(file, root), '')
    console.log('Installed.')`
  const root = freshClone(made)
  expect(run(root)).toMatchObject({ status: 0, stdout: 'vms -o json\n', stderr: 'Installed.\n' })
  expect(run(root)).toMatchObject({ status: 0, stdout: 'vms -o json\n', stderr: '' })
})

test('what could not be made ready does not run', () => {
  const root = freshClone("console.error('no network'); process.exit(7)")
  expect(run(root)).toMatchObject({ status: 1, stdout: '', stderr: 'no network\n' })
})

test('a command that only asks loads neither the simulated world nor what nodes are made of', () => {
  const listing = `import { registerHooks } from 'node:module'
    const seen = new Set()
    registerHooks({ resolve: (name, context, next) => {
      const found = next(name, context)
      seen.add(found.url)
      return found
    } })
    process.on('exit', () => console.error([...seen].join('\\n')))`
  const hook = `data:text/javascript,${encodeURIComponent(listing)}`
  const main = join(repositoryRoot, 'cli/process.ts')
  const { stderr } = spawnSync(process.execPath, ['--import', hook, main, 'vms', '--help'], {
    encoding: 'utf8',
  })
  const rooms = new Set(
    stderr.split('\n').flatMap((url) => url.split(repositoryRoot)[1]?.split('/')[0] ?? []),
  )
  expect(rooms).toContain('cli')
  for (const room of ['coordinator', 'node-agent', 'engine']) expect(rooms).not.toContain(room)
})
