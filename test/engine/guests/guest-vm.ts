// Our guest in a real Machine, driven from a test: in this thread, on instruction-count time, so
// that a run is the same each time and waits for nobody. A line sent is a line the guest reads from
// its UART. Times are guest milliseconds. A busy guest millisecond is a million instructions: mind
// the total.

import { readFileSync } from 'node:fs'
import { WasmCore } from '#engine/cpu/core.ts'
import type { CoreHooks } from '#engine/cpu/core-port.ts'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import type { BlockBackend } from '#engine/devices/block-backend.ts'
import { type DiskStore, openLayeredDisk } from '#engine/devices/layered-disk.ts'
import { ramGpa, ticksPerMs } from '#engine/devices/memory-map.ts'
import { Machine, type MachineEnd } from '#engine/machine.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { type ScreenSize, screenPages } from '#engine/screen.ts'
import type { VmConfig } from '#engine/vm-config.ts'
import { pageBytes } from '#proto/units.ts'

const module = new WebAssembly.Module(readFileSync(coreWasmUrl))
const image = readFileSync(new URL('../../../engine/guests/godwit-guest.bin', import.meta.url))
const mebibyte = 1 << 20
const sliceInstructions = 50_000
const idleMsMax = 10
const clock = 'instructions' as const

export const someIdentity = {
  instanceId: '0b6f6c4e-6c0b-4f0c-9c8e-0a5d0f3c1b2a',
  mac: '52:54:00:12:34:56',
  randomSeed: '00112233445566778899aabbccddeeff'.repeat(2),
}

const layers = ['disk']
export const openDisk = (store: DiskStore, sizeBytes: number): BlockBackend =>
  openLayeredDisk(store, { sizeBytes, layers, epoch: 1 })

export interface GuestVmOptions {
  readonly args: string
  readonly ramMib?: number
  readonly screen?: ScreenSize
  /** Absent: a VM without a disk. */
  readonly disk?: { readonly store: DiskStore; readonly sizeBytes: number }
}

export class GuestVm {
  readonly machine: Machine
  readonly memory: WasmGuestMemory
  /** All whole lines the guest has said. */
  readonly lines: string[] = []
  end: MachineEnd | undefined
  #text = ''
  #inputOffset = 0
  #screenOffset = 0
  #requests = 0

  readonly #options: GuestVmOptions

  /** Booted, or, when `from` is given, its copy: the original is left paused, without its disk. */
  constructor(options: GuestVmOptions, from?: GuestVm) {
    const { disk } = options
    this.#options = options
    this.memory = WasmGuestMemory.create(module, ramBytesOf(options))
    const config = configOf(options, this.memory)
    const { memory, ramBytes } = config
    const host = { nowMs: () => 0, wallMs: () => 0 }
    const makeCore = (hooks: CoreHooks) =>
      new WasmCore({ module, memory, ramBytes, clock, sbi: 'vmm', hooks })
    this.machine = new Machine({ config, host, makeCore })
    if (from) this.#take(from)
    else this.machine.boot({ kernel: image })
    if (disk) this.machine.connectDisk(openDisk(disk.store, disk.sizeBytes))
    this.machine.resume()
  }

  /** Boots and comes back when the guest is ready to serve. */
  static ready(options: GuestVmOptions): GuestVm {
    const vm = new GuestVm(options)
    vm.untilLine('godwit-guest')
    return vm
  }

