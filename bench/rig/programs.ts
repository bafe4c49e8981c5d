// The guests of the benchmarks, built from bench/programs when they are older than their sources.
// The compilers are Debian's; without one there is nothing to run, and the benchmark says so.
// Not here: running them.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const sources = fileURLToPath(new URL('../programs', import.meta.url))
const built = fileURLToPath(new URL('../../.cache/bench', import.meta.url))

export type Architecture = 'riscv' | 'i386'

const flagsOfAll = [
  ...[
    '-O2',
    '-fno-math-errno',
    '-fno-common',
    '-fno-pic',
    '-ffreestanding',
    '-nostdlib',
    '-static',
  ],
  // gcc must not turn the loop in memset into a call of memset.
  ...['-fno-tree-loop-distribute-patterns', '-Wall', '-Wextra', '-Werror'],
  ...['-Wl,--build-id=none', '-Wl,--no-warn-rwx-segments', '-Wl,-z,noexecstack'],
]
const compilers: Record<Architecture, { command: string; flags: string[]; needs: string }> = {
  riscv: {
    command: 'riscv64-unknown-elf-gcc',
    flags: ['-march=rv64gc', '-mabi=lp64d', '-mcmodel=medany'],
    needs: "Debian's gcc-riscv64-unknown-elf",
  },
  i386: {
    command: 'gcc',
    // SSE2 spares the peer its slow 80-bit floating point.
    flags: ['-m32', '-march=pentium4', '-mfpmath=sse', '-fno-stack-protector', '-no-pie'],
    needs: 'a gcc for x86',
  },
}

/** What is missing on this machine to build for that architecture; undefined: nothing. */
export function missingCompiler(architecture: Architecture): string | undefined {
  const { command, needs } = compilers[architecture]
  const { error } = spawnSync(command, ['--version'], { stdio: 'ignore' })
  return error === undefined ? undefined : `There is no ${command}: install ${needs}.`
}

/** The ELF file of bench/programs/NAME.c. */
export function builtProgram(name: string, architecture: Architecture): string {
  const { command, flags } = compilers[architecture]
  const runtime = join(sources, 'runtime', architecture)
  const inputs = [join(sources, `${name}.c`), join(sources, 'runtime', 'console.c')]
  const ofRuntime = readdirSync(runtime).map((file) => join(runtime, file))
  const elf = join(built, `${name}-${architecture}.elf`)
  // A program may be made of another one.
  const programs = readdirSync(sources, { withFileTypes: true }).filter((one) => one.isFile())
  const all = [
    ...programs.map((file) => join(sources, file.name)),
    ...[...inputs, ...ofRuntime, join(sources, 'runtime', 'runtime.h'), import.meta.filename],
  ]
  if (existsSync(elf) && all.every((file) => statSync(file).mtimeMs < statSync(elf).mtimeMs)) {
    return elf
  }
  mkdirSync(built, { recursive: true })
  const code = [...inputs, ...ofRuntime.filter((file) => /\.[cS]$/.test(file))]
  const script = join(runtime, 'link.ld')
  const args = [...flagsOfAll, ...flags, `-Wl,-T,${script}`, ...code, '-o', elf]
  execFileSync(command, args, { stdio: 'inherit' })
  return elf
}
