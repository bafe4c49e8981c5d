import { describe, expect, test } from 'vitest'
import type { PreservedPages } from '#engine/cpu/core-port.ts'
import { Exit } from '#engine/cpu/core-port.ts'
import { uartRegion } from '#engine/devices/memory-map.ts'
import { TestDisk } from '../machine-rig.ts'
import type { Script } from '../scripted-core.ts'
import { PcpuRig, periodic } from './pcpu-rig.ts'

const percentOf = (part: number, whole: number) => Math.round((100 * part) / whole)
/** To within one slice or two of a short test. */
const expectPercent = (part: number, whole: number, percent: number) =>
  expect(Math.abs((100 * part) / whole - percent)).toBeLessThan(2)
const asleep: Script = () => Exit.wfi

describe('turns', () => {
  test('VMs of equal shares get equal time', () => {
    const rig = new PcpuRig()
    for (const vmId of ['a', 'b', 'c']) rig.start(vmId)
    rig.runMs(300)
    for (const vmId of ['a', 'b', 'c']) expectPercent(rig.stats(vmId).ranMs, 300, 33.3)
  })

  test('shares are weights, and can be changed while it runs', () => {
    const rig = new PcpuRig()
    rig.start('light')
    rig.start('heavy', { cpuShares: 3 * 1024 })
    rig.runMs(400)
    expectPercent(rig.stats('heavy').ranMs, 400, 75)
    rig.do({ do: 'weigh', vmId: 'heavy', cpuShares: 1024, cpuCapPercent: 100 })
    const before = rig.stats('heavy').ranMs
    rig.runMs(400)
    expectPercent(rig.stats('heavy').ranMs - before, 400, 50)
  })

  test('a VM that slept has no claim to the time in which it did', () => {
    const rig = new PcpuRig()
    rig.start('busy')
    rig.start('late')
    rig.do({ do: 'pause', vmId: 'late' })
    rig.runMs(500)
    rig.do({ do: 'resume', vmId: 'late' })
    rig.runMs(100)
    expectPercent(rig.stats('late').ranMs, 100, 50)
  })

  test('a slice is about a millisecond, whatever the guest’s speed', () => {
    const rig = new PcpuRig()
    rig.start('a')
    rig.runMs(100)
    const before = rig.host.ms
    rig.pcpu.run()
    expect(rig.host.ms - before).toBeGreaterThan(0.7)
    expect(rig.host.ms - before).toBeLessThan(1.2)
  })
})

describe('a VM that waits', () => {
  test('costs nothing: the pCPU sleeps until its alarm', () => {
    const rig = new PcpuRig({ scripts: { idle: periodic(1000, 200_000) } })
    rig.start('idle')
    rig.pcpu.run()
    const sleepMs = rig.pcpu.run()
    expect(sleepMs).toBeGreaterThan(19)
    expect(sleepMs).toBeLessThanOrEqual(20)
    rig.runMs(1000)
    expect(rig.stats('idle').instructions).toBeGreaterThan(45_000)
    expect(rig.stats('idle').instructions).toBeLessThan(55_000)
  })

  test('without an alarm it sleeps for ever, and input wakes it', () => {
    const rig = new PcpuRig({ scripts: { deaf: asleep } })
    rig.start('deaf')
    rig.pcpu.run()
    expect(rig.pcpu.run()).toBe(Infinity)
    // The guest has set its UART and its PLIC up to interrupt when something is typed.
    const { hooks } = rig.cores.get('deaf') ?? {}
    hooks?.mmioWrite(uartRegion.gpa + 1, 1, 1n)
    hooks?.mmioWrite(0xc00_0028, 4, 1n)
    hooks?.mmioWrite(0xc00_2080, 4, 1n << 10n)
    let woken = 0
    const core = rig.cores.get('deaf')
    if (core) {
      core.script = () => {
        woken++
        return Exit.wfi
      }
    }
    const answer = rig.do({ do: 'input', vmId: 'deaf', offset: 0, bytes: Uint8Array.of(65) })
    expect(answer).toEqual({ accepted: 1 })
    expect(core?.external).toBe(true)
    rig.pcpu.run()
    expect(woken).toBe(1)
  })

  test('demand is the time in which it ran or waited for its turn', () => {
    const rig = new PcpuRig({ scripts: { third: periodic(100_000, 20_000) } })
    rig.start('third')
    rig.runMs(300)
    const alone = rig.stats('third')
    expect(percentOf(alone.runnableMs, 300)).toBe(percentOf(alone.ranMs, 300))
    rig.start('busy')
    rig.runMs(300)
    const crowded = rig.stats('third')
    expect(crowded.runnableMs - alone.runnableMs).toBeGreaterThan(crowded.ranMs - alone.ranMs + 20)
    expect(percentOf(rig.stats('busy').runnableMs, 300)).toBeGreaterThan(98)
  })
})

