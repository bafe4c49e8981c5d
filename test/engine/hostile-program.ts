// Programs that mean no good: random instructions over registers that hold the addresses of
// devices, rings full of lies, and SBI calls with any arguments. A trap handler steps over whatever
// faulted, so that the program goes on. Seeded: the same seed is the same program, word for word.
// Not here: what must hold while one runs (hostile-guest.test.ts).

import {
  blockSlot,
  clintRegion,
  identityRegion,
  kernelGpa,
  plicRegion,
  ramGpa,
  rtcRegion,
  uartRegion,
  virtioRegion,
} from '#engine/devices/memory-map.ts'
import { type Assembler, assemble, type CsrName, type Register } from './cpu/assembler.ts'

const bodyInstructions = 400
/** Where the program lets its virtio rings be; it writes there at random, too. */
const ringsGpa = ramGpa + 0x10_0000

const values: readonly Register[] = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 't0', 't1', 't2']
/** These registers keep addresses: one device or place each. */
const places: readonly (readonly [Register, number])[] = [
  ['s0', uartRegion.gpa],
  ['s1', plicRegion.gpa],
  ['s2', plicRegion.gpa + 0x20_1000],
  ['s3', clintRegion.gpa],
  ['s4', rtcRegion.gpa],
  ['s5', identityRegion.gpa],
  ['s6', virtioRegion(blockSlot).gpa],
  ['s7', ringsGpa],
  ['s8', kernelGpa + 0x1000],
  ['s9', plicRegion.gpa + 0x2080],
  ['s10', ramGpa + (8 << 20) - 16],
]
const sbiExtensions = [0, 1, 2, 0x10, 0x54494d45, 0x735049, 0x52464e43, 0x48534d, 0x4442434e]
const csrs: readonly CsrName[] = ['sie', 'sstatus', 'stimecmp', 'sip', 'scounteren', 'time']
const virtioRegisters = [0x14, 0x24, 0x20, 0x30, 0x38, 0x44, 0x50, 0x64, 0x70, 0x80, 0x90, 0xa0]

export type Dice = (below: number) => number

