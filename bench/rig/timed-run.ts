// One run of a command as a process: its wall time, its CPU time in all threads, and what it wrote.
// The shell's `times` tells the CPU time of a child, 10 ms fine on some systems; Node does not.
// Not here: how often, and what is made of it (comparison.ts). Times in ms.

import { spawnSync } from 'node:child_process'
import { performance } from 'node:perf_hooks'

export interface TimedRun {
  readonly wallMs: number
  readonly cpuMs: number
  readonly output: string
}

const outputBytesMax = 1 << 24
const clockTime = /(\d+)m([\d.]+)s/g

/** Throws an Error for a person when the command fails or lasts longer than that. */
export function timedRun(command: readonly string[], wallMsMax: number): TimedRun {
  const startedMs = performance.now()
  const { status, signal, stdout, stderr } = spawnSync(
    'sh',
    ['-c', '"$@"; status=$?; times; exit $status', 'sh', ...command],
    {
      ...{ encoding: 'latin1', maxBuffer: outputBytesMax, stdio: ['ignore', 'pipe', 'pipe'] },
      timeout: wallMsMax,
    },
  )
  const wallMs = performance.now() - startedMs
  if (status !== 0) {
    const how = signal === null ? `ended with ${status}` : `had not ended after ${wallMsMax} ms`
    throw new Error(`${command.join(' ')} ${how}.\n${stdout.slice(-2000)}${stderr.slice(-2000)}`)
  }
  const lines = stdout.trimEnd().split('\n')
  return { wallMs, cpuMs: childrenMs(lines.at(-1) ?? ''), output: lines.slice(0, -2).join('\n') }
}

/** User and system time of the shell's children: its `times` prints them in the last line. */
function childrenMs(line: string): number {
  return [...line.matchAll(clockTime)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000,
    0,
  )
}
