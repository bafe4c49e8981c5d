// A machine with a foreign system on it, and a test at its console: it types, waits for words, and
// reads what a shell's command prints. Guest time is instruction-count time: every run is the same.
// Not here: our own guest (machine-rig.ts), the images (an image that was not pulled is skipped).

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WasmCore } from '#engine/cpu/core.ts'
import { Machine, type RunOutcome } from '#engine/machine.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import type { VmConfig } from '#engine/vm-config.ts'
import { clustersHome } from '#scenarios/local/cluster-folder.ts'
import { coreModule, HostTime, type TestDisk, vmConfig } from './machine-rig.ts'

/** Far more than a boot takes, or a command: Linux's boot is 1.1 thousand million. */
const instructionsMax = 6e9
const slice = 2_000_000

/** The folder of an image that was pulled; undefined, with a word: there is none. */
export function pulledImage(name: string): string | undefined {
  const folder = join(clustersHome(), 'images', name)
  if (existsSync(folder)) return folder
  console.warn(`Skipped: ${folder} is not there. Pull it: godwit image pull ${name}`)
  return undefined
}

export const fileIn = (folder: string, file: string) =>
  new Uint8Array(readFileSync(join(folder, file)))

/** A machine on a console that a test types on and reads; it is to be booted or restored. */
export class ConsoleVm {
  readonly ram: WasmGuestMemory
  readonly machine: Machine
  readonly #options: Partial<VmConfig>
  readonly #args: string
  #output = ''
  #typed = 0

  constructor(
    args: string,
    options: Partial<VmConfig> & Pick<VmConfig, 'ramBytes'>,
    disk?: TestDisk,
  ) {
    const { ramBytes } = options
    this.#args = args
    this.#options = options
    this.ram = WasmGuestMemory.create(coreModule, ramBytes)
    const { memory } = this.ram
    const config = vmConfig(args, { ...options, memory, ...diskOf(disk) }, this.ram)
    this.machine = new Machine({
      config,
      host: new HostTime(),
      makeCore: (hooks) =>
        new WasmCore({
          ...{ module: coreModule, memory, ramBytes, hooks },
          clock: config.clock,
          sbi: config.boot === 'unmodified' ? 'firmware' : 'vmm',
        }),
    })
    if (disk) this.machine.connectDisk(disk)
  }

  /** Runs until that text has been written; returns all that was written before it. */
  until(text: string): string {
    const end = this.machine.retired + instructionsMax
    while (!this.#output.includes(text)) {
      if (this.machine.retired > end) throw new Error(`No ${text} in: ${this.#output}`)
      if (this.step().kind === 'stopped') break
    }
    const [before = '', ...after] = this.#output.split(text)
    this.#output = after.join(text)
    return before
  }

  /** One slice; an idle guest's time jumps to its next alarm. */
  step(): RunOutcome {
    const outcome = this.#run(slice)
    this.#output += new TextDecoder().decode(this.machine.takeOutput()?.bytes)
    return outcome
  }

  /** Runs until exactly so many instructions have retired since its boot. */
  upTo(retired: number): void {
    while (this.machine.retired < retired) this.#run(retired - this.machine.retired)
  }

  #run(budget: number): RunOutcome {
    const outcome = this.machine.run(budget)
    if (outcome.kind === 'idle') this.machine.passTimeTo(outcome.untilTicks)
    return outcome
  }

  type(line: string): void {
    this.#typed = this.machine.input(this.#typed, new TextEncoder().encode(`${line}\n`))
  }

  /** What a command of a Unix shell prints, between two marks that its echo does not hold. */
  say(command: string): string {
    this.type(`echo be''gin; ${command}; echo e''nd`)
    this.until('begin\r\n')
    return this.until('end\r\n').trim()
  }

  /** The same VM in another machine, at the same instruction. */
  copy(disk?: TestDisk): ConsoleVm {
    this.machine.pause()
    const { ramBytes } = this.ram
    const other = new ConsoleVm(this.#args, { ...this.#options, ramBytes }, disk)
    other.ram.copyFrom(this.ram)
    other.machine.restore(this.machine.capture())
    other.#typed = this.#typed
    other.#output = this.#output
    other.machine.resume()
    this.machine.resume()
    return other
  }
}

const diskOf = (disk: TestDisk | undefined) =>
  disk && { disk: { sizeBytes: disk.sizeBytes, layers: [] } }