describe('limits', () => {
  test.each([10, 50, 90])('a cap of %i percent holds, alone and in company', (cpuCapPercent) => {
    const rig = new PcpuRig()
    rig.start('capped', { cpuCapPercent })
    rig.runMs(1000)
    expect(Math.abs(rig.stats('capped').ranMs / 10 - cpuCapPercent)).toBeLessThan(1.5)
    const before = rig.stats('capped').ranMs
    rig.start('other')
    rig.runMs(1000)
    const share = Math.min(50, cpuCapPercent)
    expect(Math.abs((rig.stats('capped').ranMs - before) / 10 - share)).toBeLessThan(1.5)
  })

  test('a pCPU declared slower retires no more, and its time counts as if it were', () => {
    const rig = new PcpuRig({ mips: 20 })
    rig.start('a')
    rig.start('b')
    rig.runMs(1000)
    const instructions = rig.stats('a').instructions + rig.stats('b').instructions
    expect(Math.abs(instructions / 20_000_000 - 1)).toBeLessThan(0.02)
    expectPercent(rig.stats('a').ranMs, 1000, 50)
  })

  test('after the lease no slice of a leased VM begins, and others run on', () => {
    const rig = new PcpuRig()
    rig.start('leased', { leased: true })
    rig.start('free')
    rig.leaseUntilMs = rig.host.ms + 50
    rig.runMs(60)
    const fenced = rig.stats('leased').instructions
    rig.runMs(100)
    expect(rig.stats('leased').instructions).toBe(fenced)
    expect(rig.stats('leased').ranMs).toBeLessThan(27)
    expect(rig.stats('free').ranMs).toBeGreaterThan(100)
    rig.leaseUntilMs = Infinity
    rig.runMs(100)
    expect(rig.stats('leased').instructions).toBeGreaterThan(fenced)
  })

  test('a renewed lease is seen though nobody rings', () => {
    const rig = new PcpuRig()
    rig.start('leased', { leased: true })
    rig.leaseUntilMs = 0
    expect(rig.pcpu.run()).toBeLessThan(50)
    expect(rig.stats('leased').instructions).toBe(0)
  })
})

describe('commands', () => {
  test('pause: no further instruction retires before resume', () => {
    const rig = new PcpuRig()
    rig.start('a')
    rig.runMs(10)
    rig.do({ do: 'pause', vmId: 'a' })
    const { instructions } = rig.stats('a')
    rig.runMs(10)
    expect(rig.stats('a').instructions).toBe(instructions)
    rig.do({ do: 'resume', vmId: 'a' })
    rig.runMs(10)
    expect(rig.stats('a').instructions).toBeGreaterThan(instructions)
  })

  test('a log can be taken and the VM paused at once, and its pages are counted', () => {
    const rig = new PcpuRig()
    rig.start('a')
    rig.runMs(5)
    const { log } = rig.do({ do: 'open-log', vmId: 'a' })
    expect(rig.do({ do: 'take-log', vmId: 'a', log, pause: true }).pages).toBe(4)
    expect(() => rig.do({ do: 'capture', vmId: 'a' })).not.toThrow()
  })

  test('what needs a paused VM is refused while it runs, with the mend', () => {
    const rig = new PcpuRig()
    rig.start('a')
    expect(() => rig.do({ do: 'capture', vmId: 'a' })).toThrow('pause it first')
    expect(() => rig.do({ do: 'restore', vmId: 'a', sections: [] })).toThrow('pause it first')
    expect(() => rig.do({ do: 'pause', vmId: 'nobody' })).toThrow('no VM nobody')
    const again = { do: 'attach', config: rig.config('a'), start: 'empty' } as const
    expect(() => rig.do(again)).toThrow('attached already')
    rig.do({ do: 'detach', vmId: 'a' })
    rig.do(again)
    const boot = { do: 'attach', config: rig.config('b'), start: 'boot' } as const
    expect(() => rig.do(boot)).toThrow('no image')
  })

  test('a captured VM is restored into another, and a bad snapshot names what is wrong', () => {
    const rig = new PcpuRig()
    rig.start('a')
    rig.runMs(5)
    rig.do({ do: 'pause', vmId: 'a' })
    const { sections } = rig.do({ do: 'capture', vmId: 'a' })
    rig.do({ do: 'attach', config: rig.config('copy'), start: 'empty' })
    rig.do({ do: 'restore', vmId: 'copy', sections })
    expect(rig.stats('copy').instructions).toBe(rig.stats('a').instructions)
    const half = { do: 'restore', vmId: 'copy', sections: sections.slice(1) } as const
    expect(() => rig.do(half)).toThrow('missing: hart')
  })
})

