// Guests that mean no good, beside one that does, on one pCPU. Whatever they do, nothing of ours
// throws, they give the thread back, and the neighbour computes what it would have computed alone.

import { describe, expect, test } from 'vitest'
import { WasmCore } from '#engine/cpu/core.ts'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { Pcpu } from '#engine/pcpu.ts'
import type { PcpuEvent, VmConfig } from '#engine/vm-config.ts'
import { realClock } from '#env/real/clock.ts'
import { type Assembler, assemble } from './cpu/assembler.ts'
import { dice, hostileProgram } from './hostile-program.ts'
import {
  bootedRig,
  coreModule,
  emptyRig,
  guestImage,
  ramBytes,
  TestDisk,
  vmConfig,
} from './machine-rig.ts'

const kernelGpa = BigInt(ramGpa + (2 << 20))
const kernel = (write: (a: Assembler) => void) => assemble(kernelGpa, write).bytes
const disk = { sizeBytes: 256 * 1024, layers: ['disk'] }

/** A machine that runs that program. */
function hostile(image: Uint8Array) {
  const rig = emptyRig('')
  rig.machine.boot({ kernel: image })
  rig.machine.resume()
  return rig
}

class OnePcpu {
  readonly events: PcpuEvent[] = []
  readonly memories = new Map<string, WasmGuestMemory>()
  readonly pcpu = new Pcpu({
    host: realClock,
    makeCore: ({ memory, clock }, hooks) =>
      new WasmCore({ module: coreModule, memory, ramBytes, clock, sbi: 'vmm', hooks }),
    openDisk: () => new TestDisk(disk.sizeBytes),
    runUntilMs: () => Infinity,
    mips: 0,
    emit: (event) => this.events.push(event),
  })

  start(vmId: string, image: Uint8Array, more: Partial<VmConfig>): void {
    const memory = WasmGuestMemory.create(coreModule, ramBytes)
    this.memories.set(vmId, memory)
    const config = vmConfig(more.args ?? '', { vmId, ...more }, memory)
    this.do({ do: 'attach', config, start: 'boot', image: { kernel: image } })
    this.do({ do: 'resume', vmId })
  }

  do<C extends Parameters<Pcpu['handle']>[0]>(command: C) {
    const answer = this.pcpu.handle(command)
    if (answer instanceof Error) throw answer
    return answer
  }

  instructions(vmId: string): number {
    const found = this.do({ do: 'stats' }).vms.find((vm) => vm.vmId === vmId)
    return found?.instructions ?? 0
  }

  ended(vmId: string): string | undefined {
    const found = this.events.find((event) => event.on === 'stopped' && event.vmId === vmId)
    return found?.on === 'stopped' ? found.detail : undefined
  }
}

