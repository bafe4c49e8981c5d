// Physical memory protection: which entry decides, what the three modes are held to, and what the
// registers keep of what is written to them.
// Source: privileged specification, section "Physical Memory Protection".

import { describe, expect, test } from 'vitest'
import type { Assembler, CsrName, Register } from '../assembler.ts'
import { all, enter, machine, who, write } from '../machine-mode.ts'
import { everything, identity, PageTables, pte } from '../page-tables.ts'

const page = 0x8004_0000n
const cfg = {
  read: 1n,
  write: 2n,
  execute: 4n,
  top: 8n,
  four: 16n,
  power: 24n,
  locked: 128n,
} as const
const open = cfg.power | cfg.read | cfg.write | cfg.execute

/** A region of 2^k bytes from `base` on, as pmpaddr has it. */
const region = (base: bigint, bytes: bigint) => (base >> 2n) | ((bytes >> 3n) - 1n)

/** Entry 0 has the page, entry 1 allows everything. */
function guarded(a: Assembler, permissions: bigint): void {
  write(a, 'pmpaddr0', region(page, 4096n))
  write(a, 'pmpaddr1', all >> 10n)
  write(a, 'pmpcfg0', permissions | (open << 8n))
}

type Access = 'load' | 'store' | 'fetch' | 'amo'
function does(a: Assembler, access: Access): void {
  a.li('s0', page)
  if (access === 'load') a.ld('a0', 0, 's0')
  if (access === 'store') a.sd('a0', 0, 's0')
  if (access === 'amo') a.amoaddd('a0', 'a0', 's0')
  if (access === 'fetch') a.jalr('ra', 's0', 0)
  a.ecall()
}

/** The cause and value of the trap that ends it; an ecall's are what came through. */
function trapOf(permissions: bigint, access: Access, mode: 'U' | 'S' | 'M' = 'S') {
  const hart = machine((a) => {
    guarded(a, permissions)
    if (mode !== 'M') enter(a, mode, 'body')
    a.label('body')
    does(a, access)
  })
  hart.setDword(Number(page), 0x0000_8082n) // c.jr ra
  hart.toWfi()
  expect(who(hart)).toBe('M')
  return [hart.get('a6'), hart.get('a5')]
}
const ecallFrom = { U: [8n, 0n], S: [9n, 0n], M: [11n, 0n] }

describe('a page is used as its entry says', () => {
  // tidy: data table
  test.each([
    ['load', cfg.read, 5n],
    ['store', cfg.read | cfg.write, 7n],
    ['amo', cfg.read | cfg.write, 7n],
    ['fetch', cfg.execute, 1n],
  ] as const)('%s', (access, needs, cause) => {
    for (const mode of ['U', 'S'] as const) {
      expect(trapOf(cfg.power | needs, access, mode)).toEqual(ecallFrom[mode])
      expect(trapOf((open & ~needs) | cfg.power, access, mode)).toEqual([cause, page])
    }
  })
  test('M-mode is held to locked entries alone', () => {
    expect(trapOf(cfg.power, 'store', 'M')).toEqual(ecallFrom.M)
    expect(trapOf(cfg.power | cfg.locked | cfg.read, 'store', 'M')).toEqual([7n, page])
    expect(trapOf(cfg.power | cfg.locked | cfg.read, 'load', 'M')).toEqual(ecallFrom.M)
  })
  test('what no entry has is M-mode’s alone', () => {
    const hart = machine((a) => {
      write(a, 'pmpcfg0', 0n)
      a.ld('a0', 0, 's0')
      enter(a, 'S', 'body')
      a.label('body')
      a.ecall()
    }).set('s0', page)
    expect([hart.toWfi().get('a6'), hart.get('a4')]).toEqual([1n, hart.program.addressOf('body')])
  })
  test('an access in two pages needs both', () => {
    const hart = machine((a) => {
      guarded(a, cfg.power)
      enter(a, 'S', 'body')
      a.label('body')
      a.ld('a0', -4, 's0')
    }).set('s0', page)
    expect(hart.toWfi().get('a6')).toBe(5n)
  })
  test('an entry that changes is seen at once, behind a TLB entry too', () => {
    const hart = machine((a) => {
      a.li('s0', page)
      a.li('t1', (1n << 17n) | (1n << 11n)) // MPRV as S
      a.csrrs('zero', 'mstatus', 't1')
      a.ld('a0', 0, 's0')
      guarded(a, cfg.power)
      a.label('again')
      a.ld('a0', 0, 's0')
    }).toWfi()
    expect(hart.get('a4')).toBe(hart.program.addressOf('again'))
  })
})

