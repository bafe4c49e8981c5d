// A guest that resets itself: it waits to be booted again, on whichever machine it is by then, and
// begins as after power-on. The program counts its boots in RAM, on the console's line and on its
// disk's status register, resets itself by SBI or by the finisher, and says what it found.

import { describe, expect, test } from 'vitest'
import { WasmCore } from '#engine/cpu/core.ts'
import { finisherReboot } from '#engine/devices/finisher.ts'
import { finisherRegion, kernelGpa, ramGpa, uartRegion } from '#engine/devices/memory-map.ts'
import { Pcpu } from '#engine/pcpu.ts'
import type { PcpuEvent } from '#engine/vm-config.ts'
import { type Assembler, assemble } from './cpu/assembler.ts'
import { coreModule, emptyRig, HostTime, type Rig, ramBytes, vmConfig } from './machine-rig.ts'

const countGpa = ramGpa + 4 * 2 ** 20
/** The UART's scratch register: device state that a reset clears. */
const scratch = 7

type Reset = (a: Assembler) => void
const bySbi: Reset = (a) => {
  a.li('a7', 0x53525354)
  a.li('a6', 0)
  a.li('a0', 1)
  a.li('a1', 0)
  a.ecall()
}
const byFinisher: Reset = (a) => {
  a.li('t0', finisherRegion.gpa)
  a.li('t1', finisherReboot)
  a.sw('t1', 0, 't0')
}

/** Writes '0' + what it finds in RAM and in the UART, leaves one more in both, and resets. */
const image = (reset: Reset) => ({
  kernel: assemble(BigInt(kernelGpa), (a) => {
    a.li('s0', countGpa)
    a.li('s1', uartRegion.gpa)
    a.ld('t0', 0, 's0')
    a.lbu('t1', scratch, 's1')
    a.add('t2', 't0', 't1')
    a.addi('t2', 't2', '0'.charCodeAt(0))
    a.sb('t2', 0, 's1')
    a.addi('t0', 't0', 1)
    a.sd('t0', 0, 's0')
    a.sb('t0', scratch, 's1')
    reset(a)
    a.label('never')
    a.jal('zero', 'never')
  }).bytes,
})

function booted(reset: Reset): Rig {
  const rig = emptyRig('')
  rig.machine.boot(image(reset))
  rig.machine.resume()
  return rig
}

const budget = 100_000

/** A bitmap of RAM's pages with one bit set. */
function onlyPage(page: number): Uint8Array {
  const bitmap = new Uint8Array(ramBytes / 4096 / 8)
  bitmap[page >> 3] = 1 << (page & 7)
  return bitmap
}

describe('a guest that resets itself', () => {
  test.each([
    ['by an SBI call', bySbi],
    ['by the finisher', byFinisher],
  ])('%s begins again with RAM and devices as after power-on', (_, reset) => {
    const { machine, output, ram } = booted(reset)
    expect(machine.run(budget)).toEqual({ kind: 'reset' })
    machine.reboot(image(reset))
    expect(ram.touchedBytes()).toBeLessThan(32 * 4096)
    expect(machine.run(budget)).toEqual({ kind: 'reset' })
    expect(output()).toBe('00')
  })

  test('retires nothing until it is booted; its time and its count go on', () => {
    const { machine } = booted(bySbi)
    machine.run(budget)
    const retired = machine.retired
    expect(machine.run(budget)).toEqual({ kind: 'reset' })
    expect(machine.retired).toBe(retired)
    machine.reboot(image(bySbi))
    expect(machine.retired).toBe(retired)
    machine.run(budget)
    expect(machine.retired).toBeGreaterThan(retired)
  })

  test('what the boot writes is in every dirty log that is open: a migration goes on', () => {
    const { machine } = booted(bySbi)
    machine.run(budget)
    const log = machine.openLog()
    machine.takeLog(log)
    machine.reboot(image(bySbi))
    const bitmap = machine.takeLog(log)
    const isDirty = (gpa: number) => {
      const page = (gpa - ramGpa) / 4096
      return ((bitmap[page >> 3] as number) & (1 << (page & 7))) !== 0
    }
    expect([kernelGpa, countGpa, kernelGpa + 2 ** 20].map(isDirty)).toEqual([true, true, false])
  })

  test('a copy of one that waits asks for its image too', () => {
    const source = booted(byFinisher)
    source.machine.run(budget)
    source.machine.pause()
    const copy = emptyRig('')
    copy.ram.copyFrom(source.ram)
    copy.machine.restore(source.machine.capture())
    copy.machine.resume()
    expect(copy.machine.run(budget)).toEqual({ kind: 'reset' })
    copy.machine.reboot(image(byFinisher))
    expect(copy.machine.run(budget)).toEqual({ kind: 'reset' })
    expect(copy.output()).toBe('0')
  })

  test('waits for a page that its image goes to and that has not come', () => {
    const source = booted(byFinisher)
    source.machine.run(budget)
    source.machine.pause()
    const page = (kernelGpa - ramGpa) / 4096
    const copy = emptyRig('')
    copy.ram.copyFrom(source.ram)
    copy.machine.restore(source.machine.capture())
    copy.ram.makeAbsent(onlyPage(page))
    copy.machine.resume()
    copy.machine.reboot(image(byFinisher))
    expect(copy.machine.run(budget)).toEqual({ kind: 'absent', gpa: kernelGpa })
    copy.ram.bringZero(Uint32Array.of(page))
    expect(copy.machine.run(budget)).toEqual({ kind: 'ran' })
    expect(copy.machine.run(budget)).toEqual({ kind: 'reset' })
  })
})

describe('its pCPU', () => {
  function onPcpu() {
    const events: PcpuEvent[] = []
    const pcpu = new Pcpu({
      host: new HostTime(),
      makeCore: ({ memory, clock }, hooks) =>
        new WasmCore({ module: coreModule, memory, ramBytes, clock, sbi: 'vmm', hooks }),
      openDisk: () => {
        throw new Error('This VM has no disk')
      },
      runUntilMs: () => Infinity,
      mips: 0,
      emit: (event) => events.push(event),
    })
    pcpu.handle({ do: 'attach', config: vmConfig(''), start: 'boot', image: image(bySbi) })
    return { pcpu, seen: () => events.splice(0).map(({ on }) => on) }
  }
  const resume = { do: 'resume', vmId: 'vm-1' } as const
  const reboot = { do: 'reboot', vmId: 'vm-1', image: image(bySbi) } as const

  test('says once that it waits, and runs it on when its image comes', () => {
    const { pcpu, seen } = onPcpu()
    pcpu.handle(resume)
    for (let n = 0; n < 3; n++) pcpu.run()
    expect(seen()).toEqual(['output', 'reset'])
    expect(pcpu.handle(reboot)).toBeUndefined()
    for (let n = 0; n < 3; n++) pcpu.run()
    expect(seen()).toEqual(['output', 'reset'])
  })

  test('does not change a paused one, whose pages may be counted already: it asks again', () => {
    const { pcpu, seen } = onPcpu()
    pcpu.handle(resume)
    pcpu.run()
    pcpu.handle({ do: 'pause', vmId: 'vm-1' })
    expect(pcpu.handle(reboot)).toBeUndefined()
    pcpu.handle(resume)
    for (let n = 0; n < 3; n++) pcpu.run()
    expect(seen()).toEqual(['output', 'reset', 'reset'])
  })
})
