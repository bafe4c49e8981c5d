#!/usr/bin/env node
// Starts the TypeScript command: in this process when its Node strips types, else with the Node
// that came with the packages (plain JavaScript for that reason). In a fresh clone it installs and
// builds first (tools/setup.mjs). Signals and the exit code pass through as if there were one
// process. What Node has compiled is kept in .cache: later commands start in a third of
// the time.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const fileAt = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const main = new URL('../cli/main.ts', import.meta.url)
const bundled = fileAt('node_modules/.bin/node')

/** npm writes the first last; the second is what the build makes. */
const made = ['node_modules/.package-lock.json', 'engine/cpu/core.wasm']
if (!made.every((path) => existsSync(fileAt(path)))) {
  // What it says is no result of the command.
  const { status } = spawnSync(process.execPath, [fileAt('tools/setup.mjs')], {
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) process.exit(1)
}

/** Where nobody may write (a container) nothing is kept, and nothing is said. */
const compiled = process.env.NODE_COMPILE_CACHE ?? fileAt('.cache/node')

if (process.features.typescript) {
  module.enableCompileCache?.(compiled)
  process.argv[1] = fileURLToPath(main)
  await import(main.href)
} else if (existsSync(bundled)) {
  const child = spawn(bundled, [fileURLToPath(main), ...process.argv.slice(2)], {
    // The channel carries nothing: it closes when this process dies, and then the command ends too.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_COMPILE_CACHE: compiled, GODWIT_ENDS_WITH_PARENT: '1' },
  })
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
} else {
  console.error(`Godwit needs Node 24.12 or newer; this is ${process.version}.`)
  console.error('Run `node tools/setup.mjs` in its folder: that brings one along.')
  process.exit(1)
}
