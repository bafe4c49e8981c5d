// One pCPU's thread as an agent has it, with guests that a benchmark boots or copies on it, and
// what they have written. Not here: the agent, the network, disks. Sizes in MiB.

import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { BootImage } from '#engine/boot-layout.ts'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import type { PcpuStart, VmConfig } from '#engine/vm-config.ts'
import { PcpuHandle, type PcpuThread } from '#node-agent/pcpu-handle.ts'

const identity = {
  instanceId: '5a'.repeat(16),
  mac: '02:00:00:00:00:01',
  randomSeed: '5a'.repeat(32),
}
const module = new WebAssembly.Module(readFileSync(coreWasmUrl))

interface Held {
  readonly config: VmConfig
  readonly ram: WasmGuestMemory
  written: string
}

export class RealPcpu {
  readonly #handle: PcpuHandle
  readonly #vms = new Map<string, Held>()
  #changed = Promise.withResolvers<void>()

  constructor() {
    const [runUntilMs, doorbell] = [new SharedArrayBuffer(8), new SharedArrayBuffer(4)]
    const worker = new Worker(new URL('../../node-agent/pcpu-worker.ts', import.meta.url))
    const start: PcpuStart = { module, runUntilMs, doorbell, mips: 0, diskFolder: tmpdir() }
    worker.postMessage(start)
    const thread: PcpuThread = {
      post: (request) => worker.postMessage(request),
      onMessage: (fn) => void worker.on('message', fn),
      onDeath: (fn) => void worker.on('error', (error) => fn(String(error))),
      stop: async () => void (await worker.terminate()),
    }
    this.#handle = new PcpuHandle(0, thread, doorbell, {
      event: (event) => {
        if (event.on === 'output') this.#heard(event.vmId, event.bytes)
        if (event.on === 'stopped') this.#changed.reject(new Error(event.detail))
      },
      death: (reason) => this.#changed.reject(new Error(reason)),
    })
  }

  /** Resolves when the thread runs and answers. */
  async ready(): Promise<void> {
    await this.#handle.ask({ do: 'stats' })
  }

  /** A VM that boots the image, or is empty; not resumed yet. */
  async attach(vmId: string, memoryMib: number, args: string, image?: BootImage): Promise<void> {
    const ramBytes = memoryMib << 20
    const ram = WasmGuestMemory.create(module, ramBytes)
    const config: VmConfig = {
      ...{ vmId, memory: ram.memory, ramBytes, args, clock: 'real', boot: 'paravirtualised' },
      ...{ identity, cpuShares: 1024, cpuCapPercent: 100, leased: false, epoch: 1 },
    }
    this.#vms.set(vmId, { config, ram, written: '' })
    const start = image === undefined ? 'empty' : 'boot'
    await this.#handle.ask({ do: 'attach', config, start, ...(image && { image }) })
  }

  async resume(vmId: string): Promise<void> {
    await this.#handle.ask({ do: 'resume', vmId })
  }

  async detach(vmId: string): Promise<void> {
    await this.#handle.ask({ do: 'detach', vmId })
    this.#vms.delete(vmId)
  }

  /** Another VM that goes on from where that one is now. */
  async copy(vmId: string, to: string): Promise<void> {
    const { config, ram } = this.#held(vmId)
    await this.#handle.ask({ do: 'pause', vmId })
    const { sections } = await this.#handle.ask({ do: 'capture', vmId })
    await this.attach(to, config.ramBytes >> 20, config.args)
    this.#held(to).ram.copyFrom(ram)
    await this.#handle.ask({ do: 'restore', vmId: to, sections })
    for (const each of [vmId, to]) await this.resume(each)
  }

  /** Resolves when that VM has written that text. */
  async heard(vmId: string, text: string): Promise<void> {
    while (!this.#held(vmId).written.includes(text)) await this.#changed.promise
  }

  /** Of all VMs, so far. */
  async instructions(): Promise<number> {
    const { vms } = await this.#handle.ask({ do: 'stats' })
    return vms.reduce((sum, vm) => sum + vm.instructions, 0)
  }

  async stop(): Promise<void> {
    await this.#handle.stop()
  }

  #held(vmId: string): Held {
    const held = this.#vms.get(vmId)
    if (held === undefined) throw new Error(`No VM ${vmId}`)
    return held
  }

  #heard(vmId: string, bytes: Uint8Array): void {
    this.#held(vmId).written += new TextDecoder().decode(bytes)
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }
}
