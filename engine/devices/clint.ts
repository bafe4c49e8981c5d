// CLINT: the machine-mode timer and software interrupt of hart 0, and the clock that S-mode sees as
// `time`.
// Not here: the S-mode timer (stimecmp, SBI TIME), which the core keeps.
// Source: SiFive FU540-C000 manual, chapter 9 "Core-Local Interruptor"; RISC-V privileged
// specification 20211203, section 3.2.1 (mtime, mtimecmp). One departure: what a program writes to
// mtime moves this register and its alarm, and not the CSR `time`, since all other guest time comes
// from one clock that must not jump. Registers of harts that are not there read as zero and take
// nothing, as on QEMU's `virt`. Unit: ticks of 10 MHz.

import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Section } from '../vm-config.ts'
import { clintRegion } from './memory-map.ts'
import type { InterruptLine, MmioDevice } from './mmio.ts'

const offsets = { msip: 0x0, mtimecmp: 0x4000, mtime: 0xbff8 } as const
const never = 0xffff_ffff_ffff_ffffn
/** Of a CLINT whose mtime was never written; the second has how far it is ahead. */
const versions = { asIs: 1, ahead: 2 } as const

export interface ClintPorts {
  ticks(): number
  /** Machine software interrupt pending (mip.MSIP). */
  readonly software: InterruptLine
  /** The machine timer interrupt (mip.MTIP) is pending from this tick on. */
  timerAt(ticks: bigint): void
}

export class Clint implements MmioDevice, Snapshotted {
  readonly region = clintRegion
  readonly sectionKind = 'clint'
  readonly #ports: ClintPorts
  #softwarePending = false
  #compareTicks = never
  /** Of mtime before guest time; negative: behind it. */
  #aheadTicks = 0n

  constructor(ports: ClintPorts) {
    this.#ports = ports
  }

  read(offset: number, size: number): number | undefined {
    if (size !== 4) return undefined
    if (offset < offsets.mtimecmp) return offset === offsets.msip && this.#softwarePending ? 1 : 0
    const wide = this.readWide(offset & ~7)
    if (wide === undefined) return undefined
    return Number((wide >> BigInt(8 * (offset & 4))) & 0xffff_ffffn)
  }

  write(offset: number, size: number, value: number): boolean {
    if (size !== 4) return false
    if (offset < offsets.mtimecmp) {
      if (offset === offsets.msip) this.#signal((value & 1) === 1)
      return true
    }
    const before = this.readWide(offset & ~7)
    if (before === undefined) return false
    const high = (offset & 4) !== 0
    const kept = before & (high ? 0xffff_ffffn : 0xffff_ffff_0000_0000n)
    return this.writeWide(offset & ~7, kept | (BigInt(value) << (high ? 32n : 0n)))
  }

  readWide(offset: number): bigint | undefined {
    if (offset === offsets.mtimecmp) return this.#compareTicks
    if (offset === offsets.mtime)
      return BigInt.asUintN(64, BigInt(this.#ports.ticks()) + this.#aheadTicks)
    return isOtherHarts(offset) ? 0n : undefined
  }

  writeWide(offset: number, value: bigint): boolean {
    if (offset === offsets.mtimecmp) this.#compareTicks = value
    else if (offset === offsets.mtime)
      this.#aheadTicks = BigInt.asIntN(64, value - BigInt(this.#ports.ticks()))
    else return isOtherHarts(offset)
    this.#setAlarm()
    return true
  }

  capture(): Section {
    const isAhead = this.#aheadTicks !== 0n
    const writer = new SectionWriter(this.sectionKind, isAhead ? versions.ahead : versions.asIs)
    writer.flag(this.#softwarePending).u64(this.#compareTicks)
    if (isAhead) writer.u64(BigInt.asUintN(64, this.#aheadTicks))
    return writer.section()
  }

  restore(section: Section): void {
    const isAhead = section.version === versions.ahead
    const version = isAhead ? versions.ahead : versions.asIs
    const reader = new SectionReader(section, this.sectionKind, version)
    this.#softwarePending = reader.flag()
    this.#compareTicks = reader.u64()
    this.#aheadTicks = isAhead ? BigInt.asIntN(64, reader.u64()) : 0n
    reader.end()
    this.#ports.software(this.#softwarePending)
    this.#setAlarm()
  }

  /** In guest time. */
  #setAlarm(): void {
    const at = this.#compareTicks - this.#aheadTicks
    const isNever = this.#compareTicks === never || at > never
    this.#ports.timerAt(isNever ? never : at < 0n ? 0n : at)
  }

  #signal(pending: boolean): void {
    this.#softwarePending = pending
    this.#ports.software(pending)
  }
}

/** In the array of mtimecmp, behind that of hart 0. */
const isOtherHarts = (offset: number): boolean =>
  offset >= offsets.mtimecmp + 8 && offset < offsets.mtime
