// Loads and stores: the lookup in the software TLB inline, and a call into the core on a miss. The
// core's interpreter does the same with the same entries (../cpu/core/interpret.ts), so that both
// miss, mark pages dirty and meet absent ones at the same instructions.

import { pageBytes } from '#proto/units.ts'
import type { AccessKind, GroupedAccess } from './access-groups.ts'
import type { Instruction, OpName } from './decoded-entry.ts'
import { address, entry, groupPlace, outcome, type RegionFrame, trap } from './region-frame.ts'
import { importedIndex } from './region-module.ts'
import { Label } from './wasm-code.ts'
import { type Opcode, op } from './wasm-opcodes.ts'

interface Access {
  readonly kind: AccessKind
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

/** Where an access stands. */
export interface AccessPlace {
  /** How many instructions of its block retire from it on; its own index in the block. */
  readonly notDone: number
  readonly index: number
  /** It then keeps what it finds in the TLB, to ask there first. */
  readonly inLoop: boolean
  /** By index, those of its block. */
  readonly grouped: ReadonlyMap<number, GroupedAccess>
}

/** undefined: it is no load or store. */
export const widthOf = ({ op: name }: Instruction): Access | undefined => accesses[name]

/** False: it is no such instruction. */
export function emitAccess(
  frame: RegionFrame,
  instruction: Instruction,
  place: AccessPlace,
): boolean {
  const access = accesses[instruction.op]
  if (access === undefined) return false
  const grouped = place.grouped.get(place.index)
  const done = new Label()
  frame.code.block(done)
  if (grouped && grouped.group.first !== place.index) {
    emitFollowing(frame, instruction, access, grouped, done)
    emitAlone(frame, instruction, access, { ...place, inLoop: false }, done)
  } else {
    emitAlone(frame, instruction, access, place, done, grouped)
  }
  frame.code.end()
  return true
}

/** By what the first of its group has found, if that was the page of all of them. */
function emitFollowing(
  frame: RegionFrame,
  instruction: Instruction,
  access: Access,
  { group, distance }: GroupedAccess,
  done: Label,
): void {
  const { code } = frame
  const place = groupPlace(group.slot)
  const apart = new Label()
  code.block(apart)
  code.get(place)
  code.emit(op.i32_eqz)
  code.brIfUnlikely(apart)
  code.get(place)
  emitTransfer(frame, instruction, access, distance)
  code.br(done)
  code.end()
}

/** Goes on at `done`, or behind it all when the core had to be asked. */
function emitAlone(
  frame: RegionFrame,
  instruction: Instruction,
  access: Access,
  place: AccessPlace,
  done: Label,
  leads?: GroupedAccess,
): void {
  const { code } = frame
  const site = place.inLoop ? siteOf(frame, access) : undefined
  const miss = new Label()
  pushAddress(frame, instruction)
  code.set(address)
  code.block(miss)
  if (site === undefined) emitLookup(frame, access, miss)
  else emitSite(frame, access, site, miss)
  pushHost(frame, access, site)
  if (leads) emitLead(frame, leads)
  emitTransfer(frame, instruction, access, 0)
  code.br(done)
  code.end()
  emitMiss(frame, instruction, access, place.notDone)
  closeGroups(frame, access.kind, place, leads)
}

/** Pops the host address that `distance` counts from. */
function emitTransfer(
  frame: RegionFrame,
  instruction: Instruction,
  access: Access,
  distance: number,
): void {
  if (access.kind === 'store') pushStored(frame, instruction, access)
  frame.code.memory(access.opcode, distance)
  if (access.kind === 'load') setResult(frame, instruction, access)
}

/**
 * Leaves the host address on the stack, and keeps that of the group's lowest byte, or 0 when not
 * all of the group lies in the page.
 */
function emitLead(frame: RegionFrame, { group, distance }: GroupedAccess): void {
  const { code } = frame
  const place = groupPlace(group.slot)
  code.tee(entry)
  code.i32(distance)
  code.emit(op.i32_sub)
  code.set(place)
  code.i32(pageBytes - group.span)
  code.get(address)
  code.emit(op.i32_wrap)
  code.i32(pageBytes - 1)
  code.emit(op.i32_and)
  code.i32(distance)
  code.emit(op.i32_sub, op.i32_lt_u)
  code.ifUnlikely()
  code.i32(0)
  code.set(place)
  code.end()
  code.get(entry)
}

/** After a miss: an entry of the TLB that a group stands on may have made room for another. */
function closeGroups(
  { code }: RegionFrame,
  kind: AccessKind,
  { index, grouped }: AccessPlace,
  leads: GroupedAccess | undefined,
): void {
  const open = new Set([...grouped.values()].map(({ group }) => group))
  for (const group of open) {
    const isOpen = group.first < index && index < group.last && group.kind === kind
    if (!isOpen && group !== leads?.group) continue
    code.i32(0)
    code.set(groupPlace(group.slot))
  }
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
