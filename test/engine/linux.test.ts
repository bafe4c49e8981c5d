// Debian's kernel on our machine: from its first instruction to a shell, and on as a copy. The
// image is the one that `godwit image pull debian` has built on this machine; without it there is
// nothing to boot. Guest time is instruction-count time: every run is the same.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { WasmCore } from '#engine/cpu/core.ts'
import { Machine, type RunOutcome } from '#engine/machine.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { clustersHome } from '#scenarios/local/cluster-folder.ts'
import { coreModule, HostTime, TestDisk, vmConfig } from './machine-rig.ts'

const folder = join(clustersHome(), 'images/debian')
const isPulled = existsSync(folder)
if (!isPulled) console.warn(`Skipped: ${folder} is not there. Pull it: godwit image pull debian`)

const ramBytes = 128 << 20
const diskBytes = 4 << 20
const bootMsMax = 120_000
/** Far more than a boot takes, or a command: 1.1 thousand million. */
const instructionsMax = 4e9
const slice = 2_000_000

/** A machine with Linux's memory, on a console that a test types on and reads. */
class LinuxVm {
  readonly ram = WasmGuestMemory.create(coreModule, ramBytes)
  readonly machine: Machine
  #output = ''
  #typed = 0

  constructor(disk = new TestDisk(diskBytes)) {
    const { memory } = this.ram
    const config = vmConfig(
      'quiet',
      { ramBytes, disk: { sizeBytes: diskBytes, layers: [] } },
      this.ram,
    )
    this.machine = new Machine({
      config,
      host: new HostTime(),
      makeCore: (hooks) =>
        new WasmCore({
          ...{ module: coreModule, memory, ramBytes, hooks },
          ...{ clock: config.clock, sbi: 'vmm' },
        }),
    })
    this.machine.connectDisk(disk)
  }

  /** Runs until that text has been written; returns all that was written before it. */
  until(text: string): string {
    const end = this.machine.retired + instructionsMax
    while (!this.#output.includes(text)) {
      if (this.machine.retired > end) throw new Error(`No ${text} in: ${this.#output}`)
      const outcome = this.#run(slice)
      this.#output += new TextDecoder().decode(this.machine.takeOutput()?.bytes)
      if (outcome.kind === 'stopped') break
    }
    const [before = '', ...after] = this.#output.split(text)
    this.#output = after.join(text)
    return before
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

  /** What a command prints, between two marks that its echo does not hold. */
  say(command: string): string {
    this.type(`echo be''gin; ${command}; echo e''nd`)
    this.until('begin\r\n')
    return this.until('end\r\n').trim()
  }

  /** The same VM in another machine, at the same instruction. */
  copy(disk: TestDisk): LinuxVm {
    this.machine.pause()
    const other = new LinuxVm(disk)
    other.ram.copyFrom(this.ram)
    other.machine.restore(this.machine.capture())
    other.#typed = this.#typed
    other.#output = this.#output
    other.machine.resume()
    this.machine.resume()
    return other
  }
}

describe.skipIf(!isPulled)('Debian Linux', () => {
  let linux: LinuxVm
  const disk = new TestDisk(diskBytes)

  beforeAll(() => {
    linux = new LinuxVm(disk)
    const [kernel, initrd] = ['kernel', 'initramfs'].map(
      (file) => new Uint8Array(readFileSync(join(folder, file))),
    ) as [Uint8Array, Uint8Array]
    linux.machine.boot({ kernel, initrd })
    linux.machine.resume()
    linux.until('built-in shell')
  }, bootMsMax)

  test('runs as the machine that the device tree tells of', () => {
    expect(linux.say('uname -m')).toBe('riscv64')
    expect(linux.say('grep ^isa /proc/cpuinfo')).toContain('rv64imafdc')
    expect(linux.say('cat /proc/cmdline')).toBe('quiet')
    // Its programs read the clock without asking the kernel.
    expect(linux.say('time true')).toMatch(/real\t0m/)
  })

  test('writes to its disk and reads it back', () => {
    linux.say('echo written by Linux | dd of=/dev/vda conv=fsync 2>/dev/null')
    expect(new TextDecoder().decode(disk.bytes.subarray(0, 16))).toBe('written by Linux')
    expect(disk.flushes).toBeGreaterThan(0)
    expect(linux.say('dd if=/dev/vda bs=16 count=1 2>/dev/null')).toBe('written by Linux')
  })

  test('goes on as a copy in the middle of a shell loop, instruction for instruction', () => {
    linux.type('i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo tick $i; done; echo all""-told')
    linux.until('tick 7\r')
    const other = linux.copy(new TestDisk(diskBytes))
    expect(other.until('all-told')).toBe(linux.until('all-told'))
    const retired = Math.max(other.machine.retired, linux.machine.retired)
    for (const each of [linux, other]) each.upTo(retired)
    expect(other.ram.fullHash()).toBe(linux.ram.fullHash())
  })

  test('powers the VM off', () => {
    linux.type('poweroff')
    linux.until('never printed')
    expect(linux.machine.end).toMatchObject({ reason: 'shut-down' })
  })
})
