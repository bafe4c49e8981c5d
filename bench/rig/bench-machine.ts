// One VM on our engine, booted and running, without an agent around it: the engine's own speed.
// Guest time is real time. Not here: the loop that runs it. Sizes in bytes.

import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { BootImage } from '#engine/boot-layout.ts'
import { WasmCore } from '#engine/cpu/core.ts'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { Machine } from '#engine/machine.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import type { VmConfig } from '#engine/vm-config.ts'
import { hostMemory } from '#env/real/host-memory.ts'
import { readSharedFile } from '#env/real/shared-file.ts'
import { honourBranchHints } from '#env/real/wasm-flags.ts'
import type { Engine } from './engines.ts'

export interface MachineSpec {
  readonly image: BootImage
  readonly ramBytes: number
  readonly engine: Engine
  /** Boot arguments. */
  readonly args?: string
}

honourBranchHints()
const host = await hostMemory()

/** As an agent reads an image. */
export const readImage = (file: string) => readSharedFile(file, host?.large)

const identity = {
  instanceId: '5a'.repeat(16),
  mac: '02:00:00:00:00:01',
  randomSeed: '5a'.repeat(32),
}

export function bootedMachine({ image, ramBytes, engine, args = '' }: MachineSpec): Machine {
  const module = new WebAssembly.Module(readFileSync(coreWasmUrl))
  const ram = WasmGuestMemory.create(module, ramBytes, host?.large)
  ram.expectWhole()
  const { memory } = ram
  const isUnmodified = image.entersMachineMode === true
  const config: VmConfig = {
    ...{ vmId: 'bench', memory, ramBytes, args, clock: 'real', identity },
    ...{ boot: isUnmodified ? 'unmodified' : 'paravirtualised' },
    ...{ cpuShares: 1024, cpuCapPercent: 100, leased: false, epoch: 1 },
  }
  const machine = new Machine({
    config,
    host: { nowMs: () => performance.now(), wallMs: () => Date.now() },
    makeCore: (hooks) =>
      new WasmCore({
        ...{ module, memory, ramBytes, clock: 'real', hooks },
        ...{ sbi: isUnmodified ? 'firmware' : 'vmm', translate: engine === 'translator' },
      }),
  })
  machine.boot(image)
  machine.resume()
  return machine
}
