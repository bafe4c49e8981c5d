import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ramGpa } from '#engine/devices/memory-map.ts'
import type { VirtioDevice, VirtioTransport } from '#engine/devices/virtio-device.ts'
import { VirtioMmio } from '#engine/devices/virtio-mmio.ts'
import { type DescriptorChain, type GuestDma, writeSegments } from '#engine/devices/virtio-queue.ts'
import { Ram } from '../ram.ts'
import { availAt, queueSize, usedAt, VirtioDriver } from './virtio-driver.ts'

const featureIndirect = 1 << 28
const featureEventIndex = 1 << 29
const [interruptUsed, interruptConfig, needsReset] = [1, 2, 64]
const [next, write, indirect] = [1, 2, 4]
const tableAt = 0x5000
const bufferAt = 0x9000

/** Gives out words when it has some; a chain that finds none waits. */
class Spring implements VirtioDevice {
  readonly deviceId = 99
  readonly features = 0n
  readonly queueSizes = [64, 64]
  readonly config = new Uint8Array(8)
  readonly words: string[] = []
  readonly stored: number[][] = []
  readonly seen: DescriptorChain[] = []
  resets = 0
  transport: VirtioTransport | undefined

  attach(transport: VirtioTransport): void {
    this.transport = transport
  }

  serve(_queue: number, chain: DescriptorChain, dma: GuestDma): number | 'broken' | 'wait' {
    const word = this.words[0]
    if (word === undefined) return 'wait'
    this.words.shift()
    this.seen.push(chain)
    const bytes = new TextEncoder().encode(word)
    return writeSegments(dma, chain.writable, 0, bytes) ? bytes.length : 'broken'
  }

  writeConfig(offset: number, size: number, value: number): void {
    this.stored.push([offset, size, value])
  }

  reset(): void {
    this.resets++
  }

  pour(...words: string[]): void {
    this.words.push(...words)
    this.transport?.kick(0)
  }
}

function board(ram = new Ram(1 << 20)) {
  const seen = { interrupt: false }
  const spring = new Spring()
  const device = new VirtioMmio(3, spring, ram, (level) => {
    seen.interrupt = level
  })
  return { ram, spring, device, seen, driver: new VirtioDriver(device, ram) }
}

function started(features = 0, queues = 1) {
  const made = board()
  made.driver.start(features, queues)
  return made
}

/** Offers a buffer of 16 bytes, which is descriptor and buffer `index`. */
function lend({ driver }: ReturnType<typeof board>, index: number, notify = true): void {
  driver.describe(index, ramGpa + bufferAt + 16 * index, 16, write)
  driver.offer(index, notify)
}

const text = (ram: Ram, index: number, bytes: number) =>
  new TextDecoder().decode(ram.bytes.slice(bufferAt + 16 * index, bufferAt + 16 * index + bytes))

describe('a device that acts by itself', () => {
  test('leaves a chain in its ring until it has something for it', () => {
    const made = started()
    lend(made, 0)
    lend(made, 1)
    expect([made.driver.used, made.seen.interrupt]).toEqual([0, false])
    made.spring.pour('one')
    expect([made.driver.used, made.seen.interrupt]).toEqual([1, true])
    made.driver.set(0x64, interruptUsed)
    made.spring.pour('two')
    expect([made.driver.used, made.driver.written(1), text(made.ram, 1, 3)]).toEqual([2, 3, 'two'])
    expect(made.driver.get(0x60)).toBe(interruptUsed)
  })

  test('does nothing before the driver is ready, after a reset, and where no queue is', () => {
    const made = board()
    made.spring.pour('lost on nobody')
    expect(made.spring.words).toHaveLength(1)
    made.driver.start(0)
    made.driver.set(0x70, 0)
    expect(made.spring.resets).toBe(2)
    made.spring.transport?.kick(0)
    made.spring.transport?.kick(7)
    expect([made.spring.words.length, made.seen.interrupt]).toEqual([1, false])
  })

  test('serves what was lent before the driver was ready as soon as it is', () => {
    const made = started()
    made.driver.set(0x70, 1 | 2 | 8)
    lend(made, 0)
    made.spring.pour('early')
    expect(made.driver.used).toBe(0)
    made.driver.set(0x70, 1 | 2 | 8 | 4)
    expect([made.driver.used, made.seen.interrupt]).toEqual([1, true])
  })

  test('finds the second queue apart from the first', () => {
    const made = started(0, 2)
    const second = made.driver.queue(1)
    second.describe(0, ramGpa + bufferAt, 16, write)
    second.offer(0)
    made.spring.pour('first')
    expect(second.used).toBe(0)
    made.spring.transport?.kick(1)
    expect([second.used, made.driver.used]).toEqual([1, 0])
  })

  test('a chain that waits goes on in a copy', () => {
    const made = started()
    lend(made, 0)
    const copy = board()
    copy.ram.bytes.set(made.ram.bytes)
    copy.device.restore(made.device.capture())
    expect(copy.device.capture()).toEqual(made.device.capture())
    copy.spring.pour('there')
    expect([copy.driver.used, text(copy.ram, 0, 5)]).toEqual([1, 'there'])
  })
})

