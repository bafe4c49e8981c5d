// SBI Steal-time Accounting extension ("STA"): the guest names 64 bytes of its RAM, and finds there
// for how long it was ready to run and did not. Source: SBI 2.0, chapter 16.
// Not here: how long that was (../pcpu/scheduled-vm.ts).
//
// Written between two slices only, so that a VM at rest does not change. Never under clock
// `instructions`, where the guest's time does not pass meanwhile: nothing is stolen. Nanoseconds.

import type { Core } from '../cpu/core-port.ts'
import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Section } from '../vm-config.ts'
import { answered, argument, refused, SbiError, type SbiExtension } from './call.ts'

export const stealTimeId = 0x53_5441n

const areaBytes = 64
/** Flags and `preempted` stay zero: one hart cannot look while it does not run. */
const offsets = { sequence: 0, steal: 8 } as const
const allOnes = 0xffff_ffff_ffff_ffffn
const version = 1

export class StealTime implements Snapshotted {
  readonly sectionKind = 'steal-time'
  readonly #area = new Uint8Array(areaBytes)
  readonly #view = new DataView(this.#area.buffer)
  /** Where the guest wants it; undefined: nowhere. */
  #gpa: number | undefined
  #stolenNs = 0

  /** The guest was ready for so long more, and others ran. */
  add(stolenNs: number, core: Core): void {
    this.#stolenNs += Math.floor(stolenNs)
    if (this.#gpa === undefined || !core.dmaRead(this.#gpa, this.#area)) return
    // Odd while it is being written (16.1), for guests that can look meanwhile; even again behind.
    const sequence = this.#view.getUint32(offsets.sequence, true)
    this.#view.setUint32(offsets.sequence, (sequence + 2) & ~1, true)
    this.#view.setBigUint64(offsets.steal, BigInt(this.#stolenNs), true)
    core.dmaWrite(this.#gpa, this.#area)
  }

  /** From now on there, beginning with zeros. False: that is not all RAM. */
  turnOn(gpa: number, core: Core): boolean {
    if (!core.dmaWrite(gpa, new Uint8Array(areaBytes))) return false
    this.#gpa = gpa
    this.#stolenNs = 0
    return true
  }

  turnOff(): void {
    this.#gpa = undefined
  }

  capture(): Section {
    return new SectionWriter(this.sectionKind, version)
      .flag(this.#gpa !== undefined)
      .count(this.#gpa ?? 0)
      .count(this.#stolenNs)
      .section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    const isOn = reader.flag()
    const gpa = reader.count()
    const stolenNs = reader.count()
    reader.end()
    this.#gpa = isOn ? gpa : undefined
    this.#stolenNs = stolenNs
  }
}

export const stealTime: SbiExtension = (fid, args, { core, stealTime }) => {
  if (fid !== 0n) return refused(SbiError.notSupported)
  const [low, high, flags] = [argument(args, 0), argument(args, 1), argument(args, 2)]
  if (flags !== 0n) return refused(SbiError.invalidParam)
  if (low === allOnes && high === allOnes) {
    stealTime.turnOff()
    return answered()
  }
  const gpa = Number(low)
  if (gpa % areaBytes !== 0) return refused(SbiError.invalidParam)
  if (high !== 0n || !Number.isSafeInteger(gpa)) return refused(SbiError.invalidAddress)
  if (core.absentIn(gpa, areaBytes)) return 'absent'
  return stealTime.turnOn(gpa, core) ? answered() : refused(SbiError.invalidAddress)
}
