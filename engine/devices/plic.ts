// PLIC: gathers the interrupt lines of the devices and offers the most urgent one to each context
// of hart 0.
// Not here: what a context does with it (the core takes an external interrupt while its line is
// high).
// Source: RISC-V Platform-Level Interrupt Controller specification 1.0.0; the sizes of QEMU's
// `virt`: sources 1 to 95, priorities 0 (never) to 7, contexts 0 = M-mode and 1 = S-mode of hart 0.
// Lines are level-sensitive (chapter 3, "Interrupt Gateways"): a request once made stays pending
// until it is claimed, even when the line falls. Those that nothing acknowledges are edges: one
// that comes while the one before is served waits for its completion, as if the line were high.

import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Section } from '../vm-config.ts'
import { plicRegion, plicSources } from './memory-map.ts'
import type { InterruptLine, MmioDevice } from './mmio.ts'

const words = Math.ceil((plicSources + 1) / 32)
const priorityMax = 7
const contexts = 2
const version = 1

/** The register blocks of the specification's memory map (chapter 3). */
const blocks = {
  pending: 0x1000,
  enable: 0x2000,
  enableStride: 0x80,
  context: 0x20_0000,
  contextStride: 0x1000,
} as const

export class Plic implements MmioDevice, Snapshotted {
  readonly region = plicRegion
  readonly sectionKind = 'plic'
  readonly #outputs: readonly InterruptLine[]
  readonly #priority = new Uint32Array(plicSources + 1)
  readonly #threshold = new Uint32Array(contexts)
  readonly #enable = Array.from({ length: contexts }, () => new Uint32Array(words))
  /** One bit a source: its line, its pending bit, and claimed but not completed. */
  readonly #level = new Uint32Array(words)
  readonly #pending = new Uint32Array(words)
  readonly #claimed = new Uint32Array(words)
  readonly #edges = new Set<number>()

  /** `outputs`: the external interrupt lines of M-mode and of S-mode. */
  constructor(outputs: readonly [InterruptLine, InterruptLine]) {
    this.#outputs = outputs
  }

  /** The line from a device to this source. */
  line(source: number): InterruptLine {
    return (level) => {
      if (has(this.#level, source) === level) return
      put(this.#level, source, level)
      this.#forward(source)
    }
  }

  /** The same from one whose rising alone counts: none is lost, and several at once are one. */
  edge(source: number): InterruptLine {
    this.#edges.add(source)
    return (level) => {
      if (!level || has(this.#pending, source)) return
      put(this.#level, source, true)
      this.#forward(source)
    }
  }

  read(offset: number, size: number): number | undefined {
    if (size !== 4) return undefined
    if (offset < blocks.pending) return this.#priority[offset >> 2] ?? 0
    if (offset < blocks.enable) return this.#pending[(offset - blocks.pending) >> 2] ?? 0
    if (offset < blocks.context) return this.#enableWord(offset)?.read() ?? 0
    const context = (offset - blocks.context) / blocks.contextStride
    const index = Math.floor(context)
    if (index >= contexts) return 0
    if (context === index) return this.#threshold[index]
    return (offset & 0xfff) === 4 ? this.#claim(index) : 0
  }

  /**
   * Writes to registers that are not there, or read-only, are ignored, as the specification has it.
   */
  write(offset: number, size: number, value: number): boolean {
    if (size !== 4) return false
    if (offset < blocks.pending) this.#writePriority(offset >> 2, value)
    else if (offset >= blocks.context) this.#writeContext(offset - blocks.context, value)
    else if (offset >= blocks.enable) this.#enableWord(offset)?.write(value)
    this.#drive()
    return true
  }

  capture(): Section {
    const writer = new SectionWriter(this.sectionKind, version)
    for (const list of this.#state()) for (const word of list) writer.u32(word)
    return writer.section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    for (const list of this.#state())
      for (let at = 0; at < list.length; at++) list[at] = reader.u32()
    reader.end()
    if (this.#priority.some((priority) => priority > priorityMax)) {
      throw reader.refusal(`has a priority above ${priorityMax}`)
    }
    this.#drive()
  }

  #state(): Uint32Array[] {
    return [
      this.#priority,
      this.#threshold,
      ...this.#enable,
      this.#level,
      this.#pending,
      this.#claimed,
    ]
  }

  #writePriority(source: number, value: number): void {
    if (source >= 1 && source <= plicSources) this.#priority[source] = Math.min(value, priorityMax)
  }

  #enableWord(offset: number) {
    const context = Math.floor((offset - blocks.enable) / blocks.enableStride)
    const index = ((offset - blocks.enable) % blocks.enableStride) >> 2
    const enable = this.#enable[context]
    if (enable === undefined || index >= words) return undefined
    return {
      read: () => enable[index] as number,
      // Source 0 does not exist: its bit stays 0.
      write: (value: number) => {
        enable[index] = index === 0 ? value & ~1 : value
      },
    }
  }

  #writeContext(offset: number, value: number): void {
    const context = Math.floor(offset / blocks.contextStride)
    if (context >= contexts) return
    const register = offset % blocks.contextStride
    if (register === 0) this.#threshold[context] = Math.min(value, priorityMax)
    if (register === 4) this.#complete(context, value)
  }

  /** Reading claim takes the most urgent source, whatever the threshold; 0 when none is pending. */
  #claim(context: number): number {
    const source = this.#best(context)
    if (source !== 0) {
      put(this.#pending, source, false)
      put(this.#claimed, source, true)
      this.#drive()
    }
    return source
  }

  /**
   * Ignored unless the source is enabled for that context. A line that is still high asks again.
   */
  #complete(context: number, source: number): void {
    if (source < 1 || source > plicSources || !has(this.#enable[context] as Uint32Array, source))
      return
    put(this.#claimed, source, false)
    this.#forward(source)
  }

  /** The gateway: one request at a time goes on to the core of the PLIC. */
  #forward(source: number): void {
    if (!has(this.#level, source) || has(this.#claimed, source) || has(this.#pending, source))
      return
    put(this.#pending, source, true)
    if (this.#edges.has(source)) put(this.#level, source, false)
    this.#drive()
  }

  #drive(): void {
    for (let context = 0; context < contexts; context++) {
      const priority = this.#priority[this.#best(context)] as number
      this.#outputs[context]?.(priority > (this.#threshold[context] as number))
    }
  }

  /** The pending, enabled source of the highest priority above 0; of equals the lowest number. */
  #best(context: number): number {
    let best = 0
    for (let word = 0; word < words; word++) {
      let bits = (this.#pending[word] as number) & (this.#enable[context]?.[word] as number)
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits)
        const source = 32 * word + bit
        if ((this.#priority[source] as number) > (this.#priority[best] as number)) best = source
        bits &= bits - 1
      }
    }
    return best
  }
}

const has = (bits: Uint32Array, source: number): boolean =>
  ((bits[source >> 5] as number) & (1 << (source & 31))) !== 0

function put(bits: Uint32Array, source: number, level: boolean): void {
  const mask = 1 << (source & 31)
  const word = bits[source >> 5] as number
  bits[source >> 5] = level ? word | mask : word & ~mask
}
