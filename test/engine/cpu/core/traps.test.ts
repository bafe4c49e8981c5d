// Modes, traps and CSRs: who handles what, what is remembered and restored, what a write can
// change. Programs in M-mode end in wfi; programs in S-mode end in an ecall that the VMM answers.
// Source: privileged specification, chapters "Machine-Level ISA" and "Supervisor-Level ISA".

import { describe, expect, test } from 'vitest'
import { Exit } from '#engine/cpu/core-port.ts'
import type { Assembler } from '../assembler.ts'
import { all, bit, enter, interrupt, machine, who, write } from '../machine-mode.ts'
import { TestHart } from '../test-hart.ts'

describe('an exception', () => {
  // tidy: data table
  // biome-ignore format: a table
  const cases = [
    ['illegal instruction', 2, (a: Assembler) => a.word(0xffffffff), 0xffffffffn],
    ['breakpoint', 3, (a: Assembler) => a.ebreak(), 'pc'],
    ['load access fault', 5, (a: Assembler) => a.lw('a0', 64, 'zero'), 64n],
    ['store access fault', 7, (a: Assembler) => a.sw('a0', 64, 'zero'), 64n],
    ['ecall from U-mode', 8, (a: Assembler) => a.ecall(), 0n],
  ] as const
  const modes = ['U', 'S'] as const
  for (const [name, cause, body, value] of cases) {
    for (const mode of modes.filter((mode) => mode === 'U' || cause !== 8)) {
      test.each([
        ['M', 0n],
        ['S', bit(cause)],
      ])(
        `${name} in ${mode}-mode is handled in %s-mode when delegated so`,
        (handler, delegated) => {
          const hart = machine((a) => {
            write(a, 'medeleg', delegated)
            enter(a, mode, 'body')
            a.label('body')
            body(a)
          }).toWfi()
          const at = hart.program.addressOf('body')
          expect(who(hart)).toBe(handler)
          expect(hart.get('a6')).toBe(BigInt(cause))
          expect(hart.get('a5')).toBe(value === 'pc' ? at : value)
          expect(hart.get('a4')).toBe(at)
        },
      )
    }
  }
  test('in M-mode is never delegated', () => {
    const hart = machine((a) => {
      write(a, 'medeleg', all)
      a.label('body')
      a.ecall()
    }).toWfi()
    expect([who(hart), hart.get('a6')]).toEqual(['M', 11n])
  })
  test('ecall from S-mode is a trap for firmware', () => {
    const hart = machine((a) => {
      enter(a, 'S', 'body')
      a.label('body')
      a.ecall()
    }).toWfi()
    expect([who(hart), hart.get('a6')]).toEqual(['M', 9n])
  })
  test('ecall from S-mode leaves to the VMM when it answers SBI calls, behind the ecall', () => {
    const hart = new TestHart((a) => {
      a.ecall()
      a.label('behind')
    })
    expect(hart.core.run(10)).toBe(Exit.sbi)
    expect(hart.core.pc).toBe(hart.program.addressOf('behind'))
  })
  test('remembers mode and interrupt enable, and mret and sret restore them', () => {
    const hart = machine((a) => {
      write(a, 'medeleg', bit(8))
      a.csrrsi('zero', 'mstatus', 2) // SIE
      enter(a, 'U', 'body')
      a.label('body')
      a.ecall()
    }).toWfi()
    expect(hart.get('a3') & 0x122n).toBe(0x020n) // SPIE from SIE, SIE off, SPP = U
  })
})

