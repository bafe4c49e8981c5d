// HTIF: two words in a test program's own RAM, `tohost` and `fromhost`, by which it says how it
// ended and writes text, as the official RISC-V test programs do. There is no register: the words
// are looked at between two runs of the hart, so a command is served a little late, never lost.
// Only for programs that have the symbol `tohost` (../boot-layout.ts), and only where they own the
// machine (boot `unmodified`).
// Source: riscv-isa-sim, fesvr/htif.cc, device.cc and syscall.cc: bits 63:56 device, 55:48 command,
// 47:0 payload. Device 0: an odd payload ends the program with code payload / 2; an even one is the
// address of a system call's number and arguments, of which write and exit are served. Device 1,
// command 1: a character.

import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Section } from '../vm-config.ts'
import type { GuestEnd } from './finisher.ts'

export interface HtifPlace {
  readonly toHostGpa: number
  /** Undefined: the program wants no answers. */
  readonly fromHostGpa: number | undefined
}

export interface HtifPorts {
  dmaRead(gpa: number, into: Uint8Array): boolean
  dmaWrite(gpa: number, from: Uint8Array): boolean
  write(byte: number): void
  end(end: GuestEnd): void
}

const devices = { syscall: 0n, console: 1n } as const
const consoleWrite = 1n
const calls = { write: 64n, exit: 93n } as const
/** ENOSYS, as Linux numbers it: these programs have its numbers. */
const noSuchCall = -38n
/** A text in one call may be no longer: it is held here meanwhile. */
const textBytesMax = 64 * 1024
const version = 1

export class Htif implements Snapshotted {
  readonly sectionKind = 'htif'
  readonly #ports: HtifPorts
  readonly #word = new DataView(new ArrayBuffer(8))
  readonly #wordBytes = new Uint8Array(this.#word.buffer)
  #place: HtifPlace | undefined

  constructor(ports: HtifPorts) {
    this.#ports = ports
  }

  /** From now on; undefined: the program has no such words. */
  watch(place: HtifPlace | undefined): void {
    this.#place = place
  }

  /** Serves what the program has asked since the last call. */
  poll(): void {
    if (this.#place === undefined) return
    const { toHostGpa, fromHostGpa } = this.#place
    const command = this.#read(toHostGpa)
    if (command === undefined || command === 0n) return
    this.#store(toHostGpa, 0n)
    const device = command >> 56n
    const payload = command & 0xffff_ffff_ffffn
    if (device === devices.console && ((command >> 48n) & 0xffn) === consoleWrite) {
      this.#ports.write(Number(payload & 0xffn))
    } else if (device === devices.syscall && (payload & 1n) === 1n) this.#end(payload)
    else if (device === devices.syscall) {
      this.#call(Number(payload))
      if (fromHostGpa !== undefined) this.#store(fromHostGpa, 1n)
    }
  }

  capture(): Section {
    const { toHostGpa = 0, fromHostGpa = 0 } = this.#place ?? {}
    return new SectionWriter(this.sectionKind, version)
      .count(toHostGpa)
      .count(fromHostGpa)
      .section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    const [toHostGpa, fromHostGpa] = [reader.count(), reader.count()]
    reader.end()
    this.#place = toHostGpa === 0 ? undefined : { toHostGpa, fromHostGpa: fromHostGpa || undefined }
  }

  #end(payload: bigint): void {
    const code = payload >> 1n
    this.#ports.end(
      code === 0n
        ? { reason: 'shut-down', detail: 'The program ended well (tohost 1).' }
        : {
            reason: 'crashed',
            detail: `The program failed with code ${code} (tohost ${payload}).`,
          },
    )
  }

  /** Number and arguments lie one after the other; the answer takes the number's place. */
  #call(gpa: number): void {
    const [number = 0n, file = 0n, text = 0n, length = 0n] = [0, 8, 16, 24].map((offset) =>
      this.#read(gpa + offset),
    )
    if (number === calls.exit) {
      this.#end((BigInt.asUintN(32, file) << 1n) | 1n)
      return
    }
    const isWrite = number === calls.write && (file === 1n || file === 2n)
    this.#store(gpa, isWrite ? this.#write(Number(text), Number(length)) : noSuchCall)
  }

  #write(gpa: number, length: number): bigint {
    const text = new Uint8Array(Math.min(length, textBytesMax))
    if (!this.#ports.dmaRead(gpa, text)) return noSuchCall
    for (const byte of text) this.#ports.write(byte)
    return BigInt(text.length)
  }

  #read(gpa: number): bigint | undefined {
    return this.#ports.dmaRead(gpa, this.#wordBytes) ? this.#word.getBigUint64(0, true) : undefined
  }

  #store(gpa: number, value: bigint): void {
    this.#word.setBigInt64(0, value, true)
    this.#ports.dmaWrite(gpa, this.#wordBytes)
  }
}
