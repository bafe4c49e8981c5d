// A hart on a VM's memory: core.wasm behind the Core port, for the thread of a pCPU.
// Not here: devices, SBI and guest time, which come in through the hooks; the agent's page work
// (../memory/). A snapshot of the hart is `magic`, `version`, then its words as they lie in memory
// (core/layout.ts), little-endian.

import { invariant } from '#proto/invariant.ts'
import { pageBytes } from '#proto/units.ts'
import { type CompileRegion, defaultLimits, Translator } from '../translator/translator.ts'
import type { Core, CoreHooks, Exit, PreservedPages } from './core-port.ts'
import { type CoreInstance, instantiateCore, type TranslationHooks } from './module.ts'

export interface WasmCoreOptions {
  readonly module: WebAssembly.Module
  /** Made by GuestMemory.create for this module and `ramBytes`. */
  readonly memory: WebAssembly.Memory
  readonly ramBytes: number
  readonly clock: 'real' | 'instructions'
  /** Who answers an ecall from S-mode: the VMM (Exit.sbi), or firmware in M-mode (a trap). */
  readonly sbi: 'vmm' | 'firmware'
  readonly hooks: CoreHooks
  /** Hot code becomes WebAssembly (the default), or all is interpreted. */
  readonly translate?: boolean
  /** Jumps to a place before it is translated. */
  readonly threshold?: number
  /** Absent: as the platform does. */
  readonly compile?: CompileRegion
}

/** 'HART', little-endian. */
const snapshotMagic = 0x54524148
const snapshotVersion = 3
const snapshotHeaderBytes = 8

/** One run() takes no more at once, so that counts fit the core's 32 bits. */
const budgetMax = 1 << 30

/**
 * Below it more is spent on making regions, here and in V8's threads, than is gained by them. The
 * core's counters hold eight times as much, and no more than 65,535.
 */
const defaultThreshold = 6000

const hooksOf = (translator: Translator): TranslationHooks => ({
  translate: (pc) => translator.translate(pc),
  codeChanged: (page) => translator.codeChanged(page),
  allCodeChanged: () => translator.allCodeChanged(),
})

const modes = { S: 1, M: 3 } as const
const clocks = { real: 0, instructions: 1 } as const

export class WasmCore implements Core {
  /** For its figures. */
  readonly translator: Translator
  readonly #core: CoreInstance
  readonly #bytes: Uint8Array<SharedArrayBuffer | ArrayBuffer>
  readonly #logBytes: number
  #preserved: { readonly bytes: Uint8Array; readonly flags: Uint8Array } | undefined

