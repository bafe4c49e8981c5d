// Loads and stores: the lookup in the software TLB inline, and a call into the core on a miss. The
// core's interpreter does the same with the same entries (../cpu/core/interpret.ts), so that both
// miss, mark pages dirty and meet absent ones at the same instructions.

import type { Instruction, OpName } from './decoded-entry.ts'
import { address, entry, outcome, type RegionFrame, trap } from './region-frame.ts'
import { importedIndex } from './region-module.ts'
import { Label } from './wasm-code.ts'
import { type Opcode, op } from './wasm-opcodes.ts'

interface Access {
  readonly kind: 'load' | 'store'
  readonly bytes: number
  readonly opcode: Opcode
  /** The register is a floating-point one, and a word in it is boxed. */
  readonly float?: true
}

/** tidy: data table */
const accesses: Partial<Record<OpName, Access>> = {
  lb: { kind: 'load', bytes: 1, opcode: op.i64_load8_s },
  lh: { kind: 'load', bytes: 2, opcode: op.i64_load16_s },
  lw: { kind: 'load', bytes: 4, opcode: op.i64_load32_s },
  ld: { kind: 'load', bytes: 8, opcode: op.i64_load },
  lbu: { kind: 'load', bytes: 1, opcode: op.i64_load8_u },
  lhu: { kind: 'load', bytes: 2, opcode: op.i64_load16_u },
  lwu: { kind: 'load', bytes: 4, opcode: op.i64_load32_u },
  sb: { kind: 'store', bytes: 1, opcode: op.i64_store8 },
  sh: { kind: 'store', bytes: 2, opcode: op.i64_store16 },
  sw: { kind: 'store', bytes: 4, opcode: op.i64_store32 },
  sd: { kind: 'store', bytes: 8, opcode: op.i64_store },
  flw: { kind: 'load', bytes: 4, opcode: op.i64_load32_u, float: true },
  fld: { kind: 'load', bytes: 8, opcode: op.i64_load, float: true },
  fsw: { kind: 'store', bytes: 4, opcode: op.i64_store32, float: true },
  fsd: { kind: 'store', bytes: 8, opcode: op.i64_store, float: true },
}

/** How far an address is shifted so that its page selects a TLB entry. */
const entryShift = 8
const pageMask = -4096

/**
 * False: it is no such instruction. `notDone` instructions of its block retire from it on. In a loop
 * the access keeps what it finds in the TLB, to ask there first.
 */
export function emitAccess(
  frame: RegionFrame,
  instruction: Instruction,
  notDone: number,
  inLoop: boolean,
): boolean {
  const access = accesses[instruction.op]
  if (access === undefined) return false
  const { code } = frame
  const site = inLoop ? siteOf(frame, access) : undefined
  const done = new Label()
  const miss = new Label()
  pushAddress(frame, instruction)
  code.set(address)
  code.block(done)
  code.block(miss)
  if (site === undefined) emitLookup(frame, access, miss)
  else emitSite(frame, access, site, miss)
  pushHost(frame, access, site)
  if (access.kind === 'load') {
    code.memory(access.opcode, 0)
    setResult(frame, instruction, access)
  } else {
    pushStored(frame, instruction, access)
    code.memory(access.opcode, 0)
  }
  code.br(done)
  code.end()
  emitMiss(frame, instruction, access, notDone)
  code.end()
  return true
}

function pushAddress(frame: RegionFrame, { rs1, immediate }: Instruction): void {
  frame.x(rs1)
  if (immediate === 0) return
  frame.code.i64(immediate)
  frame.code.emit(op.i64_add)
}

const tableOf = ({ at }: RegionFrame, { kind }: Access): number =>
  at.tlbAddress + (kind === 'load' ? at.tlbRead : at.tlbWrite)

const siteOf = (frame: RegionFrame, { kind }: Access): number =>
  frame.nextSite() + (kind === 'load' ? frame.at.siteRead : frame.at.siteWrite)

/** Goes on when the page is the one met last; else that is what the TLB knows, if it does. */
function emitSite(frame: RegionFrame, access: Access, site: number, miss: Label): void {
  const { code, at } = frame
  code.i32(0)
  code.memory(op.i64_load, site)
  pushPage(frame, access)
  code.emit(op.i64_ne)
  code.ifUnlikely()
  emitLookup(frame, access, miss)
  code.i32(0)
  pushPage(frame, access)
  code.memory(op.i64_store, site)
  code.i32(0)
  code.get(entry)
  code.memory(op.i32_load, tableOf(frame, access) + frame.bank + at.tlbPayload)
  code.memory(op.i32_store, site + at.tlbPayload)
  code.end()
}

/** One compare sees the page and, in the low bits, whether the access is aligned. */
function pushPage({ code }: RegionFrame, { bytes }: Access): void {
  code.get(address)
  code.i64(pageMask | (bytes - 1))
  code.emit(op.i64_and)
}

function emitLookup(frame: RegionFrame, access: Access, miss: Label): void {
  const { code, at } = frame
  code.get(address)
  code.emit(op.i32_wrap)
  code.i32(entryShift)
  code.emit(op.i32_shr_u)
  code.i32((at.tlbEntries - 1) * at.tlbEntryBytes)
  code.emit(op.i32_and)
  code.tee(entry)
  code.memory(op.i64_load, tableOf(frame, access) + frame.bank)
  pushPage(frame, access)
  code.emit(op.i64_ne)
  code.brIfUnlikely(miss)
}

function pushHost(frame: RegionFrame, access: Access, site: number | undefined): void {
  const { code, at } = frame
  code.get(address)
  code.emit(op.i32_wrap)
  if (site === undefined) {
    code.get(entry)
    code.memory(op.i32_load, tableOf(frame, access) + frame.bank + at.tlbPayload)
  } else {
    code.i32(0)
    code.memory(op.i32_load, site + at.tlbPayload)
  }
  code.emit(op.i32_add)
}

function setResult(frame: RegionFrame, { rd }: Instruction, access: Access): void {
  if (!access.float) frame.setX(rd)
  else frame.setFloat(rd, access.bytes === 4)
}

function pushStored(frame: RegionFrame, { rs2 }: Instruction, access: Access): void {
  if (access.float) frame.float(rs2)
  else frame.x(rs2)
}

function emitMiss(
  frame: RegionFrame,
  instruction: Instruction,
  access: Access,
  notDone: number,
): void {
  const { code, at } = frame
  frame.noteLeaving(instruction, notDone)
  code.get(address)
  if (access.kind === 'store') pushStored(frame, instruction, access)
  code.i32(access.bytes)
  frame.leftNow(notDone)
  code.call(importedIndex[access.kind === 'load' ? 'slowLoad' : 'slowStore'])
  code.set(outcome)
  if (access.kind === 'load') {
    code.get(outcome)
    code.i32(trap)
    code.emit(op.i32_lt_u)
    code.if()
    code.i32(0)
    code.memory(access.opcode, at.valueAddress)
    setResult(frame, instruction, access)
    code.end()
  }
  code.get(outcome)
  code.brIfUnlikely(frame.leave)
}
