import { describe, expect, test } from 'vitest'
import { ConsoleLine } from '#engine/devices/console-line.ts'
import { Uart16550 } from '#engine/devices/uart16550.ts'

const { data, ier, iir, fcr, lcr, mcr, lsr, msr, scratch } = {
  data: 0,
  ier: 1,
  iir: 2,
  fcr: 2,
  lcr: 3,
  mcr: 4,
  lsr: 5,
  msr: 6,
  scratch: 7,
}
const text = (line: string) => new TextEncoder().encode(line)

function board() {
  const line = new ConsoleLine()
  const seen = { interrupt: false }
  const uart = new Uart16550(line, (level) => {
    seen.interrupt = level
  })
  const read = (register: number) => uart.read(register, 1) ?? -1
  const write = (register: number, value: number) => uart.write(register, 1, value)
  const type = (offset: number, typed: string) => line.accept(offset, text(typed))
  return { line, uart, seen, read, write, type }
}

function withFifo(trigger = 0) {
  const made = board()
  made.write(fcr, (trigger << 6) | 0x07)
  made.write(ier, 0x01)
  return made
}

describe('UART (PC16550D data sheet)', () => {
  test('what is written to THR is on the line at once, and the transmitter is always empty', () => {
    const { line, read, write } = board()
    expect(read(lsr)).toBe(0x60)
    for (const byte of text('hi')) write(data, byte)
    expect(read(lsr)).toBe(0x60)
    expect(line.takeOutput()).toEqual({ offset: 0, bytes: text('hi') })
  })

  test('the divisor latch hides data and IER', () => {
    const { line, read, write } = board()
    write(ier, 0x05)
    write(lcr, 0x83)
    write(data, 0x34)
    write(ier, 0x12)
    expect([read(data), read(ier)]).toEqual([0x34, 0x12])
    write(lcr, 0x03)
    expect(read(ier)).toBe(0x05)
    expect(line.takeOutput()).toBeUndefined()
  })

  test('IIR shows the FIFOs, the scratch register keeps its byte', () => {
    const { read, write } = board()
    expect(read(iir)).toBe(0x01)
    write(fcr, 0x01)
    expect(read(iir)).toBe(0xc1)
    write(scratch, 0x5a)
    expect(read(scratch)).toBe(0x5a)
  })

  test('the transmit interrupt comes when enabled and after each byte, and IIR clears it', () => {
    const { seen, read, write } = board()
    write(ier, 0x02)
    expect(seen.interrupt).toBe(true)
    expect(read(iir)).toBe(0x02)
    expect(seen.interrupt).toBe(false)
    write(data, 0x41)
    expect(read(iir)).toBe(0x02)
    expect(read(iir)).toBe(0x01)
  })

  test('receive interrupts: timeout below the trigger level, received from it on', () => {
    const { seen, read, type } = withFifo(2)
    type(0, 'abc')
    expect(seen.interrupt).toBe(true)
    expect(read(iir)).toBe(0xcc)
    type(3, 'defgh')
    expect(read(iir)).toBe(0xc4)
    expect(read(lsr) & 1).toBe(1)
    expect(String.fromCharCode(...Array.from({ length: 8 }, () => read(data)))).toBe('abcdefgh')
    expect(seen.interrupt).toBe(false)
    expect(read(lsr) & 1).toBe(0)
  })

  test('receive comes before transmit', () => {
    const { read, write, type } = withFifo()
    write(ier, 0x03)
    type(0, 'a')
    expect(read(iir)).toBe(0xc4)
    read(data)
    expect(read(iir)).toBe(0xc2)
  })

  test('nothing typed is lost when the guest sets its UART up late, or clears its FIFO', () => {
    const { read, write, type } = board()
    type(0, 'typed before the guest was ready')
    write(fcr, 0x07)
    write(ier, 0x01)
    const got = []
    while (read(lsr) & 1) got.push(read(data))
    expect(String.fromCharCode(...got)).toBe('typed before the guest was ready')
  })

  test('loopback brings output back as input and the control lines as the status lines', () => {
    const { line, read, write } = board()
    write(mcr, 0x1a)
    expect(read(msr)).toBe(0x90)
    write(data, 0x55)
    expect(line.takeOutput()).toBeUndefined()
    expect(read(data)).toBe(0x55)
    write(data, 1)
    write(data, 2)
    expect(read(lsr) & 0x02).toBe(0x02)
    expect(read(lsr) & 0x02).toBe(0)
  })

  test('a wider access is one of its first register', () => {
    const { uart, line } = board()
    expect(uart.write(data, 4, 0x1234_5641)).toBe(true)
    expect(line.takeOutput()?.bytes).toEqual(Uint8Array.of(0x41))
    expect(uart.read(lsr, 4)).toBe(uart.read(lsr, 1))
  })

  test('behind its eight registers nothing answers', () => {
    expect(board().uart.read(8, 1)).toBeUndefined()
    expect(board().uart.write(8, 1, 0)).toBe(false)
  })

  test('a copy goes on in the middle of a FIFO, with its interrupt', () => {
    const { line, uart, read, type } = withFifo(3)
    type(0, 'twenty letters long, and more')
    read(data)
    const copy = board()
    copy.line.restore(line.capture())
    copy.uart.restore(uart.capture())
    expect(copy.seen.interrupt).toBe(true)
    expect(copy.uart.capture()).toEqual(uart.capture())
    const rest = []
    while (copy.read(lsr) & 1) rest.push(copy.read(data))
    expect(String.fromCharCode(...rest)).toBe('wenty letters long, and more')
  })
})
