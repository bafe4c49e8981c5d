// A machine with the real core, our own guest and a disk in memory, for tests that run guest code.
// Guest time and host time move only when the test says so.

import { readFileSync } from 'node:fs'
import { WasmCore } from '#engine/cpu/core.ts'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import type { BlockBackend } from '#engine/devices/block-backend.ts'
import { Machine, type RunOutcome } from '#engine/machine.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import type { VmConfig } from '#engine/vm-config.ts'

export const coreModule = new WebAssembly.Module(readFileSync(coreWasmUrl))
export const guestImage = new Uint8Array(
  readFileSync(new URL('../../engine/guests/godwit-guest.bin', import.meta.url)),
)
export const ramBytes = 8 << 20
export const identity = {
  instanceId: '00112233-4455-6677-8899-aabbccddeeff',
  mac: '02:00:00:00:00:2a',
  randomSeed: 'ab'.repeat(32),
}

export class HostTime {
  ms = 1000
  nowMs = () => this.ms
  wallMs = () => 1_767_225_600_000 + this.ms
}

/**
 * Bytes that are durable once flushed; it remembers what was done to it, and fails when told to.
 */
export class TestDisk implements BlockBackend {
  readonly sizeBytes: number
  readonly bytes: Uint8Array
  fails: Error | undefined
  flushes = 0
  closed = false

  constructor(sizeBytes = 256 * 1024) {
    this.sizeBytes = sizeBytes
    this.bytes = new Uint8Array(sizeBytes)
  }

  read(offset: number, into: Uint8Array): void {
    if (this.fails) throw this.fails
    into.set(this.bytes.subarray(offset, offset + into.length))
  }

  write(offset: number, from: Uint8Array): void {
    if (this.fails) throw this.fails
    this.bytes.set(from, offset)
  }

  flush(): void {
    if (this.fails) throw this.fails
    this.flushes++
  }

  close(): void {
    this.closed = true
  }
}

export function vmConfig(
  args: string,
  more: Partial<VmConfig> = {},
  ram: WasmGuestMemory = WasmGuestMemory.create(coreModule, ramBytes),
): VmConfig {
  return {
    vmId: 'vm-1',
    memory: ram.memory,
    ramBytes,
    args,
    clock: 'instructions',
    boot: 'paravirtualised',
    identity,
    cpuShares: 1024,
    cpuCapPercent: 100,
    leased: false,
    epoch: 1,
    ...more,
  }
}

export interface Rig {
  readonly machine: Machine
  readonly config: VmConfig
  readonly ram: WasmGuestMemory
  readonly host: HostTime
  /** All that the guest has written. */
  output(): string
  /** Runs until that text has been written; an idle guest's time jumps to its next alarm. */
  runUntil(text: string): void
  /** Types a line behind what was typed before. */
  type(line: string): void
}

/** A machine that has not been booted: it is to be restored, or booted by the test. */
export function emptyRig(args: string, more: Partial<VmConfig> = {}): Rig {
  const ram = WasmGuestMemory.create(coreModule, ramBytes)
  const config = vmConfig(args, more, ram)
  const host = new HostTime()
  const { memory, clock } = config
  const machine = new Machine({
    config,
    host,
    makeCore: (hooks) => {
      const sbi = config.boot === 'unmodified' ? 'firmware' : 'vmm'
      return new WasmCore({ module: coreModule, memory, ramBytes, clock, sbi, hooks })
    },
  })
  let written = ''
  let typed = 0
  const take = () => {
    const output = machine.takeOutput()
    if (output !== undefined) written += new TextDecoder().decode(output.bytes)
    return written
  }
  return {
    machine,
    config,
    ram,
    host,
    output: take,
    runUntil(text) {
      for (let slices = 0; !take().includes(text); slices++) {
        if (slices > 5000) throw new Error(`The guest never said ${text}; it said: ${written}`)
        const outcome = machine.run(200_000)
        if (outcome.kind === 'stopped') throw new Error(`${outcome.end.detail} It said: ${written}`)
        if (outcome.kind === 'idle') passTime(machine, host, outcome)
      }
    },
    type(line) {
      typed = machine.input(typed, new TextEncoder().encode(`${line}\n`))
    },
  }
}

function passTime(machine: Machine, host: HostTime, idle: RunOutcome & { kind: 'idle' }): void {
  machine.passTimeTo(idle.untilTicks)
  const waitMs = (idle.untilTicks - machine.ticks) / 10_000
  if (waitMs > 0) host.ms += Math.min(waitMs, 1000)
}

/** Booted, running, with a disk if the config names one. */
export function bootedRig(args: string, more: Partial<VmConfig> = {}): Rig & { disk: TestDisk } {
  const rig = emptyRig(args, more)
  const disk = new TestDisk(rig.config.disk?.sizeBytes)
  rig.machine.boot({ kernel: guestImage })
  if (rig.machine.needsDisk) rig.machine.connectDisk(disk)
  rig.machine.resume()
  return { ...rig, disk }
}
