// UART: the registers of a 16550A between the guest and its serial line.
// Not here: the line itself, with its queues and offsets (console-line.ts).
// Source: National Semiconductor PC16550D data sheet (1995), section 8 "Registers"; register
// numbers in its order.
//
// The line has no speed: a byte written is sent at once, so the transmitter is always empty. Two
// choices follow from the line's own flow control, and lose no input: the FIFO is filled only while
// the guest listens (receive interrupts are on, or it polls LSR), and a FIFO below its trigger
// level times out at once (8.11, FIFO interrupt mode). An overrun is possible only in loopback. The
// interrupt is not gated by OUT2, as in QEMU's `virt`.

import { SectionReader, SectionWriter } from '../snapshots/section-bytes.ts'
import type { Snapshotted } from '../snapshots/vm-sections.ts'
import type { Section } from '../vm-config.ts'
import { ByteQueue } from './byte-queue.ts'
import type { ConsoleLine } from './console-line.ts'
import { uartRegion } from './memory-map.ts'
import type { InterruptLine, MmioDevice } from './mmio.ts'

const registers = {
  data: 0,
  ier: 1,
  iirFcr: 2,
  lcr: 3,
  mcr: 4,
  lsr: 5,
  msr: 6,
  scratch: 7,
} as const
/** A wider access is one of the register it begins at, as on QEMU's `virt`. Bytes. */
const widthMax = 4
const ierReceive = 0x01
const ierTransmit = 0x02
const ierLineStatus = 0x04
const fcrEnable = 0x01
const fcrClearReceive = 0x02
const lcrDivisorLatch = 0x80
const mcrLoopback = 0x10
const lsrDataReady = 0x01
const lsrOverrun = 0x02
/** Holding register and shift register empty. */
const lsrTransmitEmpty = 0x60
/** Clear to send, data set ready, carrier detect: somebody is always there. */
const msrConnected = 0xb0
/** Table 5 of the data sheet, by urgency. */
const cause = {
  lineStatus: 0x6,
  received: 0x4,
  timeout: 0xc,
  transmitEmpty: 0x2,
  none: 0x1,
} as const
const iirFifos = 0xc0
const triggerBytes = [1, 4, 8, 14] as const
const fifoBytes = 16
const version = 1

export class Uart16550 implements MmioDevice, Snapshotted {
  readonly region = uartRegion
  readonly sectionKind = 'uart16550'
  readonly #line: ConsoleLine
  readonly #interrupt: InterruptLine
  readonly #fifo = new ByteQueue(fifoBytes)
  #ier = 0
  #fcr = 0
  #lcr = 0
  #mcr = 0
  #scratch = 0
  #divisor = 0
  #overrun = false
  /** The transmitter became empty and the guest has not been told yet. */
  #transmitted = false

