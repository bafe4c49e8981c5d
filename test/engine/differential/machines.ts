// The machines that run an image of streams and give back its results: an execution engine of ours
// behind the Core port, and QEMU. Not here: the image (harness.ts), the comparison (compare.ts).

import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { WasmCore, type WasmCoreOptions } from '#engine/cpu/core.ts'
import { type Core, type CoreHooks, Exit } from '#engine/cpu/core-port.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { coreModule } from '../cpu/test-hart.ts'
import { finisherGpa } from './harness.ts'
import { origin, ramBytes, resultSlot, resultsAt, roundsMax } from './places.ts'

/** Makes an execution engine on fresh RAM of `ramBytes`; the guest is its own firmware. */
export type MakeCore = (hooks: CoreHooks) => Core

const engine = (options: Pick<WasmCoreOptions, 'translate' | 'threshold'>) => (hooks: CoreHooks) =>
  new WasmCore({
    module: coreModule,
    memory: WasmGuestMemory.create(coreModule, ramBytes).memory,
    ramBytes,
    clock: 'instructions',
    sbi: 'firmware',
    hooks,
    ...options,
  })

export const interpreter: MakeCore = engine({ translate: false })
/** Translates a place when it is come to for the second time. */
export const translator = engine({ threshold: 1 })

/** Far more than a stream takes with all that is around it. */
const instructionsPerStream = 20_000

/** Runs the image to its end in slices of at most `slice`; results as they lie in memory. */
export function runOnCore(
  makeCore: MakeCore,
  image: Uint8Array,
  count: number,
  slice = 1_000_000,
): Uint8Array {
  const machine: { core?: Core; isDone: boolean } = { isDone: false }
  const core = makeCore({
    mmioRead: () => undefined,
    mmioWrite: (gpa) => {
      if (gpa !== finisherGpa) return false
      machine.isDone = true
      machine.core?.requestExit()
      return true
    },
    timeTicks: () => 0,
  })
  machine.core = core
  core.dmaWrite(Number(origin), image)
  core.reset({ pc: origin, a0: 0n, a1: 0n, mode: 'M' })
  while (!machine.isDone) {
    const exit = core.run(slice)
    const isLost = core.retired > count * roundsMax * instructionsPerStream + 10_000
    if (isLost || (exit !== Exit.budget && exit !== Exit.requested)) {
      throw new Error(`Exit ${exit} at pc ${core.pc.toString(16)} after ${core.retired}`)
    }
  }
  const results = new Uint8Array(count * resultSlot.bytes)
  core.dmaRead(Number(resultsAt), results)
  return results
}

const qemu = 'qemu-system-riscv64'
export const isQemuHere = spawnSync(qemu, ['--version']).status === 0
const deadlineMs = 20_000

/** Only what our hart has: no hypervisor, no vectors, no carry-less products. */
const qemuCpu = 'rv64,h=off,v=off,zbc=off,zba=on,zbb=on,zbs=on'

interface QmpMessage {
  readonly event?: string
  readonly data?: { readonly guest?: boolean }
  readonly error?: unknown
}

/** The same on QEMU: the guest's stop leaves it paused, and its memory is asked for by QMP. */
export async function runOnQemu(image: Uint8Array, count: number): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-streams-'))
  const [imageFile, resultsFile] = [join(folder, 'image.bin'), join(folder, 'results.bin')]
  writeFileSync(imageFile, image)
  const size = count * resultSlot.bytes
  const machine = ['-M', 'virt', '-cpu', qemuCpu, '-m', `${ramBytes >> 20}`, '-bios', imageFile]
  const rest = ['-display', 'none', '-serial', 'null', '-qmp', 'stdio']
  // It begins when it is told to, so that its end is not missed.
  const states = ['-S', '-no-reboot', '-no-shutdown']
  const child = spawn(qemu, [...machine, ...rest, ...states], { timeout: deadlineMs })
  const tell = (execute: string, args = {}) =>
    child.stdin.write(`${JSON.stringify({ execute, arguments: args })}\n`)
  try {
    tell('qmp_capabilities')
    tell('cont')
    for await (const line of createInterface({ input: child.stdout })) {
      const said = JSON.parse(line) as QmpMessage
      if (said.error) throw new Error(`QEMU: ${line}`)
      if (said.event !== 'SHUTDOWN' || said.data?.guest !== true) continue
      tell('pmemsave', { val: Number(resultsAt), size, filename: resultsFile })
      tell('quit')
    }
    return new Uint8Array(readFileSync(resultsFile))
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
}
