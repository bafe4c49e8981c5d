// How rolldown bundles the programs: each in one piece with what it shares with none, packages
// included. Sources keep knowing where they stand: `import.meta.url` is written out, which binds
// the bundles to this folder. env/real/program.ts decides whether they are run.
// Called by tools/build.mjs.

import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const fileAt = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const programs = [
  ...['cli/process', 'coordinator/process'],
  ...['node-agent/process', 'node-agent/pcpu-thread'],
  // What is measured beside QEMU starts as what is used does. A container has no benchmarks.
  ...['bench/rig/engine-process'].filter((name) => existsSync(fileAt(`${name}.ts`))),
]

/** Packages that load machine code, or threads of their own, from files beside them. */
const external = [/^koffi/, /^msgpackr/, /^pino/, 'bufferutil', 'utf-8-validate']

const isOurs = (id) => id.startsWith(fileAt('.')) && !id.includes('node_modules')

const whereSourcesStand = {
  name: 'where-sources-stand',
  transform(code, id) {
    if (!isOurs(id) || !code.includes('import.meta.url')) return
    return code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href))
  },
  generateBundle() {
    const sources = Object.fromEntries(
      programs.map((name) => [name, sourcesOf(this, fileAt(`${name}.ts`))]),
    )
    const source = JSON.stringify({ root: fileAt('.'), sources })
    this.emitFile({ type: 'asset', fileName: 'origin.json', source })
  },
}

/** All of ours that a program may come to run, relative to the root. */
function sourcesOf(bundler, main) {
  const found = new Set([main])
  for (const id of found) {
    const { importedIds, dynamicallyImportedIds } = bundler.getModuleInfo(id)
    for (const next of [...importedIds, ...dynamicallyImportedIds])
      if (isOurs(next)) found.add(next)
  }
  return [...found].map((id) => relative(fileAt('.'), id)).sort()
}

export default {
  input: Object.fromEntries(programs.map((name) => [name, fileAt(`${name}.ts`)])),
  external,
  platform: 'node',
  plugins: [whereSourcesStand],
  output: { format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'parts/[name]-[hash].js' },
  logLevel: 'warn',
}