  constructor(line: ConsoleLine, interrupt: InterruptLine) {
    this.#line = line
    this.#interrupt = interrupt
    line.listen('uart', () => {
      if (this.#ier & ierReceive) this.#fill()
      this.#drive()
    })
  }

  read(offset: number, size: number): number | undefined {
    if (size > widthMax || offset > registers.scratch) return undefined
    const value = this.#readRegister(offset)
    this.#drive()
    return value
  }

  write(offset: number, size: number, value: number): boolean {
    if (size > widthMax || offset > registers.scratch) return false
    this.#writeRegister(offset, value & 0xff)
    this.#drive()
    return true
  }

  capture(): Section {
    return new SectionWriter(this.sectionKind, version)
      .u8(this.#ier)
      .u8(this.#fcr)
      .u8(this.#lcr)
      .u8(this.#mcr)
      .u8(this.#scratch)
      .u16(this.#divisor)
      .flag(this.#overrun)
      .flag(this.#transmitted)
      .list(this.#fifo.toBytes())
      .section()
  }

  restore(section: Section): void {
    const reader = new SectionReader(section, this.sectionKind, version)
    this.#ier = reader.u8()
    this.#fcr = reader.u8()
    this.#lcr = reader.u8()
    this.#mcr = reader.u8()
    this.#scratch = reader.u8()
    this.#divisor = reader.u16()
    this.#overrun = reader.flag()
    this.#transmitted = reader.flag()
    const fifo = reader.list(fifoBytes)
    reader.end()
    this.#fifo.clear()
    this.#fifo.push(fifo)
    this.#drive()
  }

  #readRegister(register: number): number {
    switch (register) {
      case registers.data:
        return this.#lcr & lcrDivisorLatch ? this.#divisor & 0xff : this.#receive()
      case registers.ier:
        return this.#lcr & lcrDivisorLatch ? this.#divisor >> 8 : this.#ier
      case registers.iirFcr:
        return this.#identify()
      case registers.lcr:
        return this.#lcr
      case registers.mcr:
        return this.#mcr
      case registers.lsr:
        return this.#lineStatus()
      case registers.msr:
        return this.#mcr & mcrLoopback ? loopedModemStatus(this.#mcr) : msrConnected
      default:
        return this.#scratch
    }
  }

  #writeRegister(register: number, value: number): void {
    switch (register) {
      case registers.data:
        if (this.#lcr & lcrDivisorLatch) this.#divisor = (this.#divisor & 0xff00) | value
        else this.#transmit(value)
        break
      case registers.ier:
        if (this.#lcr & lcrDivisorLatch) this.#divisor = (this.#divisor & 0xff) | (value << 8)
        else this.#enableInterrupts(value & 0x0f)
        break
      case registers.iirFcr:
        this.#controlFifo(value)
        break
      case registers.lcr:
        this.#lcr = value
        break
      case registers.mcr:
        this.#mcr = value & 0x1f
        break
      case registers.scratch:
        this.#scratch = value
        break
    }
  }

  #receive(): number {
    const byte = this.#fifo.shift() ?? 0
    this.#fill()
    return byte
  }

  #transmit(byte: number): void {
    this.#transmitted = true
    if (!(this.#mcr & mcrLoopback)) this.#line.write(byte, 'uart')
    else if (this.#fifoRoom > 0) this.#fifo.push(Uint8Array.of(byte))
    else this.#overrun = true
  }

  /** Turning the transmit interrupt on while the transmitter is empty raises it at once. */
  #enableInterrupts(value: number): void {
    if (value & ~this.#ier & ierTransmit) this.#transmitted = true
    this.#ier = value
    if (value & ierReceive) this.#fill()
  }

  /**
   * Switching the FIFOs on or off empties them, and so does the clear bit; the line's queue stays.
   */
  #controlFifo(value: number): void {
    if (value & fcrClearReceive || (value ^ this.#fcr) & fcrEnable) this.#fifo.clear()
    this.#fcr = value & fcrEnable ? value & 0xc9 : 0
    if (this.#ier & ierReceive) this.#fill()
  }

  #lineStatus(): number {
    this.#fill()
    const status = this.#fifo.length > 0 ? lsrDataReady : 0
    const overrun = this.#overrun ? lsrOverrun : 0
    this.#overrun = false
    return lsrTransmitEmpty | status | overrun
  }

  /**
   * Reading the cause `transmitEmpty` clears it; the others last until the guest has dealt with
   * them.
   */
  #identify(): number {
    const found = this.#cause()
    if (found === cause.transmitEmpty) this.#transmitted = false
    return found | (this.#fcr & fcrEnable ? iirFifos : 0)
  }

  #cause(): number {
    if (this.#ier & ierLineStatus && this.#overrun) return cause.lineStatus
    if (this.#ier & ierReceive && this.#fifo.length > 0) {
      const trigger = this.#fcr & fcrEnable ? (triggerBytes[this.#fcr >> 6] as number) : 1
      return this.#fifo.length >= trigger ? cause.received : cause.timeout
    }
    if (this.#ier & ierTransmit && this.#transmitted) return cause.transmitEmpty
    return cause.none
  }

  /** Without its FIFO the receiver holds one byte. */
  get #fifoRoom(): number {
    return (this.#fcr & fcrEnable ? fifoBytes : 1) - this.#fifo.length
  }

  #fill(): void {
    if (this.#mcr & mcrLoopback) return
    while (this.#fifoRoom > 0) {
      const byte = this.#line.read('uart')
      if (byte === undefined) return
      this.#fifo.push(Uint8Array.of(byte))
    }
  }

  #drive(): void {
    this.#interrupt(this.#cause() !== cause.none)
  }
}

/**
 * In loopback the four outputs come back as the four inputs (8.7): OUT2, OUT1, DTR, RTS as DCD, RI,
 * DSR, CTS.
 */
function loopedModemStatus(mcr: number): number {
  return ((mcr & 0x8) << 4) | ((mcr & 0x4) << 4) | ((mcr & 0x1) << 5) | ((mcr & 0x2) << 3)
}
