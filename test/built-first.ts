// Before any test: what is compiled (the CPU core, the page) is as new as its sources, also for one
// who runs a single file without npm. Not here: how it is compiled (tools/build.mjs).

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const builder = fileURLToPath(new URL('../tools/build.mjs', import.meta.url))

export function setup(): void {
  execFileSync(process.execPath, [builder], { stdio: 'inherit' })
}
