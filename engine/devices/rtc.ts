// Real-time clock: wall time in nanoseconds since 1970, which the guest may set, and an alarm.
// Not here: where wall time comes from (the machine's clock hands it in, so that
// instruction-clocked VMs repeat).
// Source: Android goldfish virtual hardware document, "Goldfish RTC device"; QEMU's
// hw/rtc/goldfish_rtc.c for what the text leaves open: reading TIME_LOW latches TIME_HIGH; writing
// ALARM_LOW arms the alarm. An access of 8 bytes is two of 4, the low one first, as there.

import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Section } from '../vm-config.ts'
import { rtcRegion } from './memory-map.ts'
import type { InterruptLine, MmioDevice } from './mmio.ts'

const offsets = {
  timeLow: 0x00,
  timeHigh: 0x04,
  alarmLow: 0x08,
  alarmHigh: 0x0c,
  irqEnabled: 0x10,
  clearAlarm: 0x14,
  alarmStatus: 0x18,
  clearInterrupt: 0x1c,
} as const
const version = 1
const low32 = 0xffff_ffffn

export interface RtcPorts {
  /** Wall time, ns since 1970. */
  wallNs(): bigint
  readonly interrupt: InterruptLine
  /** The alarm has been set: `tick` is due when `alarmInNs` has passed. */
  alarmSet(): void
}

export class Rtc implements MmioDevice, Snapshotted {
  readonly region = rtcRegion
  readonly sectionKind = 'rtc'
  readonly #ports: RtcPorts
  /** What the guest has set its clock ahead of (or behind) wall time. */
  #offsetNs = 0n
  #latchedHigh = 0
  #timeHigh = 0
  #alarmNs = 0n
  #alarmArmed = false
  #irqEnabled = false
  #irqPending = false

  constructor(ports: RtcPorts) {
    this.#ports = ports
  }

  /** Ns of wall time until the alarm: 0 when it is due, undefined when none is set. */
  get alarmInNs(): bigint | undefined {
    if (!this.#alarmArmed) return undefined
    const left = this.#alarmNs - this.#nowNs()
    return left > 0n ? left : 0n
  }

  /** To be called when time has passed: fires the alarm if it is due, and says whether it did. */
  tick(): boolean {
    if (this.alarmInNs !== 0n) return false
    this.#alarmArmed = false
    this.#irqPending = true
    this.#drive()
    return true
  }

  read(offset: number, size: number): number | undefined {
    if (size !== 4) return undefined
    switch (offset) {
      case offsets.timeLow: {
        const now = this.#nowNs()
        this.#latchedHigh = Number((now >> 32n) & low32)
        return Number(now & low32)
      }
      case offsets.timeHigh:
        return this.#latchedHigh
      case offsets.alarmLow:
        return Number(this.#alarmNs & low32)
      case offsets.alarmHigh:
        return Number(this.#alarmNs >> 32n)
      case offsets.irqEnabled:
        return this.#irqEnabled ? 1 : 0
      case offsets.alarmStatus:
        return this.#alarmArmed ? 1 : 0
      default:
        return 0
    }
  }

  write(offset: number, size: number, value: number): boolean {
    if (size !== 4) return false
    const wide = BigInt(value)
    switch (offset) {
      case offsets.timeHigh:
        this.#timeHigh = value
        break
      case offsets.timeLow:
        this.#offsetNs = ((BigInt(this.#timeHigh) << 32n) | wide) - this.#ports.wallNs()
        break
      case offsets.alarmHigh:
        this.#alarmNs = (wide << 32n) | (this.#alarmNs & low32)
        break
      case offsets.alarmLow:
        this.#alarmNs = ((this.#alarmNs >> 32n) << 32n) | wide
        this.#alarmArmed = true
        this.#ports.alarmSet()
        break
      case offsets.irqEnabled:
        this.#irqEnabled = (value & 1) === 1
        break
      case offsets.clearAlarm:
        this.#alarmArmed = false
        break
      case offsets.clearInterrupt:
        this.#irqPending = false
        break
    }
    this.#drive()
    return true
  }

  readWide(offset: number): bigint {
    const low = BigInt(this.read(offset, 4) ?? 0)
    return low | (BigInt(this.read(offset + 4, 4) ?? 0) << 32n)
  }

  writeWide(offset: number, value: bigint): boolean {
    this.write(offset, 4, Number(value & low32))
    return this.write(offset + 4, 4, Number(value >> 32n))
  }

  capture(): Section {
    return new SectionWriter(this.sectionKind, version)
      .u64(BigInt.asUintN(64, this.#offsetNs))
      .u32(this.#latchedHigh)
      .u32(this.#timeHigh)
      .u64(this.#alarmNs)
      .flag(this.#alarmArmed)
      .flag(this.#irqEnabled)
      .flag(this.#irqPending)
      .section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    this.#offsetNs = BigInt.asIntN(64, reader.u64())
    this.#latchedHigh = reader.u32()
    this.#timeHigh = reader.u32()
    this.#alarmNs = reader.u64()
    this.#alarmArmed = reader.flag()
    this.#irqEnabled = reader.flag()
    this.#irqPending = reader.flag()
    reader.end()
    this.#drive()
  }

  #nowNs(): bigint {
    return BigInt.asUintN(64, this.#ports.wallNs() + this.#offsetNs)
  }

  #drive(): void {
    this.#ports.interrupt(this.#irqPending && this.#irqEnabled)
  }
}
