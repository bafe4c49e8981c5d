// One test program that owns the machine, from its first instruction in M-mode to what it says of
// itself by HTIF (engine/devices/htif.ts): an ELF file with the symbol `tohost`, as the official
// RISC-V test programs are. Guest time is counted in instructions, so that a trial is the same each
// time. Not here: which files there are, how it is told (../riscv-tests.ts).
// Source of the signature: riscv-arch-test, "RISCOF": what lies from `begin_signature` up to
// `end_signature` when the program has ended, a word of 4 bytes a line.

import { readFileSync } from 'node:fs'
import { BootError } from '#engine/boot-error.ts'
import { WasmCore } from '#engine/cpu/core.ts'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { type Elf, readElf } from '#engine/elf.ts'
import { Machine } from '#engine/machine.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import type { VmConfig } from '#engine/vm-config.ts'

export type Engine = 'interpreter' | 'translator'

export interface TrialSpec {
  readonly elf: Uint8Array
  readonly engine: Engine
  readonly ramBytes: number
  /** A program that has not ended by then is given up. */
  readonly instructionsMax: number
}

export interface Trial {
  readonly end: 'passed' | 'failed' | 'never-ended' | 'no-program'
  /** One sentence for a person. */
  readonly detail: string
  /** What it wrote to its console. */
  readonly output: string
  readonly retired: number
  /** Regions of its code that were translated. */
  readonly regions: number
  /** Of a program that has ended and has one: its results, to compare with another machine's. */
  readonly signature?: string
}

/**
 * These programs are short, and come to most of their code once: a place that is jumped to is
 * translated at once, with all that follows it.
 */
const threshold = 1
const sliceInstructions = 100_000
const clock = 'instructions'
const coreModule = new WebAssembly.Module(readFileSync(coreWasmUrl))

export function tried(spec: TrialSpec): Trial {
  try {
    const elf = readElf(spec.elf)
    return elf.symbol('tohost') === undefined ? refused(hasNoWord) : played(spec, elf)
  } catch (thrown) {
    if (!(thrown instanceof BootError)) throw thrown
    return refused(thrown.message)
  }
}

const hasNoWord =
  'It has no symbol `tohost`, so it could never say how it ended: link it with its symbols.'

const refused = (detail: string): Trial =>
  ({ end: 'no-program', detail, output: '', retired: 0, regions: 0 }) as const

function played(spec: TrialSpec, elf: Elf): Trial {
  const { machine, core } = booted(spec)
  let output = ''
  let why: string | undefined
  while (machine.end === undefined && why === undefined) {
    const outcome = machine.run(sliceInstructions)
    output += new TextDecoder().decode(machine.takeOutput()?.bytes)
    if (outcome.kind === 'idle') {
      if (outcome.untilTicks === Infinity) why = `It waits at ${pcOf(core)} for nothing, for ever.`
      machine.passTimeTo(outcome.untilTicks)
    }
    if (outcome.kind === 'reset') why = 'It reset the machine.'
    if (machine.retired >= spec.instructionsMax) why = gaveUp(machine.retired, core)
  }
  const { end } = machine
  const ended = end?.reason === 'shut-down' ? 'passed' : 'failed'
  return {
    end: end ? ended : 'never-ended',
    detail: end?.detail ?? why ?? '',
    output,
    retired: machine.retired,
    regions: core.translator.stats.regions,
    ...(end && signatureOf(elf, core)),
  }
}

function signatureOf(elf: Elf, core: WasmCore): Pick<Trial, 'signature'> {
  const [from, to] = [elf.symbol('begin_signature'), elf.symbol('end_signature')]
  if (from === undefined || to === undefined || to <= from) return {}
  const bytes = new Uint8Array(to - from)
  if (!core.dmaRead(from, bytes)) return {}
  const view = new DataView(bytes.buffer)
  const words = Array.from({ length: bytes.length >> 2 }, (_, n) => view.getUint32(4 * n, true))
  return { signature: words.map((word) => `${word.toString(16).padStart(8, '0')}\n`).join('') }
}

const pcOf = (core: WasmCore) => `0x${core.pc.toString(16)}`
const gaveUp = (retired: number, core: WasmCore) =>
  `It had not ended after ${retired} instructions, and was at ${pcOf(core)}.`

function booted({ elf, engine, ramBytes }: TrialSpec): { machine: Machine; core: WasmCore } {
  const { memory } = WasmGuestMemory.create(coreModule, ramBytes)
  const config: VmConfig = {
    ...{ vmId: 'trial', memory, ramBytes, args: '', clock, boot: 'unmodified' },
    ...{ cpuShares: 1024, cpuCapPercent: 100, leased: false, epoch: 1 },
    identity: {
      instanceId: '00'.repeat(16),
      mac: '02:00:00:00:00:01',
      randomSeed: '00'.repeat(32),
    },
  }
  const cores: WasmCore[] = []
  const machine = new Machine({
    config,
    host: { nowMs: () => 0, wallMs: () => 0 },
    makeCore: (hooks) => {
      const translate = engine === 'translator'
      const engineOptions = { sbi: 'firmware', translate, threshold } as const
      const made = new WasmCore({
        module: coreModule,
        memory,
        ramBytes,
        clock,
        hooks,
        ...engineOptions,
      })
      cores.push(made)
      return made
    },
  })
  machine.boot({ kernel: elf, entersMachineMode: true })
  machine.resume()
  return { machine, core: cores[0] as WasmCore }
}