  constructor(options: WasmCoreOptions) {
    const { module, memory, ramBytes, hooks } = options
    this.#bytes = new Uint8Array(memory.buffer)
    const translator = new Translator(memory, defaultLimits, options.compile)
    this.#core = instantiateCore(module, memory, {
      ...this.#importsFrom(hooks),
      ...hooksOf(translator),
    })
    translator.connect(this.#core)
    this.translator = translator
    const { call } = this.#core
    invariant(call.format(ramBytes) === 1, 'The memory was made for another size of RAM')
    const threshold = options.translate === false ? 0 : (options.threshold ?? defaultThreshold)
    call.configure(clocks[options.clock], options.sbi === 'vmm' ? 1 : 0, threshold)
    this.#logBytes = ramBytes / 4096 / 8
  }

  reset(at: { pc: bigint; a0: bigint; a1: bigint; mode: 'S' | 'M' }): void {
    this.#core.call.reset(at.pc, at.a0, at.a1, modes[at.mode])
  }

  run(budget: number): Exit {
    return this.#core.call.run(Math.min(budget, budgetMax)) as Exit
  }

  requestExit(): void {
    this.#core.call.requestExit()
  }

  get retired(): number {
    return this.#core.call.retired()
  }

  get ticks(): number {
    return this.#core.call.ticks()
  }

  skipTo(ticks: number): void {
    this.#core.call.skipTo(ticks)
  }

  get timerTicks(): number {
    return this.#core.call.alarm()
  }

  setTimer(ticks: bigint): void {
    this.#core.call.setAlarm(ticks)
  }

  setExternalInterrupt(level: boolean): void {
    this.#core.call.setExternalInterrupt(level ? 1 : 0)
  }

  setMachineExternalInterrupt(level: boolean): void {
    this.#core.call.setMachineExternalInterrupt(level ? 1 : 0)
  }

  setSoftwareInterrupt(level: boolean): void {
    this.#core.call.setSoftwareInterrupt(level ? 1 : 0)
  }

  x(index: number): bigint {
    return BigInt.asUintN(64, this.#core.call.readX(index))
  }

  setX(index: number, value: bigint): void {
    this.#core.call.writeX(index, value)
  }

  get pc(): bigint {
    return BigInt.asUintN(64, this.#core.call.readPc())
  }

  /** GPA of the absent page; -1 when a device's access failed for another reason. */
  absentPage(): number {
    return this.#core.call.absentGpa()
  }

  /**
   * A page that is not present leaves run() with Exit.absent when it is touched, and refuses DMA.
   */
  setPresent(page: number, present: boolean): void {
    const known = this.#core.call.setPresent(page, present ? 1 : 0) === 1
    invariant(known, `There is no page ${page}`)
  }

  capture(): Uint8Array {
    const snapshot = new Uint8Array(snapshotHeaderBytes + this.#core.at.hartBytes)
    const header = new DataView(snapshot.buffer)
    header.setUint32(0, snapshotMagic, true)
    header.setUint32(4, snapshotVersion, true)
    snapshot.set(this.#bytes.subarray(0, this.#core.at.hartBytes), snapshotHeaderBytes)
    return snapshot
  }

  /**
   * Throws an Error for a person when the bytes are no snapshot of this version; the hart is then
   * as it was.
   */
  restore(bytes: Uint8Array): void {
    this.#refuseUnlessSnapshot(bytes)
    const before = this.#bytes.slice(0, this.#core.at.hartBytes)
    this.#bytes.set(bytes.subarray(snapshotHeaderBytes), 0)
    if (this.#core.call.afterRestore() === 1) return
    this.#bytes.set(before, 0)
    throw new Error(
      'The CPU snapshot holds a state no CPU can be in: it was damaged; take it again',
    )
  }

  #refuseUnlessSnapshot(bytes: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = bytes
    const header = new DataView(buffer, byteOffset, byteLength)
    const isOurs = byteLength >= snapshotHeaderBytes && header.getUint32(0, true) === snapshotMagic
    if (!isOurs) throw new Error('These bytes are no CPU snapshot')
    const version = header.getUint32(4, true)
    if (version !== snapshotVersion) {
      throw new Error(
        `The CPU snapshot has version ${version}, this node knows ${snapshotVersion}: ` +
          'run the same release on both nodes',
      )
    }
    if (byteLength !== snapshotHeaderBytes + this.#core.at.hartBytes) {
      throw new Error(`The CPU snapshot has ${byteLength} bytes: it was cut; take it again`)
    }
  }

  openLog(): number {
    const log = this.#core.call.openLog()
    if (log < 0) throw new Error('All dirty logs of this VM are open: close one first')
    return log
  }

  takeLog(log: number): Uint8Array {
    const address = this.#core.call.takeLog(log)
    invariant(address !== 0, `Dirty log ${log} is not open`)
    const bitmap = new Uint8Array(this.#logBytes)
    bitmap.set(this.#bytes.subarray(address, address + this.#logBytes))
    this.#core.call.clearLog(log)
    return bitmap
  }

  closeLog(log: number): void {
    invariant(this.#core.call.closeLog(log) === 1, `Dirty log ${log} is not open`)
  }

  freeze(image: PreservedPages | undefined): void {
    this.#preserved = image && {
      bytes: new Uint8Array(image.bytes),
      flags: new Uint8Array(image.flags),
    }
    if (image) this.#core.call.freeze()
    else this.#core.call.thaw()
  }

  #preserve(page: number, isTouched: boolean): void {
    invariant(this.#preserved, 'A page was frozen, but for no image')
    const { bytes, flags } = this.#preserved
    const from = this.#core.at.ramAddress + page * pageBytes
    if (isTouched) bytes.set(this.#bytes.subarray(from, from + pageBytes), page * pageBytes)
    Atomics.store(flags, page, isTouched ? 1 : 2)
  }

  dmaRead(gpa: number, into: Uint8Array): boolean {
    const from = this.#core.call.reachForDevice(gpa, into.length, 0)
    if (from === 0) return into.length === 0
    into.set(this.#bytes.subarray(from, from + into.length))
    return true
  }

  dmaWrite(gpa: number, from: Uint8Array): boolean {
    const to = this.#core.call.reachForDevice(gpa, from.length, 1)
    if (to === 0) return from.length === 0
    this.#bytes.set(from, to)
    return true
  }

  absentIn(gpa: number, bytes: number): boolean {
    const isHere = this.#core.call.reachForDevice(gpa, bytes, 0) !== 0
    return !isHere && this.absentPage() !== -1
  }

  release(ranges: readonly { readonly gpa: number; readonly bytes: number }[]): number {
    let pages = 0
    for (const { gpa, bytes } of ranges) pages += this.#core.call.releasePages(gpa, bytes)
    if (pages > 0) this.#core.call.endRelease()
    return pages
  }

  /** Values go through memory: a word there costs less than a BigInt through a call. */
  #importsFrom(hooks: CoreHooks) {
    const words = new BigUint64Array(this.#bytes.buffer)
    const value = () => this.#core.at.valueAddress >> 3
    return {
      mmioRead(gpa: number, size: number): number {
        const loaded = hooks.mmioRead(gpa, size)
        if (loaded === undefined) return 0
        words[value()] = loaded
        return 1
      },
      mmioWrite: (gpa: number, size: number): number => {
        const stored = BigInt.asUintN(8 * size, words[value()] ?? 0n)
        return hooks.mmioWrite(gpa, size, stored) ? 1 : 0
      },
      timeTicks: () => hooks.timeTicks(),
      preserve: (page: number, touched: number) => this.#preserve(page, touched !== 0),
    }
  }
}
