// Three systems on one pCPU: Debian Linux, U-Boot, and our own guest. Each answers on its own
// console while the others run, and none sees what another is told. Real time, as on a node.

import { expect, test } from 'vitest'
import type { BootImage } from '#engine/boot-layout.ts'
import { WasmCore } from '#engine/cpu/core.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { Pcpu } from '#engine/pcpu.ts'
import { realClock } from '#env/real/clock.ts'
import { fileIn, pulledImage } from './console-vm.ts'
import { coreModule, guestImage, vmConfig } from './machine-rig.ts'

const [debian, uBoot] = [pulledImage('debian'), pulledImage('u-boot')]
const msMax = 180_000

class Node {
  readonly #said = new Map<string, string>()
  readonly #typed = new Map<string, number>()
  readonly #pcpu = new Pcpu({
    host: realClock,
    makeCore: ({ memory, ramBytes, clock, boot }, hooks) => {
      const sbi = boot === 'unmodified' ? 'firmware' : 'vmm'
      return new WasmCore({ module: coreModule, memory, ramBytes, clock, sbi, hooks })
    },
    openDisk: () => {
      throw new Error('These VMs have no disks')
    },
    runUntilMs: () => Infinity,
    mips: 0,
    emit: (event) => {
      if (event.on === 'output')
        this.#said.set(event.vmId, this.said(event.vmId) + new TextDecoder().decode(event.bytes))
    },
  })

  start(vmId: string, image: BootImage, more: Parameters<typeof vmConfig>[1]): void {
    const { ramBytes = 8 << 20 } = more ?? {}
    const ram = WasmGuestMemory.create(coreModule, ramBytes)
    const config = vmConfig('', { ...more, vmId, ramBytes, clock: 'real' }, ram)
    expect(this.#pcpu.handle({ do: 'attach', config, start: 'boot', image })).toBeUndefined()
    expect(this.#pcpu.handle({ do: 'resume', vmId })).toBeUndefined()
  }

  said(vmId: string): string {
    return this.#said.get(vmId) ?? ''
  }

  type(vmId: string, text: string): void {
    const offset = this.#typed.get(vmId) ?? 0
    const bytes = new TextEncoder().encode(text)
    this.#pcpu.handle({ do: 'input', vmId, offset, bytes })
    this.#typed.set(vmId, offset + bytes.length)
  }

  /** Runs all of them until each has said its words. */
  until(words: Readonly<Record<string, string>>): void {
    const isMissing = () =>
      Object.entries(words).filter(([vmId, text]) => !this.said(vmId).includes(text))
    const endMs = realClock.nowMs() + msMax
    while (isMissing().length > 0) {
      if (realClock.nowMs() > endMs) throw new Error(`Never said: ${isMissing()}`)
      for (let slices = 0; slices < 50; slices++) this.#pcpu.run()
    }
  }
}

test.skipIf(debian === undefined || uBoot === undefined)(
  'Debian Linux, U-Boot and our guest run on one pCPU',
  () => {
    const node = new Node()
    const files = (folder = '') => ({
      kernel: fileIn(folder, 'kernel'),
      firmware: fileIn(folder, 'firmware'),
    })
    const linux = { ...files(debian), initrd: fileIn(debian ?? '', 'initramfs') }
    node.start('debian', linux, { ramBytes: 128 << 20, args: 'quiet' })
    node.start('u-boot', files(uBoot), { ramBytes: 64 << 20, boot: 'unmodified' })
    node.start('ours', { kernel: guestImage }, { args: 'workload=cpu load=5' })
    node.until({ 'u-boot': 'stop autoboot' })
    node.type('u-boot', '\r')
    node.until({ debian: 'built-in shell', 'u-boot': '=> ', ours: 'ready' })

    node.type('debian', 'uname -sm\n')
    node.type('u-boot', 'version\r')
    node.type('ours', 'r1 ping\n')
    node.until({ debian: 'Linux riscv64', 'u-boot': 'U-Boot 20', ours: 'r1 pong' })
    expect(node.said('debian')).not.toMatch(/U-Boot|pong/)
    expect(node.said('u-boot')).not.toMatch(/Linux|pong/)
    expect(node.said('ours')).not.toMatch(/Linux|U-Boot/)
  },
  2 * msMax,
)
