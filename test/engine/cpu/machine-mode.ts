// Programs that begin in M-mode, for tests of traps and CSRs: with a handler in each mode that
// tells who came and why, and the ways into the lower modes. They end in wfi.

import type { Assembler, CsrName } from './assembler.ts'
import { TestHart } from './test-hart.ts'

export const bit = (n: number) => 1n << BigInt(n)
export const interrupt = bit(63)
export const all = (1n << 64n) - 1n

/**
 * In M-mode, with handlers that tell who came: a7 = 'M' or 'S', a6 = cause, a5 = value, a4 = epc.
 */
export function machine(body: (a: Assembler) => void, options = {}): TestHart {
  return new TestHart(
    (a) => {
      a.la('t0', 'machine')
      a.csrrw('zero', 'mtvec', 't0')
      a.la('t0', 'supervisor')
      a.csrrw('zero', 'stvec', 't0')
      openMemory(a)
      body(a)
      a.label('end')
      a.wfi()
      a.jal('zero', 'end')
      a.align(4)
      a.label('machine')
      a.li('a7', 0x4d)
      a.csrrs('a6', 'mcause', 'zero')
      a.csrrs('a5', 'mtval', 'zero')
      a.csrrs('a4', 'mepc', 'zero')
      a.csrrs('a3', 'mstatus', 'zero')
      a.csrrw('zero', 'mie', 'zero')
      a.wfi()
      a.align(4)
      a.label('supervisor')
      a.li('a7', 0x53)
      a.csrrs('a6', 'scause', 'zero')
      a.csrrs('a5', 'stval', 'zero')
      a.csrrs('a4', 'sepc', 'zero')
      a.csrrs('a3', 'sstatus', 'zero')
      a.csrrw('zero', 'sie', 'zero')
      a.wfi()
    },
    { mode: 'M', sbi: 'firmware', ...options },
  )
}

/** The first entry of PMP lets the lower modes use all of memory. */
function openMemory(a: Assembler): void {
  write(a, 'pmpaddr0', all >> 10n)
  write(a, 'pmpcfg0', 0x1fn)
}

/** Goes on at `label` in another mode: mret with MPP. */
export function enter(a: Assembler, mode: 'U' | 'S', label: string): void {
  a.la('t0', label)
  a.csrrw('zero', 'mepc', 't0')
  a.li('t0', 3 << 11)
  a.csrrc('zero', 'mstatus', 't0')
  if (mode === 'S') {
    a.li('t0', 1 << 11)
    a.csrrs('zero', 'mstatus', 't0')
  }
  a.mret()
}

export function write(a: Assembler, csr: CsrName, value: bigint): void {
  a.li('t0', value)
  a.csrrw('zero', csr, 't0')
}

/** Which mode handled the trap. */
export const who = (hart: TestHart) => String.fromCharCode(Number(hart.get('a7')))