describe('the disk of a VM', () => {
  const disk = { sizeBytes: 1 << 20, layers: ['base', 'top'] }

  test('opens at the first resume, and again after a change, under the epoch then', () => {
    const opened: string[] = []
    const disks: TestDisk[] = []
    const openDisk = ({ layers, epoch }: { layers: readonly string[]; epoch: number }) => {
      opened.push(`${layers.join('+')} under ${epoch}`)
      disks.push(new TestDisk())
      return disks.at(-1) as TestDisk
    }
    const rig = new PcpuRig({ openDisk })
    rig.do({ do: 'attach', config: rig.config('a', { disk }), start: 'empty' })
    expect(opened).toEqual([])
    for (const command of ['resume', 'pause', 'resume', 'pause'] as const) {
      rig.do({ do: command, vmId: 'a' })
    }
    expect(opened).toEqual(['base+top under 1'])
    rig.do({ do: 'change-disk', vmId: 'a', layers: ['base', 'top', 'new'], epoch: 2 })
    expect(disks[0]?.closed).toBe(true)
    rig.do({ do: 'resume', vmId: 'a' })
    expect(opened[1]).toBe('base+top+new under 2')
    rig.do({ do: 'detach', vmId: 'a' })
    expect(disks[1]?.closed).toBe(true)
  })

  test('a layer that is sealed while the VM stands still is made first: it will be read', () => {
    const opened: string[] = []
    const openDisk = ({ layers }: { layers: readonly string[] }) => {
      opened.push(layers.join('+'))
      return new TestDisk()
    }
    const rig = new PcpuRig({ openDisk })
    rig.do({ do: 'attach', config: rig.config('a', { disk }), start: 'empty' })
    for (const command of ['resume', 'pause'] as const) rig.do({ do: command, vmId: 'a' })
    const change = (...layers: string[]) =>
      rig.do({ do: 'change-disk', vmId: 'a', layers, epoch: 1 })
    change('base', 'top', 'one')
    change('base', 'top', 'one', 'two')
    expect(opened).toEqual(['base+top', 'base+top+one'])
  })

  test('of a VM that stands still for long the new top is made at once: another may come on it', () => {
    const opened: string[] = []
    const openDisk = ({ layers, epoch }: { layers: readonly string[]; epoch: number }) => {
      opened.push(`${layers.join('+')} under ${epoch}`)
      if (layers.includes('full')) throw new Error('no space left')
      return new TestDisk()
    }
    const rig = new PcpuRig({ openDisk })
    rig.do({ do: 'attach', config: rig.config('a', { disk }), start: 'empty' })
    for (const command of ['resume', 'pause'] as const) rig.do({ do: command, vmId: 'a' })
    const change = (...layers: string[]) =>
      rig.do({ do: 'change-disk', vmId: 'a', layers, epoch: 2, isMade: true })
    change('base', 'top', 'one')
    expect(opened.at(-1)).toBe('base+top+one under 2')
    expect(() => change('base', 'top', 'one', 'full')).toThrow('no space left')
    rig.do({ do: 'resume', vmId: 'a' })
    expect(opened.at(-1)).toBe('base+top+one under 2')
  })

  test('a fork whose new layer cannot be made leaves the VM running on the old ones', () => {
    const opened: string[] = []
    const openDisk = ({ layers }: { layers: readonly string[] }) => {
      if (layers.includes('new')) throw new Error('no space left')
      opened.push(layers.join('+'))
      return new TestDisk()
    }
    const rig = new PcpuRig({ openDisk })
    rig.do({ do: 'attach', config: rig.config('a', { disk }), start: 'empty' })
    rig.do({ do: 'resume', vmId: 'a' })
    const above = { layers: ['base', 'top', 'new'], epoch: 1 }
    const image = {} as PreservedPages
    expect(() => rig.do({ do: 'fork', vmId: 'a', image, disk: above })).toThrow('no space left')
    const { instructions } = rig.stats('a')
    rig.runMs(5)
    expect(rig.stats('a').instructions).toBeGreaterThan(instructions)
    expect(opened).toEqual(['base+top', 'base+top'])
  })

  test('one that cannot be opened refuses the resume, and the VM stays paused', () => {
    const rig = new PcpuRig({
      openDisk: () => {
        throw new Error('epoch 7 has it')
      },
    })
    rig.do({ do: 'attach', config: rig.config('a', { disk }), start: 'empty' })
    expect(() => rig.do({ do: 'resume', vmId: 'a' })).toThrow('epoch 7 has it')
    rig.runMs(5)
    expect(rig.stats('a').instructions).toBe(0)
  })
})

