import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SnapshotError } from '#engine/snapshots/section-bytes.ts'
import type { Section, VmConfig } from '#engine/vm-config.ts'
import { bootedRig, emptyRig, guestImage, identity, type Rig } from './machine-rig.ts'

const disk = { sizeBytes: 256 * 1024, layers: ['disk'] }
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const stateOf = (rig: Rig) => ({
  ram: rig.ram.fullHash(),
  sections: rig.machine.capture().map(({ kind, bytes }) => `${kind} ${hex(bytes)}`),
})

/** The same VM as it is now, in another machine: RAM, then sections. */
function copyOf(rig: Rig, args: string, more: Partial<VmConfig>): Rig {
  const copy = emptyRig(args, more)
  copy.ram.copyFrom(rig.ram)
  copy.machine.restore(rig.machine.capture())
  return copy
}

/** Runs a VM on instruction-count time for so many instructions, in slices of that size. */
function runFor(rig: Rig, instructions: number, slice: number): void {
  rig.machine.resume()
  const until = rig.machine.retired + instructions
  while (rig.machine.retired < until) {
    const outcome = rig.machine.run(Math.min(slice, until - rig.machine.retired))
    if (outcome.kind === 'idle') rig.machine.passTimeTo(outcome.untilTicks)
  }
  rig.machine.pause()
}

describe('a machine with our guest', () => {
  test('boots, and answers on its console', () => {
    const rig = bootedRig('workload=cpu load=0')
    rig.runUntil('ready')
    expect(rig.output()).toContain(`instance=${identity.instanceId}`)
    rig.type('r1 ping')
    rig.runUntil('r1 pong')
  })

  test('keeps durable data on its disk through interrupts and flushes', () => {
    const rig = bootedRig('workload=kv', { disk })
    rig.runUntil('ready')
    const before = rig.disk.flushes
    rig.type('r1 put key value')
    rig.runUntil('r1 ok 1')
    expect(rig.disk.flushes).toBeGreaterThan(before)
    rig.type('r2 get key')
    rig.runUntil('r2 value value')
  })

  test('is idle until its next alarm when there is nothing to do', () => {
    const rig = bootedRig('workload=cpu load=0')
    rig.runUntil('ready')
    let outcome = rig.machine.run(10_000_000)
    if (outcome.kind === 'ran') outcome = rig.machine.run(10_000_000)
    expect(outcome.kind).toBe('idle')
    const retired = rig.machine.retired
    expect(rig.machine.run(1000)).toEqual(outcome)
    expect(rig.machine.retired).toBe(retired)
    if (outcome.kind === 'idle') rig.machine.passTimeTo(outcome.untilTicks)
    rig.machine.run(1000)
    expect(rig.machine.retired).toBeGreaterThan(retired)
  })

  test('tells the guest that it has become another one', () => {
    const rig = bootedRig('workload=cpu load=0')
    rig.runUntil('ready')
    rig.machine.pause()
    const randomState = () => rig.machine.capture().find(({ kind }) => kind === 'rng')?.bytes
    const before = randomState()
    rig.machine.rebrand({ ...identity, mac: '02:00:00:00:00:99' })
    expect(randomState()).not.toEqual(before)
    rig.machine.resume()
    rig.runUntil('identity instance=')
    rig.runUntil('mac=02:00:00:00:00:99 generation=2')
  })

  test.each([
    ['workload=cpu', 'shut-down'],
    ['workload=nonsense', 'crashed'],
  ])('%s: the end is %s', (args, reason) => {
    const rig = bootedRig(args)
    rig.type('r1 poweroff')
    let outcome = rig.machine.run(1_000_000)
    for (let n = 0; n < 200 && outcome.kind !== 'stopped'; n++) {
      if (outcome.kind === 'idle') rig.machine.passTimeTo(outcome.untilTicks)
      outcome = rig.machine.run(1_000_000)
    }
    expect(outcome).toMatchObject({ kind: 'stopped', end: { reason } })
  })

  test('a disk that fails ends it, and the write is never acknowledged', () => {
    const rig = bootedRig('workload=kv', { disk })
    rig.runUntil('ready')
    rig.disk.fails = new Error('a newer epoch has the disk')
    rig.type('r1 put key value')
    expect(() => rig.runUntil('r1 ok')).toThrow('a newer epoch has the disk')
    expect(rig.machine.end?.reason).toBe('disk-failed')
    expect(rig.output()).not.toContain('r1')
  })

  test('it does what its image does by default, unless it is told what to do', () => {
    const image = { kernel: guestImage, defaultArgs: 'workload=check mib=1' }
    for (const [args, workload] of [
      ['', 'check'],
      ['workload=cpu load=1', 'cpu'],
    ]) {
      const rig = emptyRig(args ?? '')
      rig.machine.boot(image)
      rig.machine.resume()
      rig.runUntil(`workload=${workload}`)
    }
  })

  test('an image that does not fit in RAM is refused', () => {
    const rig = emptyRig('workload=cpu')
    expect(() => rig.machine.boot({ kernel: new Uint8Array(7 << 20) })).toThrow('does not fit')
    expect(() => rig.machine.boot({ kernel: guestImage })).not.toThrow()
  })
})

