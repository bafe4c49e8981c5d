// A program that does a bit of everything, for tests of exactness: it is translated, takes timer
// interrupts, calls into U-mode and back, stores across pages, uses AMOs, rewrites its own code,
// and never ends. Its registers and RAM at any instruction say whether all of it was exact.

import type { Assembler } from './assembler.ts'
import { identity, PageTables, pte, readWrite } from './page-tables.ts'
import { pageBytes, TestHart, type TestHartOptions } from './test-hart.ts'

const tablesAt = 0x8008_0000
/** Pages that it writes all over: virtual addresses in the order of frames turned round. */
const scratchPages = 16
const scratchVa = 0x5000_0000n
const scratchGpa = 0x8004_0000n
const userVa = 0x6000_0000n

export function busyHart(options?: TestHartOptions): TestHart {
  const hart = new TestHart((a) => {
    start(a)
    a.label('loop')
    touchMemory(a)
    changeCode(a)
    enterUser(a)
    a.align(4)
    handler(a)
    a.align(pageBytes)
    user(a)
  }, options)
  prepare(hart)
  return hart
}

function start(a: Assembler): void {
  a.la('t0', 'handler')
  a.csrrw('zero', 'stvec', 't0')
  a.csrrw('zero', 'satp', 's1')
  a.sfence('zero')
  a.li('t0', 0x20)
  a.csrrw('zero', 'sie', 't0')
  a.csrrs('t1', 'time', 'zero')
  a.addi('t1', 't1', 3)
  a.csrrw('zero', 'stimecmp', 't1')
  a.csrrsi('zero', 'sstatus', 2)
}

/** Anywhere in the scratch pages, often across two of them. */
function touchMemory(a: Assembler): void {
  a.li('t2', 0x5851f42d4c957f2dn)
  a.mul('s2', 's2', 't2')
  a.addi('s2', 's2', 0x5b)
  a.srli('t3', 's2', 48)
  a.add('t3', 't3', 's0')
  a.sd('s2', -3, 't3')
  a.lw('t4', 1, 't3')
  a.add('s3', 's3', 't4')
  a.andi('t5', 't3', -8)
  a.amoaddd('t6', 's2', 't5')
  a.amomaxuw('t6', 't6', 't5')
  a.lrw('t6', 't5')
  a.scw('t4', 's3', 't5')
  a.xor('s3', 's3', 't6')
}

/** An addition of n becomes one of n + 1. */
function changeCode(a: Assembler): void {
  a.la('t1', 'changing')
  a.lw('t0', 0, 't1')
  a.li('t2', 1 << 20)
  a.add('t0', 't0', 't2')
  a.sw('t0', 0, 't1')
  a.fencei()
  a.label('changing')
  a.addi('a0', 'a0', 1)
}

function enterUser(a: Assembler): void {
  a.csrrw('zero', 'sepc', 's4')
  a.csrrci('zero', 'sstatus', 2)
  a.sret()
}

/** An ecall from U-mode goes on in the loop, the timer returns to where it came. */
function handler(a: Assembler): void {
  a.label('handler')
  a.csrrw('sp', 'sscratch', 'sp')
  a.csrrs('t0', 'scause', 'zero')
  a.blt('t0', 'zero', 'timer')
  a.addi('s5', 's5', 1)
  a.csrrw('sp', 'sscratch', 'sp')
  a.csrrs('t1', 'instret', 'zero')
  a.add('s3', 's3', 't1')
  a.csrrsi('zero', 'sstatus', 2)
  a.jal('zero', 'loop')
  a.label('timer')
  a.addi('s6', 's6', 1)
  a.csrrs('t1', 'time', 'zero')
  a.add('s7', 's7', 't1')
  a.addi('t1', 't1', 2)
  a.csrrw('zero', 'stimecmp', 't1')
  a.csrrw('sp', 'sscratch', 'sp')
  a.sret()
}

function user(a: Assembler): void {
  a.label('user')
  a.addi('s8', 's8', 1)
  a.mulhu('s9', 's2', 's8')
  a.ecall()
}

function prepare(hart: TestHart): void {
  const tables = identity(new PageTables(hart, tablesAt))
  for (let i = 0; i < scratchPages; i++) {
    const page = BigInt(i * pageBytes)
    tables.map(
      scratchVa + page,
      scratchGpa + BigInt((scratchPages - 1) * pageBytes) - page,
      readWrite,
    )
  }
  const user = hart.program.addressOf('user')
  tables.map(userVa, user, pte.valid | pte.execute | pte.read | pte.user)
  hart.set('s0', scratchVa).set('s1', tables.satp).set('s2', 1n).set('s4', userVa)
}
