// Machines and pCPUs: who gets which, and that what is gone stays gone. The pCPUs are scripted.

import { expect, test } from 'vitest'
import type { BootImage } from '#engine/boot-layout.ts'
import type { GuestMemory } from '#engine/memory/guest-memory-port.ts'
import type { PcpuMessage, PcpuRequest } from '#engine/vm-config.ts'
import { type HeldVm, HeldVms } from '#node-agent/held-vms.ts'
import { PcpuHandle } from '#node-agent/pcpu-handle.ts'
import { Vmm } from '#node-agent/vmm.ts'
import { asMigrationId } from '#proto/ids.ts'
import { vmOrder } from './coordinator-double.ts'

const mib = 1 << 20

/** A pCPU that notes what it is asked and agrees to all of it, or to nothing. */
class ScriptedPcpu {
  readonly asked: string[] = []
  /** How many commands came in one go, at most. */
  togetherMax = 0
  readonly handle: PcpuHandle
  #hear: (message: PcpuMessage) => void = () => undefined
  #die: (reason: string) => void = () => undefined

  constructor(index: number, refusal?: string) {
    const thread = {
      post: (requests: readonly PcpuRequest[]) => {
        this.togetherMax = Math.max(this.togetherMax, requests.length)
        this.asked.push(...requests.map(({ command }) => command.do))
        for (const { id } of requests) {
          const answer = refusal === undefined ? { id } : { id, error: refusal }
          queueMicrotask(() => this.#hear(answer))
        }
      },
      onMessage: (fn: (message: PcpuMessage) => void) => {
        this.#hear = fn
      },
      onDeath: (fn: (reason: string) => void) => {
        this.#die = fn
      },
      stop: async () => undefined,
    }
    const handlers = { event: () => undefined, death: () => undefined }
    this.handle = new PcpuHandle(index, thread, new SharedArrayBuffer(4), handlers)
  }

  die(): void {
    this.#die('it died')
  }
}

const vms = new HeldVms(4096)
const held = (name: string, cpuExpectedPercent = 10): HeldVm =>
  vms.becomeIncoming(vmOrder(name, 1, { cpuExpectedPercent }), asMigrationId('m1'))

/** By all of them. */
const recycled: GuestMemory[] = []

function vmmOf(...pcpus: ScriptedPcpu[]) {
  let release: (image: BootImage) => void = () => undefined
  const image = new Promise<BootImage>((resolve) => {
    release = resolve
  })
  const memory = { memory: {}, ramBytes: 64 * mib } as unknown as GuestMemory
  const vmm = new Vmm({
    pcpus: pcpus.map(({ handle }) => handle),
    createMemory: () => memory,
    recycle: (memory) => recycled.push(memory),
    image: () => image,
  })
  return { vmm, imageRead: (bytes = 1) => release({ kernel: new Uint8Array(bytes) }) }
}

test('a VM goes to the pCPU with the least expected load', async () => {
  const pcpus = [new ScriptedPcpu(0), new ScriptedPcpu(1)]
  const { vmm } = vmmOf(...pcpus)
  await vmm.openCopy(held('busy', 90))
  await vmm.openCopy(held('small-1'))
  await vmm.openCopy(held('small-2'))
  expect(pcpus.map(({ asked }) => asked.length)).toEqual([1, 2])
})

test('a VM that is stopped while its image is read never gets a machine', async () => {
  const pcpu = new ScriptedPcpu(0)
  const { vmm, imageRead } = vmmOf(pcpu)
  const vm = held('vm1')
  const booting = vmm.boot(vm)
  await vmm.destroy(vm)
  imageRead()
  await expect(booting).rejects.toMatchObject({ fault: { code: 'unknown-vm' } })
  expect(pcpu.asked).toEqual([])
  expect(vmm.machines()).toEqual([])
})

test('a large image is loaded piece by piece: its pCPU is asked for each alone', async () => {
  const pcpu = new ScriptedPcpu(0)
  const { vmm, imageRead } = vmmOf(pcpu)
  imageRead(2.5 * mib)
  await vmm.boot(held('large'))
  expect(pcpu.asked).toEqual(['attach', 'load', 'load', 'load', 'boot'])
  expect(pcpu.togetherMax).toBe(1)
})

test('a VM that is stopped while its image is loaded gets no more of it', async () => {
  const pcpu = new ScriptedPcpu(0)
  const { vmm, imageRead } = vmmOf(pcpu)
  imageRead(9 * mib)
  const vm = held('larger')
  const booting = vmm.boot(vm)
  for (let n = 0; n < 1000 && !pcpu.asked.includes('load'); n++) await Promise.resolve()
  const gone = vmm.destroy(vm)
  await expect(booting).rejects.toMatchObject({ fault: { code: 'unknown-vm' } })
  await gone
  expect(pcpu.asked.filter((what) => what === 'load').length).toBeLessThan(4)
  expect(pcpu.asked).not.toContain('boot')
})

test('a name is attached again only after its old machine has gone', async () => {
  const pcpu = new ScriptedPcpu(0)
  const { vmm } = vmmOf(pcpu)
  const old = held('twice')
  await vmm.openCopy(old)
  vms.forget(old)
  const leaving = vmm.destroy(old)
  await Promise.all([leaving, vmm.openCopy(held('twice'))])
  expect(pcpu.asked).toEqual(['attach', 'detach', 'attach'])
})

test('the memory of a VM that is gone is recycled when no clone lives on it', async () => {
  const { vmm } = vmmOf(new ScriptedPcpu(0))
  const parent = async (name: string) => {
    const vm = held(name)
    await vmm.openCopy(vm)
    await vmm.fork(vm, {} as never, undefined)
    return vm
  }
  const [before, after, never] = [await parent('p1'), await parent('p2'), held('p3')]
  await vmm.openCopy(never)
  recycled.length = 0
  await vmm.destroy(never)
  expect(recycled.length).toBe(1) // It was not forked.
  await vmm.unshare(before)
  await vmm.destroy(before)
  expect(recycled.length).toBe(2) // Its clones have gone before it.
  await vmm.destroy(after)
  expect(recycled.length).toBe(2)
  await vmm.unshare(after)
  expect(recycled.length).toBe(3)
})

test('an event of a machine that is gone reaches nobody', async () => {
  const { vmm } = vmmOf(new ScriptedPcpu(0))
  const vm = held('talker')
  await vmm.openCopy(vm)
  const event = { on: 'accepted', vmId: 'talker', offset: 1 } as const
  expect(vmm.eventVm(0, event)).toBe(vm)
  expect(vmm.eventVm(1, event)).toBeUndefined()
  await vmm.destroy(vm)
  expect(vmm.eventVm(0, event)).toBeUndefined()
})

test('a pCPU that died gets no VM; when all have died the fault says so', async () => {
  const pcpus = [new ScriptedPcpu(0), new ScriptedPcpu(1)]
  const { vmm } = vmmOf(...pcpus)
  pcpus[0]?.die()
  await vmm.openCopy(held('vm-a'))
  expect(pcpus.map(({ asked }) => asked.length)).toEqual([0, 1])
  pcpus[1]?.die()
  await expect(vmm.openCopy(held('vm-b'))).rejects.toMatchObject({ fault: { code: 'no-room' } })
  expect(await vmm.stats()).toEqual([])
})

test("a pCPU's refusal is the error of the request", async () => {
  const { vmm } = vmmOf(new ScriptedPcpu(0, 'This pCPU says no.'))
  await expect(vmm.openCopy(held('refused'))).rejects.toThrow('This pCPU says no.')
})

test('what cannot boot is refused by name, before there is a machine', async () => {
  const pcpu = new ScriptedPcpu(0)
  const { vmm, imageRead } = vmmOf(pcpu)
  const vm = vms.becomeIncoming(
    vmOrder('as-on-hardware', 1, { boot: 'unmodified' }),
    asMigrationId('m1'),
  )
  const booting = vmm.boot(vm)
  imageRead()
  await expect(booting).rejects.toMatchObject({ fault: { code: 'no-image' } })
  await expect(booting).rejects.toThrow('no firmware')
  expect(pcpu.asked).toEqual([])
})

test('a guest that has reset itself is booted again on the machine it has', async () => {
  const pcpu = new ScriptedPcpu(0)
  const { vmm, imageRead } = vmmOf(pcpu)
  const vm = held('again')
  await vmm.openCopy(vm)
  imageRead()
  await vmm.bootAgain(vm)
  expect(pcpu.asked).toEqual(['attach', 'reboot'])
  expect(vmm.machines()).toHaveLength(1)
})
