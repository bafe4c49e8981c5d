#!/usr/bin/env node
// Starts the TypeScript command: in this process when its Node strips types, else with the Node
// that `npm ci` brought (plain JavaScript for that reason). Signals and the exit code pass through
// as if there were one process.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const main = new URL('../cli/main.ts', import.meta.url)
const bundled = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))

if (process.features.typescript) {
  process.argv[1] = fileURLToPath(main)
  await import(main.href)
} else if (existsSync(bundled)) {
  const child = spawn(bundled, [fileURLToPath(main), ...process.argv.slice(2)], {
    // The channel carries nothing: it closes when this process dies, and then the command ends too.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, GODWIT_ENDS_WITH_PARENT: '1' },
  })
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
} else {
  console.error(`Godwit needs Node 24.12 or newer; this is ${process.version}.`)
  console.error('Run `npm ci` in its folder first: that brings one along.')
  process.exit(1)
}
