// The sections of a VM that belong to no device: its hart, and what the machine itself keeps.
// Not here: what the hart's bytes mean (cpu/), the devices' sections (each writes its own).
// Units: ticks of 10 MHz.

import type { Core } from '../cpu/core-port.ts'
import type { VmConfig } from '../vm-config.ts'
import { SectionReader, SectionWriter } from './section-bytes.ts'
import type { Snapshotted } from './vm-sections.ts'

const hartVersion = 2
const boardVersion = 3

export const hartPart = (core: () => Core): Snapshotted => {
  const sectionKind = 'hart'
  return {
    sectionKind,
    capture: () => ({ kind: sectionKind, version: hartVersion, bytes: core().capture() }),
    restore: (section) => {
      const reader = new SectionReader(section, sectionKind, hartVersion)
      core().restore(reader.raw(section.bytes.length))
    },
  }
}

/** Why a machine that may run retires nothing. */
export interface Standstill {
  /** The guest came to `wfi`. */
  waiting: boolean
  /** An SBI call has retired and is not answered: its buffer is absent. */
  callOpen: boolean
  /** The guest has reset itself: its image must be loaded again first. */
  rebooting: boolean
}

/** What must be equal at both ends for the rest to make sense, guest time, and a standstill. */
export function boardPart(
  { ramBytes, clock, disk, boot, screen }: VmConfig,
  standstill: Standstill,
  time: { readonly ticks: () => number; readonly set: (ticks: number) => void },
): Snapshotted {
  const sectionKind = 'board'
  const facts = [
    ramBytes,
    clock === 'real' ? 0 : 1,
    disk?.sizeBytes ?? 0,
    boot === 'paravirtualised' ? 0 : 1,
    ...(screen ? [screen.width, screen.height] : []),
  ]
  return {
    sectionKind,
    capture: () => {
      const writer = new SectionWriter(sectionKind, boardVersion)
      for (const fact of facts) writer.count(fact)
      writer.count(time.ticks()).flag(standstill.waiting).flag(standstill.callOpen)
      return writer.flag(standstill.rebooting).section()
    },
    restore: (section) => {
      const reader = new SectionReader(section, sectionKind, boardVersion)
      const theirs = facts.map(() => reader.count())
      if (theirs.some((fact, n) => fact !== facts[n]))
        throw reader.refusal('is of a VM with other RAM, clock, disk, screen or way of booting')
      time.set(reader.count())
      standstill.waiting = reader.flag()
      standstill.callOpen = reader.flag()
      standstill.rebooting = reader.flag()
      reader.end()
    },
  }
}
