// Control and status registers: what a write can change, who may use which, what counters count.
// Source: privileged specification, chapters "CSRs", "Machine-Level ISA" and "Supervisor-Level
// ISA".

import { describe, expect, test } from 'vitest'
import type { CsrName } from '../assembler.ts'
import { all, bit, enter, machine, who, write } from '../machine-mode.ts'
import { TestHart } from '../test-hart.ts'

/** What a register reads after all ones were written to it. */
function afterOnes(csr: CsrName): bigint {
  const hart = machine((a) => {
    a.li('t1', -1)
    a.csrrw('zero', csr, 't1')
    a.csrrs('a0', csr, 'zero')
  }).toWfi()
  return hart.get('a7') === 0n ? hart.get('a0') : -1n
}

describe('a write to a CSR changes what can be changed', () => {
  // tidy: data table
  // biome-ignore format: a table
  const cases: readonly (readonly [CsrName, bigint])[] = [
    ['medeleg', 0xb3ffn], ['mideleg', 0x222n], ['mie', 0xaaan], ['mtvec', all & ~2n],
    ['mepc', all & ~1n], ['mscratch', all], ['mcause', all], ['mtval', all], ['mcounteren', 7n],
    ['menvcfg', bit(63) | 1n], ['stvec', all & ~2n], ['sepc', all & ~1n], ['scounteren', 7n],
    ['senvcfg', 1n], ['tselect', 0n], ['tdata1', 0n], ['pmpaddr16', 0n],
    ['mip', 0x222n], ['sie', 0n], ['sip', 0n],
    ['misa', bit(63) | 0x14112fn], ['stimecmp', all],
    ['mstatus', bit(63) | 0xa007e79aan], ['sstatus', bit(63) | 0x2000c6122n],
  ]
  test.each(cases)('%s', (csr, left) => expect(afterOnes(csr)).toBe(left))
  test('registers that can only be read are illegal to write', () => {
    expect(afterOnes('mhartid')).toBe(-1n)
    expect(afterOnes('cycle')).toBe(-1n)
  })
  test('MPP keeps a mode that exists', () => {
    const hart = machine((a) => {
      write(a, 'mstatus', 1n << 11n)
      write(a, 'mstatus', 2n << 11n)
      a.csrrs('a0', 'mstatus', 'zero')
    }).toWfi()
    expect((hart.get('a0') >> 11n) & 3n).toBe(1n)
  })
  test('csrrs and csrrc with x0 write nothing, so that they may read read-only registers', () => {
    const hart = machine((a) => {
      a.csrrs('a0', 'mhartid', 'zero')
      a.csrrci('a1', 'mhartid', 0)
    }).toWfi()
    expect(hart.get('a7')).toBe(0n)
  })
  test('set and clear change their bits alone, by register and by constant', () => {
    const hart = machine((a) => {
      write(a, 'mscratch', 0xf0n)
      a.csrrsi('a0', 'mscratch', 5)
      a.csrrci('a1', 'mscratch', 1)
      a.li('t1', 0x30)
      a.csrrc('a2', 'mscratch', 't1')
      a.csrrs('a3', 'mscratch', 'zero')
    })
    hart.toWfi()
    expect([0, 1, 2, 3].map((i) => hart.get(`a${i}` as 'a0'))).toEqual([0xf0n, 0xf5n, 0xf4n, 0xc4n])
  })
  test('STIP is M-mode’s to set while Sstc is off, and the alarm’s while it is on', () => {
    const hart = machine((a) => {
      write(a, 'menvcfg', bit(63))
      a.li('t1', -1)
      a.csrrw('zero', 'stimecmp', 't1')
      a.csrrw('zero', 'mip', 't1')
      a.csrrs('a0', 'mip', 'zero')
    })
    expect(hart.toWfi().get('a0')).toBe(0x202n)
  })
  test('an STIP that M-mode has set does not outlast the beginning of Sstc', () => {
    const hart = machine((a) => {
      write(a, 'stimecmp', all)
      write(a, 'mip', bit(5))
      a.csrrs('a0', 'mip', 'zero')
      write(a, 'menvcfg', bit(63))
      a.csrrs('a1', 'mip', 'zero')
    }).toWfi()
    expect([hart.get('a0'), hart.get('a1')]).toEqual([bit(5), 0n])
  })
  test('another bit of mip changes, and what a device holds up does not stay when it falls', () => {
    const hart = machine((a) => {
      a.csrrs('a0', 'mip', 'zero')
      a.csrrsi('zero', 'mip', 2)
      a.csrrci('zero', 'mip', 2)
      a.label('again')
      a.csrrs('a1', 'mip', 'zero')
      a.jal('zero', 'again')
    })
    hart.core.setExternalInterrupt(true)
    hart.core.run(1000)
    expect([hart.get('a0'), hart.get('a1')]).toEqual([bit(9), bit(9)])
    hart.core.setExternalInterrupt(false)
    hart.core.run(1000)
    expect(hart.get('a1')).toBe(0n)
  })
  test('a bit that software and a device hold up stays until both have let go', () => {
    const hart = machine((a) => {
      write(a, 'mip', bit(9))
      a.label('again')
      a.csrrs('a1', 'mip', 'zero')
      a.jal('zero', 'again')
    })
    hart.core.setExternalInterrupt(true)
    hart.core.run(1000)
    hart.core.setExternalInterrupt(false)
    hart.core.run(1000)
    expect(hart.get('a1')).toBe(bit(9))
  })
})