describe('a copy of a machine', () => {
  const args = 'workload=dirty wss=1 rate=3000'

  test('law: it goes on bit for bit as the original does, however both are cut into slices', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3_000_000 }),
        fc.integer({ min: 37, max: 500_000 }),
        fc.integer({ min: 37, max: 500_000 }),
        (instant, sliceOfOne, sliceOfOther) => {
          const rig = bootedRig(args)
          rig.machine.pause()
          runFor(rig, instant, sliceOfOne)
          rig.machine.input(0, new TextEncoder().encode('r1 ping\nr2 stats\n'))
          const copy = copyOf(rig, args, {})
          expect(stateOf(copy)).toEqual(stateOf(rig))
          rig.output()
          const said = rig.output().length
          runFor(rig, 1_000_000, sliceOfOne)
          runFor(copy, 1_000_000, sliceOfOther)
          expect(stateOf(copy)).toEqual(stateOf(rig))
          expect(copy.output()).toBe(rig.output().slice(said))
        },
      ),
      { numRuns: 8 },
    )
  })

  test('two runs of a VM on instruction-count time are equal, word for word', () => {
    const runs = [60_000, 123_457].map((slice) => {
      const rig = bootedRig('workload=check mib=1 rate=500')
      rig.machine.pause()
      runFor(rig, 4_000_000, slice)
      return { ...stateOf(rig), output: rig.output() }
    })
    expect(runs[1]).toEqual(runs[0])
    expect(runs[0]?.output).toContain('ready')
  })

  test('console input that was taken but not read arrives at the copy, once', () => {
    const rig = bootedRig('workload=cpu load=0')
    rig.runUntil('ready')
    rig.type('r1 ping')
    rig.machine.pause()
    const copy = copyOf(rig, 'workload=cpu load=0', {})
    copy.machine.resume()
    // The client does not know what was accepted, and types everything again.
    copy.type('r1 ping')
    copy.runUntil('r1 pong')
    copy.type('r2 ping')
    copy.runUntil('r2 pong')
    expect(copy.output().match(/r1 pong/g)).toHaveLength(1)
  })

  test('what the guest wrote to its disk is there for whoever opens it after the capture', () => {
    const rig = bootedRig('workload=kv', { disk })
    rig.runUntil('ready')
    rig.machine.pause()
    const before = rig.disk.flushes
    rig.machine.capture()
    expect(rig.disk.flushes).toBe(before)
    rig.machine.releaseDisk()
    expect([rig.disk.closed, rig.machine.needsDisk]).toEqual([true, true])
  })

  test('sections of another VM, unknown and missing ones are refused by name', () => {
    const rig = bootedRig('workload=kv', { disk })
    rig.machine.pause()
    const sections = rig.machine.capture()
    expect(sections.map(({ kind }) => kind)).toEqual([
      'hart',
      'board',
      'plic',
      'clint',
      'uart16550',
      'identity',
      'rtc',
      'virtio-mmio.0',
      'virtio-mmio.2',
      'virtio-mmio.3',
      'virtio-mmio.4',
      'rng',
      'balloon',
      'steal-time',
      'console',
    ])
    const restore =
      (wrong: Section[], more: Partial<VmConfig> = { disk }) =>
      () =>
        emptyRig('workload=kv', more).machine.restore(wrong)
    expect(restore(sections)).not.toThrow()
    expect(restore(sections, {})).toThrow('unknown: virtio-mmio.0')
    expect(restore(sections.slice(2))).toThrow('missing: hart, board')
    expect(restore(sections, { disk, clock: 'real' })).toThrow('other RAM, clock, disk')
    expect(restore(sections.map((s) => ({ ...s, version: 9 })))).toThrow(SnapshotError)
    expect(restore(sections.map((s) => ({ ...s, bytes: s.bytes.slice(1) })))).toThrow()
  })
})

describe('guest time under a real clock', () => {
  test('runs with the host’s, stands still while paused, and goes on at the copy', () => {
    const rig = bootedRig('workload=cpu load=0', { clock: 'real' })
    rig.runUntil('ready')
    const booted = rig.machine.ticks
    rig.host.ms += 10
    expect(rig.machine.ticks).toBe(booted + 100_000)
    rig.machine.pause()
    rig.host.ms += 1000
    expect(rig.machine.ticks).toBe(booted + 100_000)
    const copy = copyOf(rig, 'workload=cpu load=0', { clock: 'real' })
    expect(copy.machine.ticks).toBe(booted + 100_000)
    copy.machine.resume()
    copy.type('r1 ping')
    copy.runUntil('r1 pong')
  })

  test('the copy is told how long it slept, if that is wanted', () => {
    const rig = bootedRig('workload=cpu load=0', { clock: 'real' })
    rig.runUntil('ready')
    rig.machine.pause()
    const copy = emptyRig('workload=cpu load=0', { clock: 'real' })
    copy.ram.copyFrom(rig.ram)
    copy.machine.restore(rig.machine.capture())
    copy.machine.resume(12)
    copy.machine.pause()
    expect(copy.machine.ticks).toBeGreaterThanOrEqual(rig.machine.ticks + 120_000)
  })
})
