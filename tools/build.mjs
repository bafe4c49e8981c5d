// Compiles what type stripping can't run: the CPU core (AssemblyScript to engine/cpu/core.wasm) and
// the page (dashboard/ to dashboard/dist, by Vite); and bundles the programs, which could run as
// they are, to start in half the time (.cache/programs). Runs before start, test, check and bench;
// prints a line for what it builds, and nothing when all is newer than its sources. Plain
// JavaScript, for any Node from 18 on. Where a compiler is missing (a production image), what was
// built before is used as it is. Each result is made beside its place and renamed into it: two
// builds at once both leave a whole one.

import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Threads and SIMD for the agent's page work; no runtime, no data: all state is in the VM's own
 * memory.
 */
const ascOptions = [
  ...['-O3', '--noAssert', '--runtime', 'stub', '--disableWarning', '201'],
  ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
  ...['--importTable'],
  ...['--enable', 'threads', '--enable', 'simd', '--enable', 'bulk-memory'],
]

const targets = [
  {
    name: 'the CPU core',
    sources: ['engine/cpu/core'],
    configuration: ['tools/build.mjs', 'node_modules/assemblyscript/package.json'],
    output: 'engine/cpu/core.wasm',
    compiler: 'node_modules/assemblyscript/bin/asc.js',
    options: (to) => ['engine/cpu/core/index.ts', '--outFile', to, ...ascOptions],
  },
  {
    name: 'the page',
    sources: ['dashboard', 'proto'],
    configuration: ['package-lock.json', 'dashboard/vite.config.ts'],
    output: 'dashboard/dist',
    compiler: 'node_modules/vite/bin/vite.js',
    options: (to) => ['build', 'dashboard', '--outDir', to, '--emptyOutDir', '--logLevel', 'error'],
  },
  {
    name: 'the programs',
    sources: ['cli', 'coordinator', 'engine', 'env', 'node-agent', 'proto', 'scenarios'],
    configuration: ['package-lock.json', 'tools/programs.config.mjs'],
    output: '.cache/programs',
    compiler: 'node_modules/rolldown/bin/cli.mjs',
    options: (to) => ['--config', 'tools/programs.config.mjs', '--dir', to],
  },
]

for (const target of targets) if (isStale(target)) build(target)

/** Sources newer than the output, and a compiler to do something about it. */
function isStale({ sources, configuration, output, compiler }) {
  const inputs = [...sources, ...configuration].map((path) => join(root, path))
  if (!existsSync(join(root, compiler)) || !inputs.every(existsSync)) return false
  const built = join(root, output)
  return !existsSync(built) || statSync(built).mtimeMs < Math.max(...inputs.map(newestMs))
}

function newestMs(path) {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  const inside = readdirSync(path).filter((name) => name !== 'dist' && name !== 'node_modules')
  return Math.max(0, ...inside.map((name) => newestMs(join(path, name))))
}

function build({ name, output, compiler, options }) {
  const startedMs = Date.now()
  const aside = join(root, '.cache', `build-${process.pid}`, basename(output))
  mkdirSync(dirname(aside), { recursive: true })
  try {
    execFileSync(nodeForTools(), [join(root, compiler), ...options(aside)], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    // As old as the sources it was made from: one that changed meanwhile makes it stale.
    utimesSync(aside, new Date(startedMs), new Date(startedMs))
    moveInto(aside, join(root, output))
  } finally {
    rmSync(dirname(aside), { recursive: true, force: true })
  }
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1)
  console.error(`Built ${name} (${output}) in ${seconds} s.`)
}

/**
 * The Node that comes with the packages: the compilers may need a newer one than the machine has.
 */
function nodeForTools() {
  const bundled = join(root, 'node_modules', '.bin', 'node')
  return existsSync(bundled) ? bundled : process.execPath
}

/**
 * A file is replaced at once. A folder can't be: the old one steps aside first. If another build
 * puts its own there in between, that one is as good as ours.
 */
function moveInto(aside, place) {
  if (!statSync(aside).isDirectory()) return renameSync(aside, place)
  try {
    if (existsSync(place)) renameSync(place, `${aside}.old`)
    renameSync(aside, place)
  } catch (error) {
    if (!existsSync(place)) throw error
  }
}