describe('ranges', () => {
  const between = (from: bigint, to: bigint) =>
    machine((a) => {
      write(a, 'pmpaddr0', from >> 2n)
      write(a, 'pmpaddr1', to >> 2n)
      write(a, 'pmpaddr2', all >> 10n)
      write(a, 'pmpcfg0', (cfg.top << 8n) | (open << 16n))
      enter(a, 'S', 'body')
      a.label('body')
      does(a, 'load')
    })
      .toWfi()
      .get('a6')
  test('go from the entry before up to their own address', () => {
    expect(between(page, page + 4096n)).toBe(5n)
    expect(between(page - 8192n, page)).toBe(9n)
    expect(between(page + 4096n, page + 8192n)).toBe(9n)
    expect(between(page + 4096n, page)).toBe(9n)
  })
})

describe('a page of which an entry has a part', () => {
  /** Entry 1 has `bytes` from `at` in the page on, and allows nothing; entry 2 allows the rest. */
  function cut(a: Assembler, how: bigint, at: bigint, bytes: bigint): void {
    const end = how === cfg.top ? (page + at + bytes) >> 2n : region(page + at, bytes)
    write(a, 'pmpaddr0', (page + at) >> 2n)
    write(a, 'pmpaddr1', how === cfg.four ? (page + at) >> 2n : end)
    write(a, 'pmpaddr2', all >> 10n)
    write(a, 'pmpcfg0', (how << 8n) | (open << 16n))
  }
  /** The cause and value of what one instruction at `page + offset` comes to in S-mode. */
  function outcomeOf(how: bigint, at: bigint, bytes: bigint, body: (a: Assembler) => void) {
    const hart = machine((a) => {
      cut(a, how, at, bytes)
      enter(a, 'S', 'body')
      a.label('body')
      a.li('s0', page)
      // What is found first must not say anything of the rest of the page.
      a.ld('a0', 64, 's0')
      a.sd('a0', 64, 's0')
      body(a)
      a.ecall()
    })
    for (const word of [0n, 16n, 24n]) hart.setDword(Number(page + word), 0x0000_8082_0000_8082n)
    hart.toWfi()
    return [hart.get('a6'), hart.get('a5')]
  }
  const through = [9n, 0n]
  // tidy: data table
  test.each([
    ['NA4', cfg.four, 8n, 4n],
    ['NAPOT', cfg.power, 8n, 8n],
    ['TOR', cfg.top, 8n, 4n],
    ['TOR', cfg.top, 8n, 8n],
  ] as const)('is allowed in the other parts: %s', (_, how, at, bytes) => {
    const of = (body: (a: Assembler) => void) => outcomeOf(how, at, bytes, body)
    expect(of((a) => a.ld('a0', 0, 's0'))).toEqual(through)
    expect(of((a) => a.sd('a0', 16, 's0'))).toEqual(through)
    expect(of((a) => a.amoaddd('a0', 'zero', 's0'))).toEqual(through)
    expect(of((a) => a.lbu('a0', 11, 's0'))).toEqual([5n, page + 11n])
    expect(of((a) => a.sb('a0', 8, 's0'))).toEqual([7n, page + 8n])
    expect(of((a) => a.ld('a0', 8, 's0'))).toEqual([5n, page + 8n])
  })
  test('an access that lies in a part and beyond it is refused as a whole', () => {
    const of = (body: (a: Assembler) => void) => outcomeOf(cfg.four, 8n, 4n, body)
    expect(of((a) => a.ld('a0', 4, 's0'))).toEqual([5n, page + 4n])
    expect(of((a) => a.sd('a0', 1, 's0'))).toEqual([7n, page + 1n])
    expect(of((a) => a.lw('a0', 12, 's0'))).toEqual(through)
  })
  test('code runs in its other parts, again and again, and is stopped at the edge', () => {
    const loop = (target: number) => (a: Assembler) => {
      a.li('s1', 20)
      a.label('again')
      a.jalr('ra', 's0', target)
      a.addi('s1', 's1', -1)
      a.bne('s1', 'zero', 'again')
    }
    expect(outcomeOf(cfg.power, 8n, 8n, loop(0))).toEqual(through)
    expect(outcomeOf(cfg.power, 8n, 8n, loop(16))).toEqual(through)
    expect(outcomeOf(cfg.power, 8n, 8n, loop(8))).toEqual([1n, page + 8n])
    const fallsIn = outcomeOf(cfg.power, 8n, 8n, (a) => {
      a.li('t1', 0x0001_0001_0001_0001n) // c.nop, four times
      a.sd('t1', 0, 's0')
      a.jalr('ra', 's0', 0)
    })
    expect(fallsIn).toEqual([1n, page + 8n])
  })
})

