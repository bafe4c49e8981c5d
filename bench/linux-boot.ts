// Claim: Debian's kernel comes from power-on to a shell in no more wall time than under QEMU's
// translation: the same kernel, initial RAM disk, memory and boot arguments, on one hart. From the
// start of the process to the shell's greeting on the console, in turns; ratio = QEMU's median /
// ours. QEMU goes through firmware, ours answers SBI calls itself (paravirtualised).
// Needs the image that `godwit image pull debian` makes. Units: seconds, MiB.
// Run: node bench/linux-boot.ts [--runs N] [--engine NAME]

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { clustersHome } from '#scenarios/local/cluster-folder.ts'
import { count, readCommandLine } from './rig/command-line.ts'
import { chosenEngines, engineContender, engineWord } from './rig/engines.ts'
import { kill } from './rig/kill.ts'
import { missingQemu, qemuCommand, qemuVersion } from './rig/qemu.ts'
import { median, spreadPercent } from './rig/sample.ts'
import { seconds, Table, times, verdict } from './rig/table.ts'

const memoryMib = 128
const required = 1
const bootArgs = 'quiet'
const shellGreeting = 'built-in shell'
const bootMsMax = 120_000

const folder = join(clustersHome(), 'images/debian')
const [kernel, initrd] = [join(folder, 'kernel'), join(folder, 'initramfs')]

const qemu = qemuCommand({ kernel, memoryMib, more: ['-initrd', initrd, '-append', bootArgs] })
const ownArgs = ['--initrd', initrd, '--args', bootArgs, '--memory', String(memoryMib)]

/** Wall ms from the start of that process until the guest's shell greets; then it is ended. */
async function bootMs(command: readonly string[]): Promise<number> {
  const startedMs = performance.now()
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const overdue = setTimeout(() => child.kill('SIGKILL'), bootMsMax)
  let written = ''
  for await (const bytes of child.stdout.setEncoding('latin1')) {
    written += bytes
    if (written.includes(shellGreeting)) break
  }
  const ms = performance.now() - startedMs
  clearTimeout(overdue)
  await kill(child)
  if (!written.includes(shellGreeting))
    throw new Error(`${command.join(' ')} came to no shell:\n${written.slice(-2000)}`)
  return ms
}

async function main(): Promise<void> {
  const values = readCommandLine({ runs: count(3), engine: engineWord })
  const missing =
    missingQemu() ??
    (existsSync(folder) ? undefined : 'No image of Debian: run `godwit image pull debian`.')
  if (missing !== undefined) {
    console.log(`SKIPPED: ${missing}`)
    return
  }
  const [runs, engines] = [values.runs, chosenEngines(values.engine)]
  console.log(`${qemuVersion()}; Node ${process.version}; median of ${runs}; wall time`)
  const ownCommands = engines.map((engine) => [...engineContender(engine).command(kernel)])
  const bootsMs: number[][] = [qemu, ...ownCommands].map(() => [])
  for (let n = 0; n < runs; n++) {
    bootsMs[0]?.push(await bootMs(qemu))
    for (const [i, command] of ownCommands.entries())
      bootsMs[i + 1]?.push(await bootMs([...command, ...ownArgs]))
  }
  const [peerMs = [], ...oursMs] = bootsMs
  tell(engines, oursMs, peerMs)
}

function tell(engines: readonly string[], oursMs: number[][], peerMs: number[]): void {
  const table = new Table([
    ['engine', 16],
    ['ours s', 6],
    ['QEMU s', 6],
    ['ratio', 6],
    ['required', 8],
    ['verdict', 9],
    ['spread % ours/QEMU', 10],
  ])
  for (const [i, engine] of engines.entries()) {
    const ours = oursMs[i] ?? []
    const ratio = median(peerMs) / median(ours)
    const bar = engine === 'interpreter' ? undefined : required
    const said = verdict(ratio, bar)
    if (said === 'MISSED') process.exitCode = 1
    table.row([
      ...[engine, seconds(median(ours)), seconds(median(peerMs)), times(ratio)],
      ...[bar === undefined ? '–' : times(bar), said],
      `${spreadPercent(ours).toFixed(0)}/${spreadPercent(peerMs).toFixed(0)}`,
    ])
  }
}

await main()
