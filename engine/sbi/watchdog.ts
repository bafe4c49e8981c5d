// The watchdog of a guest that knows that it is one: it says by when it will have said so again,
// and one that does not has hung, and ends as one that crashed does. Ours, in the SBI's space for
// experiments (SBI 2.0, chapter 3, table "SBI extension spaces"): no device that Debian's kernel
// has a driver for fits this board. Guest time, so that a VM that stands still is not late; and
// without what passed of it while the guest was on its way or not allowed to run. Not here: what
// becomes of the VM (coordinator/core/ha/restarts.ts). Ticks of 10 MHz, ms.
//
//   extension 0x08475744, function 0: heartbeat(a0 = ms): it is said again by then. 0: no more

import { ticksPerMs } from '../devices/memory-map.ts'
import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Section } from '../vm-config.ts'
import { answered, argument, refused, SbiError, type SbiExtension } from './call.ts'

export const watchdogId = 0x0847_5744n

/** An hour: who needs longer needs none. */
const heartbeatMsMax = 3_600_000
const version = 1

export class Watchdog implements Snapshotted {
  readonly sectionKind = 'watchdog'
  #dueTicks: number | undefined
  #everyMs = 0

  /** When it runs out; Infinity: it is off. */
  get dueTicks(): number {
    return this.#dueTicks ?? Number.POSITIVE_INFINITY
  }

  /** A guest that does not use it has no section of it. */
  get isAtRest(): boolean {
    return this.#dueTicks === undefined
  }

  /** Why it has run out; undefined: it has not. */
  barks(nowTicks: number): string | undefined {
    if (nowTicks < this.dueTicks) return undefined
    return `Its watchdog ran out: its guest was not heard of for ${this.#everyMs} ms.`
  }

  hear(ms: number, nowTicks: number): void {
    this.#everyMs = ms
    this.#dueTicks = ms === 0 ? undefined : nowTicks + ms * ticksPerMs
  }

  /** So much guest time has passed in which the guest could not say anything. */
  postpone(ticks: number): void {
    if (this.#dueTicks !== undefined) this.#dueTicks += ticks
  }

  rest(): void {
    this.hear(0, 0)
  }

  capture(): Section {
    return new SectionWriter(this.sectionKind, version)
      .count(this.#everyMs)
      .count(this.#dueTicks ?? 0)
      .section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    this.#everyMs = reader.count()
    this.#dueTicks = reader.count()
    reader.end()
  }
}

export const watchdog: SbiExtension = (fid, args, { watchdog: dog, ticks, lookAgain }) => {
  if (fid !== 0n) return refused(SbiError.notSupported)
  const ms = argument(args, 0)
  if (ms > heartbeatMsMax) return refused(SbiError.invalidParam)
  dog.hear(Number(ms), ticks())
  lookAgain()
  return answered()
}