describe('a trap return', () => {
  test('mret clears MPRV when it leaves M-mode, and sets MPP to U', () => {
    const hart = machine((a) => {
      write(a, 'mstatus', bit(17))
      enter(a, 'S', 'body')
      a.label('body')
      a.ecall()
    }).toWfi()
    expect(hart.get('a3') & (bit(17) | bit(7))).toBe(bit(7) & 0n)
  })
  test.each([
    ['mret in S-mode', 0n, (a: Assembler) => a.mret()],
    ['sret under TSR', bit(22), (a: Assembler) => a.sret()],
    ['wfi under TW', bit(21), (a: Assembler) => a.wfi()],
    ['sfence.vma under TVM', bit(20), (a: Assembler) => a.sfence('zero')],
    ['satp under TVM', bit(20), (a: Assembler) => a.csrrs('a0', 'satp', 'zero')],
  ] as const)('%s is illegal', (_what, status, body) => {
    const hart = machine((a) => {
      write(a, 'mstatus', status)
      enter(a, 'S', 'body')
      a.label('body')
      body(a)
    }).toWfi()
    expect([who(hart), hart.get('a6')]).toEqual(['M', 2n])
    expect(hart.get('a4')).toBe(hart.program.addressOf('body'))
  })
  test('sret goes to the mode of SPP and enables interrupts as SPIE says', () => {
    const hart = new TestHart((a) => {
      a.la('t0', 'handler')
      a.csrrw('zero', 'stvec', 't0')
      a.la('t0', 'user')
      a.csrrw('zero', 'sepc', 't0')
      a.csrrsi('zero', 'sstatus', 2)
      a.sret()
      a.label('user')
      a.ecall()
      a.align(4)
      a.label('handler')
      a.csrrs('a6', 'scause', 'zero')
      a.csrrs('a3', 'sstatus', 'zero')
      a.ecall()
    }).toEcall()
    expect(hart.get('a6')).toBe(8n)
    expect(hart.get('a3') & 0x122n).toBe(0n)
  })
})

describe('MPRV', () => {
  test('lets M-mode load as U-mode would: translated, by its permissions', () => {
    const hart = machine((a) => {
      write(a, 'satp', (8n << 60n) | 0x80010n) // no mapping at all
      write(a, 'mstatus', bit(17))
      a.ld('a0', 0, 'sp')
    }).set('sp', 0x8000_0000n)
    hart.toWfi()
    expect([who(hart), hart.get('a6'), hart.get('a5')]).toEqual(['M', 13n, 0x8000_0000n])
  })
})