describe('a hostile guest', () => {
  test('law: whatever it does, nothing throws, and its neighbour computes what it would alone', () => {
    const args = 'workload=check mib=2'
    const node = new OnePcpu()
    node.start('good', guestImage, { args })
    for (let seed = 1; seed <= 24; seed++) {
      const vmId = `bad-${seed}`
      const before = node.instructions('good')
      const clock = seed % 2 === 0 ? 'real' : 'instructions'
      node.start(vmId, hostileProgram(seed), { disk, clock })
      runBeside(node, vmId, seed)
      expect(node.ended(vmId) ?? '', `seed ${seed}`).not.toContain('The machine failed')
      for (let n = 0; n < 20_000 && node.instructions('good') === before; n++) node.pcpu.run()
      expect(node.instructions('good'), `seed ${seed}`).toBeGreaterThan(before)
      node.do({ do: 'detach', vmId })
    }
    expect(node.ended('good')).toBeUndefined()
    node.do({ do: 'pause', vmId: 'good' })
    expect(node.memories.get('good')?.fullHash()).toBe(alone(args, node.instructions('good')))
  })

  test('that only traps gives the thread back', () => {
    const { machine } = hostile(new Uint8Array(4096))
    expect(machine.run(400_000)).toEqual({ kind: 'ran' })
    expect(machine.retired).toBe(0)
  })

  test('that floods its console, by either way, leaves its slice, and every byte is kept', () => {
    const bySbi = hostile(
      kernel((a) => {
        a.label('again')
        a.li('a7', 0x4442434e)
        a.li('a6', 0)
        a.li('a0', 4096)
        a.li('a1', ramGpa)
        a.li('a2', 0)
        a.ecall()
        a.jal('zero', 'again')
      }),
    )
    const byUart = hostile(
      kernel((a) => {
        a.li('s0', 0x1000_0000)
        a.label('again')
        a.sb('s0', 0, 's0')
        a.jal('zero', 'again')
      }),
    )
    for (const { machine } of [bySbi, byUart]) {
      let offset = 0
      for (let slice = 0; slice < 5; slice++) {
        machine.run(4_000_000)
        const output = machine.takeOutput()
        expect(output?.offset).toBe(offset)
        const length = output?.bytes.length ?? 0
        expect(length).toBeGreaterThanOrEqual(16 * 1024)
        expect(length).toBeLessThanOrEqual(20 * 1024)
        offset += length
      }
    }
  })

  test('that is slow by devices and calls leaves its slice when the time is over', () => {
    const { machine, host } = hostile(
      kernel((a) => {
        a.li('s0', 0x1000_0000)
        a.label('again')
        a.lbu('a0', 7, 's0')
        a.jal('zero', 'again')
      }),
    )
    expect(machine.run(1_000_000, host.ms)).toEqual({ kind: 'ran' })
    expect(machine.retired).toBeLessThan(100)
    expect(machine.run(10_000, host.ms + 1)).toEqual({ kind: 'ran' })
    expect(machine.retired).toBeGreaterThan(10_000)
  })
})

test('a guest that does nothing but fence leaves its slice when the time is over', () => {
  const { machine, host } = hostile(
    kernel((a) => {
      a.label('again')
      a.sfence('zero')
      a.jal('zero', 'again')
    }),
  )
  expect(machine.run(1_000_000, host.ms)).toEqual({ kind: 'ran' })
  expect(machine.retired).toBeLessThanOrEqual(20_000)
})

/** Slices of both, and in between what an agent does to a VM it looks at or copies. */
function runBeside(node: OnePcpu, vmId: string, seed: number): void {
  const roll = dice(seed)
  const { log } = node.do({ do: 'open-log', vmId })
  for (let slices = 0; slices < 40 && node.ended(vmId) === undefined; slices++) {
    node.pcpu.run()
    if (roll(8) === 0) node.do({ do: 'take-log', vmId, log, pause: false })
    if (roll(8) === 0) node.do({ do: 'input', vmId, offset: 0, bytes: new Uint8Array(roll(9000)) })
    if (roll(16) === 0 && node.ended(vmId) === undefined) moveWithin(node, vmId)
  }
  node.do({ do: 'close-log', vmId, log })
}

/** What a copy would be given is what it then holds. */
function moveWithin(node: OnePcpu, vmId: string): void {
  node.do({ do: 'pause', vmId })
  const { sections } = node.do({ do: 'capture', vmId })
  node.do({ do: 'restore', vmId, sections })
  expect(node.do({ do: 'capture', vmId }).sections).toEqual(sections)
  node.do({ do: 'resume', vmId })
}

/** RAM of the same guest after as many instructions, with a pCPU of its own. */
function alone(args: string, instructions: number): string {
  const rig = bootedRig(args)
  while (rig.machine.retired < instructions) {
    const outcome = rig.machine.run(instructions - rig.machine.retired)
    if (outcome.kind === 'idle') rig.machine.passTimeTo(outcome.untilTicks)
    rig.machine.takeOutput()
  }
  return rig.ram.fullHash()
}
