// What a person does at the screen of a VM, on its way to the keyboard and the pointer of the
// guest: one stream of events, counted in bytes since the VM's boot like that of the console
// (console-line.ts), so that none is lost or doubled when the VM moves.
// Not here: the devices that the guest sees (virtio-input.ts), what the person's client sends
// (proto/screen-input.ts has the same eight bytes).
//
// An event is eight bytes: u8 device, u8 type, u16 code, i32 value, little-endian; types and codes
// are those of Linux's input-event-codes.h, as VIRTIO 1.2, 5.8.6 has them. An event for a device
// that no driver uses is taken and forgotten, as at a machine that is still booting; one for a
// driver that has lent no buffer waits, and when too many wait no more are taken.

import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Section } from '../vm-config.ts'

export const inputEventBytes = 8
const version = 1

/** What the events of one device go to. */
export interface InputSink {
  /** False: no room; the event is to be offered again later. */
  put(type: number, code: number, value: number): boolean
  /** Serves what waits, if the driver has lent buffers. */
  kick(): void
}

export class ScreenInput implements Snapshotted {
  readonly sectionKind = 'screen-input'
  readonly #sinks: readonly InputSink[]
  #acceptedOffset = 0
  #held = false

  /** In the order of the numbers that events have for them. */
  constructor(sinks: readonly InputSink[]) {
    this.#sinks = sinks
  }

  /** Takes whole events from `offset` on. @returns the offset below which all has been taken. */
  accept(offset: number, bytes: Uint8Array): number {
    const known = this.#acceptedOffset - offset
    if (known < 0 || known % inputEventBytes !== 0) return this.#acceptedOffset
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    let at = known
    while (at + inputEventBytes <= bytes.length && this.#take(view, at)) at += inputEventBytes
    if (at > known) this.#acceptedOffset = offset + at
    if (!this.#held) this.#kick()
    return this.#acceptedOffset
  }

  /** The VM stands still: events are taken, but no device touches RAM before goOn(). */
  hold(): void {
    this.#held = true
  }

  goOn(): void {
    this.#held = false
    this.#kick()
  }

  capture(): Section {
    return new SectionWriter(this.sectionKind, version).count(this.#acceptedOffset).section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    this.#acceptedOffset = reader.count()
    reader.end()
  }

  /** Events for devices that there are none of are taken, and do nothing. */
  #take(view: DataView, at: number): boolean {
    const sink = this.#sinks[view.getUint8(at)]
    const [type, code] = [view.getUint8(at + 1), view.getUint16(at + 2, true)]
    return sink?.put(type, code, view.getInt32(at + 4, true)) ?? true
  }

  #kick(): void {
    for (const sink of this.#sinks) sink.kick()
  }
}