describe('configuration space (VIRTIO 1.2, 2.5)', () => {
  test('shows what is there now; a change is one generation on, and interrupts', () => {
    const { driver, spring, seen } = started()
    expect([driver.get(0xfc), driver.get(0x100)]).toEqual([0, 0])
    spring.config[0] = 5
    spring.transport?.configChanged()
    expect([driver.get(0xfc), driver.get(0x100)]).toEqual([1, 5])
    expect([driver.get(0x60), seen.interrupt]).toEqual([interruptConfig, true])
  })

  test('tells nobody who is not there, but counts', () => {
    const { driver, spring, seen } = board()
    spring.transport?.configChanged()
    expect([driver.get(0xfc), driver.get(0x60), seen.interrupt]).toEqual([1, 0, false])
  })

  test('takes stores within its bounds only', () => {
    const { device, spring } = started()
    device.write(0x104, 4, 77)
    device.write(0x107, 1, 1)
    device.write(0x106, 4, 1)
    device.write(0x108, 4, 1)
    expect(spring.stored).toEqual([
      [4, 4, 77],
      [7, 1, 1],
    ])
  })
})

describe('indirect descriptors (2.7.5.3)', () => {
  /** Writes entry `index` of the table. */
  function entry(ram: Ram, index: number, at: number, flags: number, nextIndex = 0): void {
    ram.view.setBigUint64(tableAt + 16 * index, BigInt(ramGpa + at), true)
    ram.view.setUint32(tableAt + 16 * index + 8, 16, true)
    ram.view.setUint16(tableAt + 16 * index + 12, flags, true)
    ram.view.setUint16(tableAt + 16 * index + 14, nextIndex, true)
  }

  const gpas = (segments: DescriptorChain['writable']) => segments.map(({ gpa }) => gpa - ramGpa)

  test('the table is a chain of its own, linked in any order, behind what came before it', () => {
    const { ram, driver, spring } = started(featureIndirect)
    entry(ram, 0, 0xa000, next, 2)
    entry(ram, 1, 0xc000, write)
    entry(ram, 2, 0xb000, next | write, 1)
    driver.describe(0, ramGpa + 0x9000, 16, next, 1)
    // The write flag of the descriptor that names a table means nothing.
    driver.describe(1, ramGpa + tableAt, 48, indirect | write)
    spring.words.push('x')
    driver.offer(0)
    const [chain] = spring.seen
    expect(gpas(chain?.readable ?? [])).toEqual([0x9000, 0xa000])
    expect(gpas(chain?.writable ?? [])).toEqual([0xb000, 0xc000])
    expect([chain?.lent, driver.used]).toEqual([2, 1])
  })

  test('a table may be longer than the queue, but not than the queue could be', () => {
    for (const [entries, works] of [
      [64, true],
      [65, false],
    ] as const) {
      const { ram, driver, spring } = started(featureIndirect)
      for (let n = 0; n < entries; n++)
        entry(ram, n, 0x9000, n + 1 < entries ? next | write : write, n + 1)
      driver.describe(0, ramGpa + tableAt, 16 * entries, indirect)
      spring.words.push('x')
      driver.offer(0)
      expect(spring.seen.length).toBe(works ? 1 : 0)
      expect(driver.get(0x70) & needsReset).toBe(works ? 0 : needsReset)
    }
  })

  const lies: Record<string, (made: ReturnType<typeof started>) => void> = {
    'a table in a table': ({ ram, driver }) => {
      entry(ram, 0, tableAt, indirect)
      driver.describe(0, ramGpa + tableAt, 16, indirect)
    },
    'a table that is not the end': ({ ram, driver }) => {
      entry(ram, 0, 0x9000, write)
      driver.describe(0, ramGpa + tableAt, 16, indirect | next, 1)
      driver.describe(1, ramGpa + 0x9000, 16, write)
    },
    'an empty table': ({ driver }) => driver.describe(0, ramGpa + tableAt, 0, indirect),
    'half an entry': ({ driver }) => driver.describe(0, ramGpa + tableAt, 24, indirect),
    'a table out of RAM': ({ driver }) => driver.describe(0, ramGpa + (1 << 20) - 16, 32, indirect),
    'an entry behind the table': ({ ram, driver }) => {
      entry(ram, 0, 0x9000, write | next, 1)
      driver.describe(0, ramGpa + tableAt, 16, indirect)
    },
    'a table that bites its own tail': ({ ram, driver }) => {
      entry(ram, 0, 0x9000, write | next, 0)
      driver.describe(0, ramGpa + tableAt, 16, indirect)
    },
    'readable behind writable': ({ ram, driver }) => {
      entry(ram, 0, 0x9000, write | next, 1)
      entry(ram, 1, 0x9000, 0)
      driver.describe(0, ramGpa + tableAt, 32, indirect)
    },
  }
  for (const [name, lie] of Object.entries(lies)) {
    test(`refused: ${name}`, () => {
      const made = started(featureIndirect)
      if (name === 'a table out of RAM') {
        const last = (1 << 20) - 16
        made.ram.view.setBigUint64(last, BigInt(ramGpa), true)
        made.ram.view.setUint16(last + 12, next, true)
        made.ram.view.setUint16(last + 14, 1, true)
      }
      lie(made)
      made.spring.words.push('x')
      made.driver.offer(0)
      expect(made.driver.get(0x70) & needsReset).toBe(needsReset)
      expect([made.driver.used, made.spring.seen.length]).toEqual([0, 0])
    })
  }

  test('refused: a table that the driver did not say it would use', () => {
    const { ram, driver, spring } = started()
    entry(ram, 0, 0x9000, write)
    driver.describe(0, ramGpa + tableAt, 16, indirect)
    spring.words.push('x')
    driver.offer(0)
    expect(driver.get(0x70) & needsReset).toBe(needsReset)
  })

  test('law: whatever stands in ring and table, nothing throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 512, maxLength: 512 }), (bytes) => {
        const { ram, driver, spring } = started(featureIndirect | featureEventIndex)
        spring.words.push(...Array.from({ length: 20 }, () => 'word'))
        for (let n = 0; n < 32; n++) {
          const [at, flags, follow, length] = bytes.subarray(16 * n, 16 * n + 4)
          const place = n < 8 ? 0x1000 + 16 * n : tableAt + 16 * n
          ram.view.setBigUint64(place, BigInt(ramGpa + 16 * (at ?? 0) + tableAt), true)
          ram.view.setUint32(place + 8, (length ?? 0) * 4, true)
          ram.view.setUint16(place + 12, (flags ?? 0) & 7, true)
          ram.view.setUint16(place + 14, (follow ?? 0) % 12, true)
        }
        for (let n = 0; n < queueSize; n++) driver.offer(bytes[n] ?? 0)
      }),
      { numRuns: 300 },
    )
  })
})