describe('a lower mode may not', () => {
  test.each([
    ['U', 'sscratch'],
    ['U', 'mscratch'],
    ['S', 'mscratch'],
    ['S', 'stimecmp'],
    ['U', 'cycle'],
    ['S', 'time'],
  ] as const)('%s-mode use %s', (mode, csr) => {
    const hart = machine((a) => {
      enter(a, mode, 'body')
      a.label('body')
      a.csrrs('a0', csr, 'zero')
    }).toWfi()
    expect([who(hart), hart.get('a6')]).toEqual(['M', 2n])
  })
  test('counters are opened to S-mode by mcounteren, to U-mode by scounteren too', () => {
    const reading = (mode: 'U' | 'S', m: bigint, s: bigint) =>
      machine((a) => {
        write(a, 'mcounteren', m)
        write(a, 'scounteren', s)
        enter(a, mode, 'body')
        a.label('body')
        a.csrrs('a0', 'instret', 'zero')
        a.ecall()
      })
        .toWfi()
        .get('a6')
    expect(reading('S', 4n, 0n)).toBe(9n)
    expect(reading('U', 4n, 0n)).toBe(2n)
    expect(reading('U', 4n, 4n)).toBe(8n)
    expect(reading('S', 3n, 4n)).toBe(2n)
  })
})

test('a kernel that was entered in S-mode finds the counters open to U-mode, as firmware leaves them', () => {
  const hart = new TestHart((a) => {
    a.la('t0', 'supervisor')
    a.csrrw('zero', 'stvec', 't0')
    a.la('t0', 'user')
    a.csrrw('zero', 'sepc', 't0')
    a.sret()
    a.label('user')
    a.csrrs('a0', 'time', 'zero')
    a.csrrs('a1', 'instret', 'zero')
    a.ecall()
    a.align(4)
    a.label('supervisor')
    a.csrrs('a2', 'scause', 'zero')
    a.ecall()
  }).toEcall()
  expect(hart.get('a2')).toBe(8n)
  expect(hart.get('a1')).toBe(8n)
})

test('a program that was entered in S-mode finds floating point on, as firmware leaves it', () => {
  const hart = new TestHart((a) => {
    a.csrrs('a0', 'sstatus', 'zero')
    a.csrrs('a1', 'fcsr', 'zero')
    a.ecall()
  }).toEcall()
  expect(hart.get('a0')).toBe(bit(63) | (2n << 32n) | (3n << 13n))
  expect(hart.get('a1')).toBe(0n)
})

test('a CSR that does not exist is illegal', () => {
  const hart = machine((a) => a.word(0x5c0022f3)).toWfi() // csrr t0, 0x5c0
  expect([who(hart), hart.get('a6'), hart.get('a5')]).toEqual(['M', 2n, 0x5c0022f3n])
})

test('instret counts what has retired before it, and a written counter goes on from there', () => {
  const hart = machine((a) => {
    a.csrrs('a0', 'minstret', 'zero')
    a.csrrw('zero', 'minstret', 'zero')
    a.nop()
    a.csrrs('a1', 'minstret', 'zero')
  }).toWfi()
  expect(hart.get('a0')).toBe(13n)
  expect(hart.get('a1')).toBe(1n)
})