/** mulberry32: small, and good enough to be unpleasant. */
export function dice(seed: number): Dice {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** Which device it plays with most, and the queue that it makes ready there. */
export interface VirtioVictim {
  readonly slot: number
  readonly queue: number
  /** Requests that make sense carry a few times as many bytes. */
  readonly dataBytes: number
}

export function hostileProgram(
  seed: number,
  victim: VirtioVictim = { slot: blockSlot, queue: 0, dataBytes: 512 },
): Uint8Array {
  const roll = dice(seed)
  return assemble(BigInt(kernelGpa), (a) => {
    a.la('t6', 'trap')
    a.csrrw('zero', 'stvec', 't6')
    a.label('again')
    for (const [register, gpa] of places) a.li(register, gpa)
    a.li('s6', virtioRegion(victim.slot).gpa)
    for (const register of values) a.li(register, anyValue(roll))
    writeRings(a, roll, victim)
    for (let n = 0; n < bodyInstructions; n++) anyInstruction(a, roll)
    a.jal('zero', 'again')
    a.label('trap')
    a.csrrs('t6', 'scause', 'zero')
    a.blt('t6', 'zero', 'interrupt')
    a.csrrs('t6', 'sepc', 'zero')
    a.addi('t6', 't6', 4)
    a.csrrw('zero', 'sepc', 't6')
    a.sret()
    a.label('interrupt')
    a.csrrw('zero', 'sie', 'zero')
    a.sret()
  }).bytes
}

const pick = <T>(roll: Dice, list: readonly T[]): T => list[roll(list.length)] as T

function anyValue(roll: Dice): bigint {
  const kinds = [
    () => BigInt(roll(300)),
    () => BigInt(ringsGpa + 16 * roll(64)),
    () => 0xffff_ffff_ffff_ffffn - BigInt(roll(4096)),
    () => BigInt(ramGpa) + BigInt(roll(16 << 20)),
    () => (BigInt(roll(2 ** 31)) << 32n) | BigInt(roll(2 ** 31)),
    () => 1n << BigInt(roll(64)),
  ]
  return pick(roll, kinds)()
}

/** A queue as a driver would make it, whose descriptors and ring are whatever comes. */
function writeRings(a: Assembler, roll: Dice, { queue, dataBytes }: VirtioVictim): void {
  const to = (register: number, value: number | bigint) => {
    a.li('t0', value)
    a.sw('t0', register, 's6')
  }
  for (const [register, value] of [
    [0x70, 0],
    [0x70, 3],
    [0x24, 1],
    [0x20, 1],
    [0x70, 11],
  ] as const)
    to(register, value)
  to(0x30, queue)
  to(0x38, 1 << roll(8))
  to(0x80, ringsGpa)
  to(0x90, ringsGpa + 0x800)
  to(0xa0, ringsGpa + 0xc00)
  to(0x44, 1)
  to(0x70, 15)
  for (let n = 0; n < 8; n++) writeDescriptor(a, roll, n, dataBytes)
  for (let page = 1; page < 16; page += 3) {
    a.li('t1', ringsGpa + 0x1000 * page)
    a.li('t0', pick(roll, [1, 4, 8, 9]))
    a.sw('t0', 0, 't1')
  }
  a.li('t1', ringsGpa + 0x800)
  a.li('t0', BigInt(roll(8) ? roll(4) : roll(200)) << 16n)
  a.sw('t0', 0, 't1')
  to(0x50, queue)
}

/** Descriptors 0, 1 and 2 are often a request: header, data, status. All else is anything. */
function writeDescriptor(a: Assembler, roll: Dice, n: number, dataBytes: number): void {
  const isSound = n < 3 && roll(6) > 0
  const address = isSound || roll(3) ? ringsGpa + 0x1000 * (1 + roll(15)) : roll(2 ** 31)
  const bytes = isSound
    ? [16, dataBytes * roll(9), 1][n]
    : pick(roll, [1, 16, 4096, 65_536, 2 ** 32 - 1])
  const flags = isSound ? [1, roll(2) ? 3 : 1, 2][n] : roll(4)
  const next = isSound ? n + 1 : roll(12)
  a.li('t0', address)
  a.sd('t0', 16 * n, 's7')
  a.li('t0', (BigInt(next) << 48n) | (BigInt(flags ?? 0) << 32n) | BigInt(bytes ?? 0))
  a.sd('t0', 16 * n + 8, 's7')
}

function anyInstruction(a: Assembler, roll: Dice): void {
  const [value, other] = [pick(roll, values), pick(roll, values)]
  const [place] = pick(roll, places)
  const offset = roll(4) ? 4 * roll(16) : roll(2047)
  const kinds: readonly (() => void)[] = [
    () => pick(roll, [a.lb, a.lh, a.lw, a.ld, a.lbu])(value, offset, place),
    () => pick(roll, [a.sb, a.sh, a.sw, a.sd])(value, offset, place),
    () => a.sw(value, pick(roll, virtioRegisters), 's6'),
    () => pick(roll, [a.add, a.sub, a.xor, a.mulhu, a.div])(value, other, pick(roll, values)),
    () => a.li(value, anyValue(roll)),
    () => pick(roll, [a.csrrw, a.csrrs, a.csrrc])(value, pick(roll, csrs), other),
    () => callSbi(a, roll),
    () => pick(roll, [a.amoaddw, a.amoswapd, a.scw])(value, other, place),
    () => pick(roll, [a.fencei, a.ecall, a.ebreak])(),
    () => pick(roll, [() => a.word(roll(2 ** 32)), a.wfi, () => a.csrrw('zero', 'satp', value)])(),
  ]
  // The last ones often lead nowhere, and the program with them: few of them will do.
  kinds[roll(roll(50) ? kinds.length - 1 : kinds.length)]?.()
}

function callSbi(a: Assembler, roll: Dice): void {
  a.li('a7', pick(roll, sbiExtensions))
  a.li('a6', roll(4))
  a.ecall()
}
