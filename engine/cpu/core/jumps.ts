// The jump cache: from a pc straight to translated code, without asking where the pc lies in
// memory. Regions themselves look into it when they leave by a jump, so that one goes on in the
// next. An entry is valid under one context: the banks of the TLB that code and data use (what mode
// and SUM decide), and a generation that ends with any change of translation. Its tag is the pc
// with the context mixed into 13 bits above 39, which in a canonical address are copies of bit 38:
// one compare sees both. In a pc that is not canonical those bits could undo the difference of two
// contexts, and a wild jump would find another context's code: so they choose the entry too, and
// lead elsewhere.

import { Jumps, Tlb, Vm } from './layout'
import { dataBank, fetchBank } from './tlb'

const contextShift: u64 = 40
/** With the 4 bits of the two banks, as many bits as choose an entry; then the cache is emptied. */
const generationsMax: u32 = 1 << 9
/** No pc is odd: mixed with it every tag is, and memory begins as a cache of no entries. */
const isEntry: u64 = 1

/** The banks as one small number: what a region is made for, besides its code. */
export function banksNow(): u32 {
  return <u32>(fetchBank() / Tlb.bankBytes) << 2 | <u32>(dataBank() / Tlb.bankBytes)
}

/** Precedes each slice: modes change between slices alone. */
export function noteContext(): void {
  const context = <u64>(load<u32>(Vm.generation) << 4 | banksNow())
  store<u64>(Vm.context, context << contextShift | isEntry)
}

@inline
export function jumpEntry(pc: u64): usize {
  const place = <usize>((pc >> 1) ^ (pc >> 13) ^ (pc >> contextShift)) & (Jumps.entries - 1)
  return Jumps.base + place * Jumps.entryBytes
}

@inline
export function isCached(entry: usize, pc: u64): bool {
  return load<u64>(entry) == (pc ^ load<u64>(Vm.context))
}

export function cacheJump(pc: u64, index: u32, entryPoint: u32): void {
  const entry = jumpEntry(pc)
  store<u64>(entry, pc ^ load<u64>(Vm.context))
  store<u32>(entry, index, Jumps.index)
  store<u32>(entry, entryPoint, Jumps.entryPoint)
  store<u32>(Vm.jumpsUsed, 1)
}

/** Translations have changed, or regions have gone. */
export function forgetJumps(): void {
  const generation = load<u32>(Vm.generation) + 1
  store<u32>(Vm.generation, generation % generationsMax)
  if (generation % generationsMax == 0) clearJumps()
  noteContext()
}

/** What is empty is not touched: the first touch of each of these 32 pages costs. */
export function clearJumps(): void {
  if (load<u32>(Vm.jumpsUsed) == 0) return
  memory.fill(Jumps.base, 0, Jumps.entries * Jumps.entryBytes)
  store<u32>(Vm.jumpsUsed, 0)
}