describe('a walk of page tables', () => {
  test.each([
    ['reads them', 0n, true],
    ['writes A and D into them', cfg.read, false],
  ] as const)('%s as S-mode would, and its fault is the access’s', (_, permissions, isMarked) => {
    const tables = Number(page)
    const hart = machine((a) => {
      guarded(a, cfg.power | permissions)
      a.csrrw('zero', 'satp', 's1')
      a.li('t1', (1n << 17n) | (1n << 11n))
      a.csrrs('zero', 'mstatus', 't1')
      a.sd('a0', 8, 's0')
    }).set('s0', 0x8000_0000n)
    const marks = isMarked ? pte.accessed | pte.dirty : 0n
    const satp = new PageTables(hart, tables).map(0x8000_0000n, 0x8000_0000n, everything | marks, 2)
    hart.set('s1', satp.satp).toWfi()
    expect([hart.get('a6'), hart.get('a5')]).toEqual([7n, 0x8000_0008n])
  })
  test('through tables that may be read and written goes well', () => {
    const hart = machine((a) => {
      guarded(a, cfg.power | cfg.read | cfg.write)
      a.csrrw('zero', 'satp', 's1')
      enter(a, 'S', 'body')
      a.label('body')
      a.ecall()
    })
    hart.set('s1', identity(new PageTables(hart, Number(page))).satp).toWfi()
    expect(hart.get('a6')).toBe(9n)
  })
})

describe('the registers keep', () => {
  /** What `read` reads after the writes, from the first to the last. */
  const kept = (writes: readonly (readonly [CsrName, bigint])[], read: CsrName): bigint =>
    machine((a) => {
      for (const [csr, value] of writes) write(a, csr, value)
      a.csrrs('a0' as Register, read, 'zero')
    })
      .toWfi()
      .get('a0')

  test('all bits of an address: the grain is 4 bytes', () => {
    for (const config of [0n, cfg.top, cfg.four, open])
      for (const address of [0n, 0x1ffn, all >> 10n])
        expect(
          kept(
            [
              ['pmpaddr0', address],
              ['pmpcfg0', config],
            ],
            'pmpaddr0',
          ),
        ).toBe(address)
    expect(kept([['pmpaddr0', all]], 'pmpaddr0')).toBe(all >> 10n)
  })
  test('NA4; no reserved permissions or bits', () => {
    expect(kept([['pmpcfg0', cfg.four | cfg.read]], 'pmpcfg0')).toBe(cfg.four | cfg.read)
    expect(kept([['pmpcfg0', cfg.write | cfg.execute | 0x60n]], 'pmpcfg0')).toBe(cfg.execute)
  })
  test('what is locked, and the low end of a locked range', () => {
    const locked = cfg.locked | cfg.top
    const ends = [
      ['pmpaddr0', 0x400n],
      ['pmpaddr1', 0x800n],
      ['pmpcfg0', locked << 8n],
    ] as const
    expect(kept([...ends, ['pmpcfg0', 0n]], 'pmpcfg0')).toBe(locked << 8n)
    expect(kept([...ends, ['pmpaddr0', 0n]], 'pmpaddr0')).toBe(0x400n)
    expect(kept([...ends, ['pmpaddr1', 0n]], 'pmpaddr1')).toBe(0x800n)
  })
  test('sixteen entries', () => {
    expect(kept([['pmpaddr15', 0x400n]], 'pmpaddr15')).toBe(0x400n)
    expect(kept([['pmpcfg2', 0x1fn << 56n]], 'pmpcfg2')).toBe(0x1fn << 56n)
    expect(kept([['pmpaddr16', 0x400n]], 'pmpaddr16')).toBe(0n)
  })
})