describe('an interrupt', () => {
  const enableAll = (a: Assembler) => write(a, 'mie', all)
  test('is taken in M-mode only when MIE is set', () => {
    const off = machine(enableAll)
    off.core.setSoftwareInterrupt(true)
    off.core.run(100)
    expect(off.get('a7')).toBe(0n)
    const on = machine((a) => {
      enableAll(a)
      a.csrrsi('zero', 'mstatus', 8)
      a.label('next')
    })
    on.core.setSoftwareInterrupt(true)
    on.core.run(100)
    expect([who(on), on.get('a6')]).toEqual(['M', interrupt | 3n])
    expect(on.get('a4')).toBe(on.program.addressOf('next'))
  })
  test('of a lower mode is taken whatever that mode has disabled', () => {
    const hart = machine((a) => {
      enableAll(a)
      enter(a, 'U', 'body')
      a.label('body')
      a.jal('zero', 'body')
    })
    hart.core.setSoftwareInterrupt(true)
    hart.core.run(100)
    expect([who(hart), hart.get('a6')]).toEqual(['M', interrupt | 3n])
  })
  test('delegated to S-mode does not disturb M-mode', () => {
    const hart = machine((a) => {
      write(a, 'mideleg', all)
      enableAll(a)
      a.csrrsi('zero', 'mstatus', 8 | 2)
      a.li('a0', 5)
    })
    hart.core.setExternalInterrupt(true)
    hart.core.run(100)
    expect([hart.get('a7'), hart.get('a0')]).toEqual([0n, 5n])
  })
  test('the external one is first, then the software one, then the timer', () => {
    const taken: bigint[] = []
    const hart = new TestHart((a) => {
      a.la('t0', 'handler')
      a.csrrw('zero', 'stvec', 't0')
      a.csrrw('zero', 'stimecmp', 'zero')
      a.csrrsi('zero', 'sip', 2)
      a.li('t0', 0x222)
      a.csrrw('zero', 'sie', 't0')
      a.csrrsi('zero', 'sstatus', 2)
      a.label('wait')
      a.jal('zero', 'wait')
      a.align(4)
      a.label('handler')
      a.csrrs('a0', 'scause', 'zero')
      a.ecall()
      a.csrrs('t1', 'sie', 'zero') // disable the one that came
      a.li('t2', 1)
      a.sll('t2', 't2', 'a0')
      a.csrrc('zero', 'sie', 't2')
      a.sret()
    })
    hart.core.setExternalInterrupt(true)
    for (let i = 0; i < 3; i++) taken.push(hart.toEcall().get('a0'))
    expect(taken).toEqual([interrupt | 9n, interrupt | 1n, interrupt | 5n])
  })
  test('goes to its own entry when the vector says so, an exception to the base', () => {
    const vectored = (a: Assembler) => {
      a.la('t0', 'vector')
      a.addi('t0', 't0', 1)
      a.csrrw('zero', 'stvec', 't0')
      a.li('t0', 0x222)
      a.csrrw('zero', 'sie', 't0')
      a.csrrsi('zero', 'sstatus', 2)
      a.word(0)
      a.align(4)
      a.label('vector')
      for (let i = 0; i < 10; i++) a.jal('a0', 'done')
      a.label('done')
      a.ecall()
    }
    const exception = new TestHart(vectored).toEcall()
    expect(exception.get('a0')).toBe(exception.program.addressOf('vector') + 4n)
    const external = new TestHart(vectored)
    external.core.setExternalInterrupt(true)
    external.toEcall()
    expect(external.get('a0')).toBe(external.program.addressOf('vector') + 4n * 9n + 4n)
  })
  test('raised by a device during an instruction is taken before the next', () => {
    const raise = () => {
      hart.core.setExternalInterrupt(true)
      return true
    }
    const hart: TestHart = new TestHart(
      (a) => {
        a.la('t0', 'handler')
        a.csrrw('zero', 'stvec', 't0')
        a.li('t0', 0x222)
        a.csrrw('zero', 'sie', 't0')
        a.csrrsi('zero', 'sstatus', 2)
        a.lui('t1', 0x10000)
        a.sw('zero', 0, 't1')
        a.label('next')
        a.li('a0', 1)
        a.align(4)
        a.label('handler')
        a.csrrs('a1', 'sepc', 'zero')
        a.ecall()
      },
      { hooks: { mmioWrite: raise } },
    )
    hart.toEcall()
    expect(hart.get('a1')).toBe(hart.program.addressOf('next'))
    expect(hart.get('a0')).toBe(0n)
  })
})

describe('wfi', () => {
  test('waits while nothing is pending, behind itself, and is over when something is', () => {
    const hart = new TestHart((a) => {
      a.li('t0', 0x200)
      a.csrrw('zero', 'sie', 't0')
      a.wfi()
      a.label('behind')
      a.wfi()
      a.ecall()
    })
    hart.toWfi()
    expect(hart.core.pc).toBe(hart.program.addressOf('behind'))
    hart.core.setExternalInterrupt(true)
    hart.toEcall() // sstatus.SIE is off: it wakes, and takes no interrupt
  })

  test.each(['stimecmp', 'mtimecmp'])(
    'has nothing to wait for in a masked alarm of %s',
    (which) => {
      const ofSupervisor = which === 'stimecmp'
      const hart = new TestHart(
        (a) => {
          a.wfi()
          a.li('t0', ofSupervisor ? 0x20 : 0x80)
          a.csrrw('zero', ofSupervisor ? 'sie' : 'mie', 't0')
          a.wfi()
          a.wfi()
        },
        ofSupervisor ? { mode: 'S', sbi: 'vmm' } : { mode: 'M', sbi: 'firmware' },
      )
      hart.core.setTimer(0n)
      hart.toWfi()
      expect(hart.core.timerTicks).toBe(Number.POSITIVE_INFINITY)
      // Unmasked it is pending: both are over at once, and what is behind them is no instruction.
      hart.core.run(4)
      expect(hart.core.timerTicks).toBe(0)
      expect(hart.core.retired).toBe(5)
    },
  )
})