describe('event index (2.7.7, 2.7.10)', () => {
  const usedEventAt = availAt + 4 + 2 * queueSize
  const availEventAt = usedAt + 4 + 8 * queueSize

  test('interrupts when the used index passes the one that the driver waits for', () => {
    const made = started(featureEventIndex)
    made.ram.view.setUint16(usedEventAt, 2, true)
    const heard = [0, 1, 2, 3].map((index) => {
      lend(made, index, false)
      made.spring.pour(`${index}`)
      const raised = made.seen.interrupt
      made.driver.set(0x64, interruptUsed)
      return raised
    })
    expect(heard).toEqual([false, false, true, false])
  })

  test('a batch that jumps over the index interrupts, and the flag means nothing', () => {
    const made = started(featureEventIndex)
    made.ram.view.setUint16(availAt, 1, true)
    made.ram.view.setUint16(usedEventAt, 1, true)
    for (const index of [0, 1, 2]) lend(made, index, false)
    made.spring.pour('a', 'b', 'c')
    expect([made.driver.used, made.seen.interrupt]).toEqual([3, true])
  })

  test('indices wrap at 2^16', () => {
    const made = started(featureEventIndex)
    const section = made.device.capture()
    const bytes = section.bytes.slice()
    const view = new DataView(bytes.buffer)
    // What was seen and given back stand behind size, readiness and three addresses.
    for (const at of [30 + 27, 30 + 29]) view.setUint16(at, 0xffff, true)
    made.device.restore({ ...section, bytes })
    made.ram.view.setUint16(usedEventAt, 0xffff, true)
    made.driver.describe(0, ramGpa + bufferAt, 16, write)
    made.ram.view.setUint16(availAt + 4 + 2 * 7, 0, true)
    made.ram.view.setUint16(availAt + 2, 0, true)
    made.spring.pour('wrapped')
    expect([made.driver.used, made.seen.interrupt]).toEqual([0, true])
    expect(made.ram.view.getUint16(availEventAt, true)).toBe(0)
  })

  test('the driver is asked for a word at the first chain that was not taken', () => {
    const made = started(featureEventIndex)
    lend(made, 0)
    expect(made.ram.view.getUint16(availEventAt, true)).toBe(0)
    made.spring.pour('one')
    expect(made.ram.view.getUint16(availEventAt, true)).toBe(1)
    const old = started()
    lend(old, 0)
    old.spring.pour('one')
    expect(old.ram.view.getUint16(availEventAt, true)).toBe(0)
  })
})