  /** This VM in another machine, as a migration leaves it. */
  moved(): GuestVm {
    return new GuestVm(this.#options, this)
  }

  get nowMs(): number {
    return this.machine.ticks / ticksPerMs
  }

  /** One slice, or the wait until the guest's next alarm; a guest may wait for none. */
  step(instructions = sliceInstructions): void {
    const outcome = this.machine.run(instructions)
    this.#hear()
    if (outcome.kind === 'idle') {
      const soon = this.machine.ticks + idleMsMax * ticksPerMs
      this.machine.passTimeTo(Math.min(outcome.untilTicks, soon))
    }
    if (outcome.kind === 'stopped') this.end = outcome.end
    if (outcome.kind === 'absent') throw new Error('A page was absent in a VM that has all of them')
  }

  runMs(ms: number): void {
    const until = this.nowMs + ms
    while (this.end === undefined && this.nowMs < until) this.step()
  }

  untilEnd(msMax = 10_000): MachineEnd {
    this.#until(() => this.end !== undefined, msMax, 'the end')
    return this.end as MachineEnd
  }

  /** The first line from now on that begins so. */
  untilLine(start: string, msMax = 10_000): string {
    const from = this.lines.length
    const found = () => this.lines.slice(from).find((line) => line.startsWith(start))
    this.#until(() => found() !== undefined, msMax, `a line "${start}…"`)
    return found() as string
  }

  /** What is typed, as it is. */
  type(text: string | Uint8Array): void {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    const end = this.#inputOffset + bytes.length
    while (this.#inputOffset < end) {
      const rest = bytes.subarray(bytes.length - (end - this.#inputOffset))
      const accepted = this.machine.input(this.#inputOffset, rest)
      if (accepted === this.#inputOffset) this.step()
      this.#inputOffset = accepted
    }
  }

  /** Events for keyboard (0) and pointer (1): device, type, code, value. */
  act(...events: readonly (readonly [number, number, number, number])[]): void {
    for (const [device, type, code, value] of events) {
      const event = new DataView(new ArrayBuffer(8))
      event.setUint8(0, device)
      event.setUint8(1, type)
      event.setUint16(2, code, true)
      event.setInt32(4, value, true)
      const bytes = new Uint8Array(event.buffer)
      while (this.machine.input(this.#screenOffset, bytes, 'screen') === this.#screenOffset)
        this.step()
      this.#screenOffset += bytes.length
    }
  }

  /** The pixels of its screen, as they lie in RAM: blue, green, red, nothing. */
  screen(): Uint8Array {
    const pages = this.#options.screen ? screenPages(this.#options.screen) : 0
    const bytes = new Uint8Array(pages * pageBytes)
    const first = this.memory.pageCount - pages
    for (let page = 0; page < pages; page++)
      this.memory.readPage(first + page, bytes.subarray(page * pageBytes, (page + 1) * pageBytes))
    return bytes
  }

  /** The answer to a request, without its id. */
  ask(request: string): string {
    const id = `ask-${++this.#requests}`
    this.type(`${id} ${request}\n`)
    return this.untilLine(`${id} `).slice(id.length + 1)
  }

  /** The counters of `stats`. */
  stats(): Record<string, number> {
    const fields = this.ask('stats').split(' ').slice(1)
    return Object.fromEntries(
      fields.map((field) => [field.split('=')[0], Number(field.split('=')[1])]),
    )
  }

  /** GPAs of all pages that hold something, but for the device tree at the end of RAM. */
  filledPages(): number[] {
    const all = new Uint8Array(this.memory.pageCount / 8).fill(0xff)
    const gpas: number[] = []
    for (let from = 0; from < this.memory.pageCount; ) {
      const found = this.memory.collect(all, from, 256)
      for (const page of found.pages) gpas.push(ramGpa + page * pageBytes)
      from = found.nextPage
    }
    return gpas.slice(0, -1)
  }

  readPage(gpa: number): Uint8Array {
    const page = (gpa - ramGpa) / pageBytes
    const bitmap = new Uint8Array(this.memory.pageCount / 8)
    bitmap[page >> 3] = 1 << (page & 7)
    const { pages, bytes } = this.memory.collect(bitmap, page, 1)
    return pages.length === 1 ? bytes : new Uint8Array(pageBytes)
  }

  /** What a broken migration would do: one bit of RAM is another. Returns the byte as it was. */
  flipBit(gpa: number): number {
    const start = gpa - (gpa % pageBytes)
    const bytes = this.readPage(start)
    const was = bytes[gpa - start] as number
    bytes[gpa - start] = was ^ 1
    this.memory.store(Uint32Array.of((start - ramGpa) / pageBytes), bytes)
    return was
  }

  #take(from: GuestVm): void {
    from.machine.pause()
    from.machine.releaseDisk()
    this.memory.copyFrom(from.memory)
    this.machine.restore(from.machine.capture())
    this.#inputOffset = from.#inputOffset
    this.#screenOffset = from.#screenOffset
    this.#requests = from.#requests
    this.#text = from.#text
  }

  #until(reached: () => boolean, msMax: number, what: string): void {
    const deadlineMs = this.nowMs + msMax
    while (!reached()) {
      const over = this.nowMs > deadlineMs || (this.end !== undefined && !reached())
      if (over)
        throw new Error(`The guest never came to ${what}; it said:\n${this.lines.join('\n')}`)
      this.step()
    }
  }

  #hear(): void {
    for (;;) {
      const output = this.machine.takeOutput()
      if (output === undefined) return
      const parts = (this.#text + new TextDecoder().decode(output.bytes)).split('\n')
      this.#text = parts.pop() ?? ''
      this.lines.push(...parts)
    }
  }
}

const ramBytesOf = ({ ramMib = 8 }: GuestVmOptions) => ramMib * mebibyte

function configOf(options: GuestVmOptions, { memory }: WasmGuestMemory): VmConfig {
  const plain = {
    vmId: 'guest',
    memory,
    ramBytes: ramBytesOf(options),
    args: options.args,
    clock,
    boot: 'paravirtualised' as const,
    identity: someIdentity,
    cpuShares: 1024,
    cpuCapPercent: 100,
    leased: false,
    epoch: 1,
  }
  const { disk, screen } = options
  const shown = screen ? { ...plain, screen } : plain
  return disk ? { ...shown, disk: { sizeBytes: disk.sizeBytes, layers } } : shown
}
