import { describe, expect, test } from 'vitest'
import { ConsoleLine } from '#engine/devices/console-line.ts'
import { ramGpa } from '#engine/devices/memory-map.ts'
import { Uart16550 } from '#engine/devices/uart16550.ts'
import { VirtioConsole } from '#engine/devices/virtio-console.ts'
import { VirtioMmio } from '#engine/devices/virtio-mmio.ts'
import { Ram } from '../ram.ts'
import { VirtioDriver } from './virtio-driver.ts'

const [receiveQueue, transmitQueue] = [0, 1]
const [write, needsReset] = [2, 64]
const [inputAt, outputAt] = [0x9000, 0xa000]
const [uartData, uartLineStatus] = [0, 5]

function board() {
  const ram = new Ram(1 << 20)
  const line = new ConsoleLine()
  const uart = new Uart16550(line, () => {})
  const device = new VirtioMmio(4, new VirtioConsole(line), ram, () => {})
  const driver = new VirtioDriver(device, ram)
  driver.start(0, 2)
  const [receive, transmit] = [driver.queue(receiveQueue), driver.queue(transmitQueue)]
  let typed = 0
  return {
    ...{ ram, line, uart, device, driver, receive, transmit },
    type: (text: string) => {
      typed = line.accept(typed, new TextEncoder().encode(text))
    },
    say: (text: string) => {
      ram.bytes.set(new TextEncoder().encode(text), outputAt)
      transmit.describe(0, ramGpa + outputAt, text.length, 0)
      transmit.offer(0)
    },
    lend: (bytes: number) => {
      receive.describe(0, ramGpa + inputAt, bytes, write)
      receive.offer(0)
    },
    /** What stands in the buffer lent as the n-th. */
    got: (n: number) =>
      new TextDecoder().decode(ram.bytes.subarray(inputAt, inputAt + receive.written(n))),
    /** What a guest finds that asks the UART. */
    polled: () =>
      (uart.read(uartLineStatus, 1) ?? 0) & 1
        ? String.fromCharCode(uart.read(uartData, 1) ?? 0)
        : '',
    shown: () => new TextDecoder().decode(line.takeOutput()?.bytes),
  }
}

describe('console device (VIRTIO 1.2, 5.3)', () => {
  test('is device 3 with one port; what the guest sends is on the line', () => {
    const { driver, say, shown, transmit } = board()
    expect([driver.get(0x08), driver.get(0x10) & 0xffff]).toEqual([3, 1 << 2])
    say('hello\n')
    expect([shown(), transmit.used]).toEqual(['hello\n', 1])
  })

  test('one character at once, before there are queues', () => {
    const { device, shown } = board()
    device.write(0x108, 4, 'e'.charCodeAt(0))
    expect(shown()).toBe('e')
  })

  test('input waits for a buffer, and a buffer for input', () => {
    const { say, type, lend, got, receive } = board()
    say('# ')
    type('first')
    expect(receive.used).toBe(0)
    lend(3)
    lend(16)
    expect([receive.used, got(1)]).toEqual([2, 'st'])
    lend(16)
    expect(receive.used).toBe(2)
    type('again')
    expect(got(2)).toBe('again')
  })

  test('output is not put on the line faster than it is taken', () => {
    const { driver, ram, line, transmit, device } = board()
    ram.bytes.fill(0x2e, outputAt, outputAt + 32 * 1024)
    for (const index of [0, 1, 2]) {
      transmit.describe(index, ramGpa + outputAt, 10_000, 0)
      transmit.offer(index, false)
    }
    driver.set(0x50, transmitQueue)
    expect([transmit.used, line.untakenBytes, device.isUnserved]).toEqual([2, 20_000, true])
    device.serveAgain()
    expect([transmit.used, device.isUnserved]).toEqual([2, true])
    line.takeOutput()
    device.serveAgain()
    expect([transmit.used, line.untakenBytes, device.isUnserved]).toEqual([3, 10_000, false])
  })
})

describe('what is typed', () => {
  test('goes to the device that the guest wrote to last, at first to the UART', () => {
    const { type, say, lend, got, receive, uart, polled } = board()
    lend(16)
    type('u')
    expect([receive.used, polled()]).toEqual([0, 'u'])
    say('login: ')
    type('v')
    expect(got(0)).toBe('v')
    uart.write(uartData, 1, '>'.charCodeAt(0))
    lend(16)
    type('w')
    expect([receive.used, polled()]).toEqual([1, 'w'])
  })

  test('before the guest had written, follows', () => {
    const { type, say, lend, got } = board()
    lend(16)
    type('early')
    say('# ')
    expect(got(0)).toBe('early')
  })

  test('the same in a copy', () => {
    const { line, type, say } = board()
    say('# ')
    type('x')
    const copy = board()
    copy.line.restore(line.capture())
    expect(copy.line.capture()).toEqual(line.capture())
    copy.lend(16)
    expect(copy.got(0)).toBe('x')
  })
})

describe('a hostile driver', () => {
  test('no room, output without end, and buffers that are not there', () => {
    for (const [queue, gpa, bytes, flags] of [
      [receiveQueue, ramGpa, 0, write],
      [receiveQueue, 0x1000, 16, write],
      [transmitQueue, ramGpa, 0x1_0001, 0],
      [transmitQueue, 0x1000, 16, 0],
    ] as const) {
      const { driver, say, type, receive, transmit } = board()
      say('# ')
      type('waiting')
      const on = queue === receiveQueue ? receive : transmit
      on.describe(1, gpa, bytes, flags)
      on.offer(1)
      expect(driver.get(0x70) & needsReset).toBe(needsReset)
    }
  })
})