describe('events', () => {
  test('what a guest writes in a slice comes as one piece', () => {
    const chatty: Script = (core) => {
      for (const byte of [104, 105, 10]) core.hooks.mmioWrite(uartRegion.gpa, 1, BigInt(byte))
      return Exit.wfi
    }
    const rig = new PcpuRig({ scripts: { a: chatty } })
    rig.start('a')
    rig.pcpu.run()
    const bytes = Uint8Array.of(104, 105, 10)
    expect(rig.events).toEqual([{ on: 'output', vmId: 'a', offset: 0, bytes }])
  })

  test('input that was cut short is asked for again when the guest has read', () => {
    const reader: Script = (core) => {
      for (let n = 0; n < 40_000; n++) core.hooks.mmioRead(uartRegion.gpa + (n & 1 ? 0 : 5), 1)
      core.retire(40_000)
      return Exit.budget
    }
    const rig = new PcpuRig({ scripts: { a: reader } })
    rig.start('a')
    const bytes = new Uint8Array(70_000)
    const { accepted } = rig.do({ do: 'input', vmId: 'a', offset: 0, bytes })
    expect(accepted).toBe(65_536)
    rig.runMs(3)
    expect(rig.events).toEqual([{ on: 'accepted', vmId: 'a', offset: 65_536 }])
  })

  test('a machine that fails stops its VM alone', () => {
    const rig = new PcpuRig({
      scripts: {
        bad: () => {
          throw new RangeError('memory access out of bounds')
        },
      },
    })
    rig.start('bad')
    rig.start('good')
    rig.runMs(20)
    expect(rig.events).toMatchObject([{ on: 'stopped', vmId: 'bad', reason: 'crashed' }])
    expect(rig.events).toMatchObject([{ detail: expect.stringContaining('out of bounds') }])
    expect(percentOf(rig.stats('good').ranMs, 20)).toBeGreaterThan(90)
    expect(() => rig.do({ do: 'resume', vmId: 'bad' })).toThrow('has ended')
    expect(() => rig.do({ do: 'pause', vmId: 'bad' })).not.toThrow()
  })

  test('a guest that powers off stops, and its disk is closed', () => {
    const disk = new TestDisk()
    const rig = new PcpuRig({
      openDisk: () => disk,
      scripts: {
        a: (core) => {
          core.hooks.mmioWrite(0x10_0000, 4, 0x5555n)
          return Exit.requested
        },
      },
    })
    rig.start('a', { disk: { sizeBytes: 1 << 20, layers: ['top'] } })
    rig.runMs(5)
    expect(rig.events).toMatchObject([{ on: 'stopped', vmId: 'a', reason: 'shut-down' }])
    expect(disk.closed).toBe(true)
  })
})

describe('instruction-count time', () => {
  const clock = 'instructions' as const

  test('an idle guest is paced: its alarm comes when real time has passed too', () => {
    const everyMs: Script = (core) => {
      core.retire(100)
      core.setTimer(BigInt(core.ticks + 10_000))
      return Exit.wfi
    }
    const rig = new PcpuRig({ scripts: { a: everyMs } })
    rig.start('a', { clock })
    rig.runMs(100)
    expect(rig.stats('a').instructions / 100).toBeGreaterThan(97)
    expect(rig.stats('a').instructions / 100).toBeLessThan(103)
  })

  test('a busy guest’s time is its instructions alone', () => {
    const rig = new PcpuRig()
    rig.start('a', { clock })
    rig.runMs(50)
    const core = rig.cores.get('a')
    expect(core?.ticks).toBe(Math.floor((core?.retired ?? 0) / 100))
  })

  test('input finds an idle guest at the time that has really passed', () => {
    const rig = new PcpuRig({ scripts: { a: asleep } })
    rig.start('a', { clock })
    rig.pcpu.run()
    rig.host.ms += 25
    rig.do({ do: 'input', vmId: 'a', offset: 0, bytes: Uint8Array.of(1) })
    expect(rig.cores.get('a')?.ticks).toBeGreaterThanOrEqual(250_000)
    expect(rig.cores.get('a')?.ticks).toBeLessThan(251_000)
  })
})
