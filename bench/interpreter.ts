// How fast the interpreter is: guest MIPS of small loops, in S-mode with paging on (Sv39, 4 KiB
// pages for data). Each loop runs for a fixed number of instructions, several times; the best run
// counts, since other work on the machine can only slow one down. Not here: Linux or any real
// program, and the translator (cpu.ts). Unit: millions of guest instructions retired a second of
// wall time, on one thread. Run: node bench/interpreter.ts

import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { WasmCore } from '#engine/cpu/core.ts'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import { type Assembler, assemble } from '../test/engine/cpu/assembler.ts'
import { readCommandLine } from './rig/command-line.ts'

const ramBytes = 64 << 20
const ramStart = 0x8000_0000n
const tablesAt = 0x8010_0000n
/** Where the data is, as the guest sees it: 4 MiB in pages of 4 KiB. */
const dataVa = 0x4000_0000n
const dataGpa = 0x8080_0000n
const dataPages = 1024
const runs = 12
const instructionsPerRun = 20_000_000

/** s0 = data, s1 = its end. Each begins with the label `loop` and never ends. */
// tidy: data table
const loops: Record<string, (a: Assembler) => void> = {
  'arithmetic in registers': (a) => {
    a.label('loop')
    a.addi('a0', 'a0', 3)
    a.xor('a2', 'a0', 'a1')
    a.slli('a3', 'a2', 7)
    a.sub('a4', 'a3', 'a0')
    a.srli('a5', 'a4', 3)
    a.and('a1', 'a5', 'a2')
    a.jal('zero', 'loop')
  },
  'sum of an array (8 bytes at a time)': (a) => {
    a.label('pass')
    a.addi('t0', 's0', 0)
    a.label('loop')
    a.ld('a1', 0, 't0')
    a.add('a0', 'a0', 'a1')
    a.addi('t0', 't0', 8)
    a.bne('t0', 's1', 'loop')
    a.jal('zero', 'pass')
  },
  'copy of memory, page to page': (a) => {
    a.li('t2', 4096)
    a.sub('s2', 's1', 't2')
    a.label('pass')
    a.addi('t0', 's0', 0)
    a.label('loop')
    a.ld('a1', 0, 't0')
    a.ld('a2', 8, 't0')
    a.add('t1', 't0', 't2')
    a.sd('a1', 0, 't1')
    a.sd('a2', 8, 't1')
    a.addi('t0', 't0', 16)
    a.bne('t0', 's2', 'loop')
    a.jal('zero', 'pass')
  },
  'a store to a new page each time': (a) => {
    a.li('t2', 4096)
    a.label('pass')
    a.addi('t0', 's0', 0)
    a.label('loop')
    a.sd('a0', 0, 't0')
    a.add('t0', 't0', 't2')
    a.addi('a0', 'a0', 1)
    a.bne('t0', 's1', 'loop')
    a.jal('zero', 'pass')
  },
  'calls, returns and branches': (a) => {
    a.label('loop')
    a.jal('ra', 'routine')
    a.addi('a0', 'a0', 1)
    a.andi('a1', 'a0', 3)
    a.bne('a1', 'zero', 'loop')
    a.jal('ra', 'routine')
    a.jal('zero', 'loop')
    a.label('routine')
    a.addi('a2', 'a2', 5)
    a.jalr('zero', 'ra', 0)
  },
  'multiplication and division': (a) => {
    a.label('loop')
    a.mul('a1', 'a0', 'a0')
    a.addi('a0', 'a0', 7)
    a.divu('a2', 'a1', 'a0')
    a.remu('a3', 'a1', 'a0')
    a.mulhu('a4', 'a1', 'a3')
    a.jal('zero', 'loop')
  },
}

function bootedCore(write: (a: Assembler) => void): WasmCore {
  const module = new WebAssembly.Module(readFileSync(coreWasmUrl))
  const { memory } = WasmGuestMemory.create(module, ramBytes)
  const hooks = { mmioRead: () => undefined, mmioWrite: () => false, timeTicks: () => 0 }
  const options = { module, memory, ramBytes, clock: 'instructions', sbi: 'vmm', hooks } as const
  const core = new WasmCore({ ...options, translate: false })
  const program = assemble(ramStart, (a) => {
    a.li('t0', (8n << 60n) | (tablesAt >> 12n))
    a.csrrw('zero', 'satp', 't0')
    a.li('s0', dataVa)
    a.li('s1', dataVa + BigInt(dataPages * 4096))
    write(a)
  })
  core.dmaWrite(Number(ramStart), program.bytes)
  makePageTables(core)
  core.reset({ pc: ramStart, a0: 0n, a1: 0n, mode: 'S' })
  return core
}

/**
 * RAM as it is in one gigapage, and the data in pages of 4 KiB: one middle table, two last ones.
 */
function makePageTables(core: WasmCore): void {
  const leafFlags = 0xcfn
  const entry = (gpa: bigint, flags: bigint) => ((gpa >> 12n) << 10n) | flags
  const set = (table: bigint, index: number, value: bigint) => {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, value, true)
    core.dmaWrite(Number(table) + index * 8, bytes)
  }
  const tableAt = (n: number) => tablesAt + BigInt(n * 4096)
  set(tableAt(0), 2, entry(ramStart, leafFlags))
  set(tableAt(0), 1, entry(tableAt(1), 1n))
  for (let page = 0; page < dataPages; page++) {
    const last = 2 + (page >> 9)
    set(tableAt(1), page >> 9, entry(tableAt(last), 1n))
    set(tableAt(last), page & 511, entry(dataGpa + BigInt(page * 4096), leafFlags))
  }
}

function bestMips(core: WasmCore): number {
  let best = 0
  for (let run = 0; run < runs; run++) {
    const startedMs = performance.now()
    const before = core.retired
    core.run(instructionsPerRun)
    best = Math.max(best, (core.retired - before) / (performance.now() - startedMs) / 1000)
  }
  return best
}

readCommandLine({})
let product = 1
for (const [name, write] of Object.entries(loops)) {
  const mips = bestMips(bootedCore(write))
  product *= mips
  console.log(`${name.padEnd(40)} ${mips.toFixed(0).padStart(5)} MIPS`)
}
const mean = product ** (1 / Object.keys(loops).length)
console.log(`${'geometric mean'.padEnd(40)} ${mean.toFixed(0).padStart(5)} MIPS`)
