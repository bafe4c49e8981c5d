// The real thread with real guests. Its agent's end is a few lines here, so that this is a test of
// the thread alone.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import type {
  PcpuAnswers,
  PcpuCommand,
  PcpuMessage,
  PcpuStart,
  VmConfig,
} from '#engine/vm-config.ts'
import { coreModule, guestImage, ramBytes, vmConfig } from '../machine-rig.ts'

const deadlineMs = 20_000
const worker = new URL('../../../node-agent/pcpu-worker.ts', import.meta.url)
const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

class PcpuThread {
  readonly #worker: Worker
  readonly #bell: Int32Array
  readonly #answers = new Map<number, (message: PcpuMessage) => void>()
  readonly messages: PcpuMessage[] = []
  #id = 0

  constructor(diskFolder = folder()) {
    const doorbell = new SharedArrayBuffer(4)
    const runUntilMs = new SharedArrayBuffer(8)
    new Float64Array(runUntilMs)[0] = Infinity
    this.#bell = new Int32Array(doorbell)
    this.#worker = new Worker(worker)
    cleanUps.push(() => this.#worker.terminate())
    this.#worker.on('message', (message: PcpuMessage) => {
      this.messages.push(message)
      if ('id' in message) this.#answers.get(message.id)?.(message)
    })
    const start: PcpuStart = { module: coreModule, runUntilMs, doorbell, mips: 0, diskFolder }
    this.#worker.postMessage(start)
  }

  async ask<C extends PcpuCommand>(command: C): Promise<PcpuAnswers[C['do']]> {
    const id = ++this.#id
    const answer = new Promise<PcpuMessage>((resolve) => this.#answers.set(id, resolve))
    this.#worker.postMessage([{ id, command }])
    Atomics.add(this.#bell, 0, 1)
    Atomics.notify(this.#bell, 0)
    const message = await answer
    if ('error' in message) throw new Error(message.error)
    return ('value' in message ? message.value : undefined) as PcpuAnswers[C['do']]
  }

  output(vmId: string): string {
    const pieces = this.messages.flatMap((m) =>
      'on' in m && m.on === 'output' && m.vmId === vmId ? [m.bytes] : [],
    )
    return pieces.map((bytes) => new TextDecoder().decode(bytes)).join('')
  }

  async heard(vmId: string, text: string): Promise<void> {
    await expect.poll(() => this.output(vmId), { timeout: deadlineMs, interval: 2 }).toContain(text)
  }

  async type(vmId: string, offset: number, text: string): Promise<number> {
    const bytes = new TextEncoder().encode(text)
    return (await this.ask({ do: 'input', vmId, offset, bytes })).accepted
  }
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'godwit-pcpu-'))
  cleanUps.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function vm(vmId: string, args: string, more: Partial<VmConfig> = {}) {
  const ram = WasmGuestMemory.create(coreModule, ramBytes)
  return { ram, config: vmConfig(args, { vmId, clock: 'real', ...more }, ram) }
}

async function boot(pcpu: PcpuThread, config: VmConfig): Promise<void> {
  await pcpu.ask({ do: 'attach', config, start: 'boot', image: { kernel: guestImage } })
  await pcpu.ask({ do: 'resume', vmId: config.vmId })
}

describe('a pCPU thread', { timeout: 3 * deadlineMs }, () => {
  test('runs guests side by side, and wakes an idle one for its input', async () => {
    const pcpu = new PcpuThread()
    for (const vmId of ['a', 'b']) await boot(pcpu, vm(vmId, 'workload=cpu load=0 tick=0').config)
    for (const vmId of ['a', 'b']) await pcpu.heard(vmId, 'ready')
    expect(await pcpu.type('a', 0, 'r1 ping\n')).toBe(8)
    await pcpu.heard('a', 'r1 pong')
    expect(pcpu.output('b')).not.toContain('pong')
  })

  test('moves a guest to another thread in the middle of its work', async () => {
    const [source, destination] = [new PcpuThread(), new PcpuThread()]
    const original = vm('a', 'workload=check mib=2 rate=4000')
    await boot(source, original.config)
    await source.heard('a', 'ready')
    await source.ask({ do: 'pause', vmId: 'a' })
    const { sections } = await source.ask({ do: 'capture', vmId: 'a' })
    const copy = vm('a', 'workload=check mib=2 rate=4000')
    await destination.ask({ do: 'attach', config: copy.config, start: 'empty' })
    copy.ram.copyFrom(original.ram)
    await destination.ask({ do: 'restore', vmId: 'a', sections })
    const again = await destination.ask({ do: 'capture', vmId: 'a' })
    expect(again.sections).toEqual(sections)
    expect(copy.ram.fullHash()).toBe(original.ram.fullHash())
    await source.ask({ do: 'detach', vmId: 'a' })
    await destination.ask({ do: 'resume', vmId: 'a' })
    await destination.type('a', 0, 'r1 ping\n')
    await destination.heard('a', 'r1 pong')
    await destination.heard('a', 'check ok')
    expect(destination.output('a')).not.toContain('BAD')
  })

  test('keeps a store’s acknowledged writes through a power cut', async () => {
    const disks = folder()
    const disk = { sizeBytes: 256 * 1024, layers: ['vm-a'] }
    const first = new PcpuThread(disks)
    await boot(first, vm('a', 'workload=kv', { disk, epoch: 1 }).config)
    await first.heard('a', 'ready')
    await first.type('a', 0, 'r1 put colour grey\n')
    await first.heard('a', 'r1 ok 1')
    await first.ask({ do: 'detach', vmId: 'a' })
    const second = new PcpuThread(disks)
    await boot(second, vm('a', 'workload=kv', { disk, epoch: 2 }).config)
    await second.heard('a', 'ready')
    await second.type('a', 0, 'r2 get colour\n')
    await second.heard('a', 'r2 value grey')
  })

  test('the disk stops a guest of an older epoch before its write is acknowledged', async () => {
    const disks = folder()
    const disk = { sizeBytes: 256 * 1024, layers: ['vm-a'] }
    const [older, newer] = [new PcpuThread(disks), new PcpuThread(disks)]
    await boot(older, vm('a', 'workload=kv', { disk, epoch: 1 }).config)
    await older.heard('a', 'ready')
    await boot(newer, vm('a', 'workload=kv', { disk, epoch: 2 }).config)
    await newer.heard('a', 'ready')
    await older.type('a', 0, 'r1 put colour grey\n')
    await expect
      .poll(() => older.messages.filter((m) => 'on' in m && m.on === 'stopped'), {
        timeout: deadlineMs,
      })
      .toMatchObject([{ vmId: 'a', reason: 'disk-failed' }])
    expect(older.output('a')).not.toContain('r1 ok')
  })

  test('a refused command is an error with a sentence, and the thread lives on', async () => {
    const pcpu = new PcpuThread()
    await expect(pcpu.ask({ do: 'resume', vmId: 'nobody' })).rejects.toThrow('no VM nobody')
    expect(await pcpu.ask({ do: 'stats' })).toEqual({ vms: [] })
  })

  test('a busy guest is paused within a slice, and retires nothing more', async () => {
    const pcpu = new PcpuThread()
    await boot(pcpu, vm('a', 'workload=cpu load=100').config)
    await pcpu.heard('a', 'ready')
    await pcpu.ask({ do: 'pause', vmId: 'a' })
    const before = await pcpu.ask({ do: 'stats' })
    expect(await pcpu.ask({ do: 'stats' })).toEqual(before)
    expect(before.vms[0]?.instructions).toBeGreaterThan(0)
  })
})
