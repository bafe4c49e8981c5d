// A program that owns the machine: it begins in M-mode, is interrupted by the CLINT's timer and
// software interrupt and by the PLIC's M-mode context, and ends by HTIF; and it goes on as a copy
// in the middle of all that. Sources: privileged specification, mcause; the devices' own manuals.

import { describe, expect, test } from 'vitest'
import { clintRegion, plicRegion, ramGpa, uartIrq, uartRegion } from '#engine/devices/memory-map.ts'
import { type Assembler, assemble } from './cpu/assembler.ts'
import { elfFile } from './elf-file.ts'
import { emptyRig, type Rig } from './machine-rig.ts'

const toHostGpa = ramGpa + 0x1000
const fromHostGpa = ramGpa + 0x1040
const interrupts = { software: 3, timer: 7, external: 11 } as const

/** Every trap prints the letter of its cause ('a' is 0), and the program goes on without it. */
const program = (main: (a: Assembler) => void) => {
  const { bytes } = assemble(BigInt(ramGpa), (a) => {
    a.la('t0', 'trap')
    a.csrrw('zero', 'mtvec', 't0')
    a.li('s1', uartRegion.gpa)
    main(a)
    a.li('t0', toHostGpa)
    a.li('t1', 1)
    a.sd('t1', 0, 't0')
    a.label('end')
    a.jal('zero', 'end')
    a.align(4)
    a.label('trap')
    a.csrrs('t0', 'mcause', 'zero')
    a.addi('t0', 't0', 'a'.charCodeAt(0))
    a.sb('t0', 0, 's1')
    a.csrrw('zero', 'mie', 'zero')
    a.mret()
  })
  const symbols = { tohost: toHostGpa, fromhost: fromHostGpa }
  const segments = [{ physical: ramGpa, bytes, memoryBytes: 0x2000 }]
  return elfFile({ entry: ramGpa, segments, symbols })
}

const waitFor = (a: Assembler, interrupt: number) => {
  a.li('t0', 1 << interrupt)
  a.csrrs('zero', 'mie', 't0')
  a.wfi()
  a.csrrsi('zero', 'mstatus', 8)
}

const timer = (a: Assembler) => {
  a.li('t1', clintRegion.gpa + 0xbff8)
  a.ld('t2', 0, 't1')
  a.addi('t2', 't2', 1000)
  a.li('t1', clintRegion.gpa + 0x4000)
  a.sd('t2', 0, 't1')
  waitFor(a, interrupts.timer)
}

const software = (a: Assembler) => {
  a.li('t1', clintRegion.gpa)
  a.li('t2', 1)
  a.sw('t2', 0, 't1')
  waitFor(a, interrupts.software)
}

/** The UART's line is up as soon as its transmitter may interrupt, for that is always empty. */
const external = (a: Assembler) => {
  a.li('t1', plicRegion.gpa)
  a.li('t2', 1)
  a.sw('t2', 4 * uartIrq, 't1')
  a.li('t1', plicRegion.gpa + 0x2000)
  a.li('t2', 1 << uartIrq)
  a.sw('t2', 0, 't1')
  a.li('t2', 2)
  a.sb('t2', 1, 's1')
  waitFor(a, interrupts.external)
}

const boot = 'unmodified'

function booted(kernel: Uint8Array): Rig {
  const rig = emptyRig('', { boot })
  rig.machine.boot({ kernel, entersMachineMode: true })
  rig.machine.resume()
  return rig
}

/** Runs to the end; an idle program's time jumps to its alarm. */
function ended({ machine }: Rig): string | undefined {
  for (let n = 0; n < 100 && machine.end === undefined; n++) {
    const outcome = machine.run(100_000)
    if (outcome.kind === 'idle') machine.passTimeTo(outcome.untilTicks)
  }
  return machine.end?.reason
}

describe('a program in M-mode', () => {
  test.each([
    ['timer', timer, 'h'],
    ['software', software, 'd'],
    ['external', external, 'l'],
  ])('is woken by its %s interrupt', (_, main, letter) => {
    const rig = booted(program(main))
    expect(ended(rig)).toBe('shut-down')
    expect(rig.output()).toContain(letter)
  })

  test('is given hart 0 and the device tree', () => {
    const rig = booted(
      program((a) => {
        a.addi('t0', 'a0', '0'.charCodeAt(0))
        a.sb('t0', 0, 's1')
        // 0xd00dfeed, big-endian.
        a.lbu('t0', 0, 'a1')
        a.li('t1', 0xd0)
        a.beq('t0', 't1', 'tree')
        a.ebreak()
        a.label('tree')
      }),
    )
    expect(ended(rig)).toBe('shut-down')
    expect(rig.output()).toBe('0')
  })

  test('goes on as a copy while it waits for the CLINT', () => {
    const source = booted(program(timer))
    expect(source.machine.run(100_000).kind).toBe('idle')
    source.machine.pause()
    const copy = emptyRig('', { boot })
    copy.ram.copyFrom(source.ram)
    copy.machine.restore(source.machine.capture())
    copy.machine.resume()
    expect(ended(copy)).toBe('shut-down')
    expect(copy.output()).toBe('h')
  })

  test('its state does not fit a VM that the VMM answers', () => {
    const source = booted(program(timer))
    source.machine.pause()
    const other = emptyRig('')
    expect(() => other.machine.restore(source.machine.capture())).toThrow(/htif|way of booting/)
  })
})
