// From a pc to a decoded instruction, when the interpreter's next entry does not hold one: another
// page, an instruction not yet decoded, or one that lies half in the next page (such a one is
// decoded each time, for its halves may be remapped or written apart).

import { Hart, Page, Tlb, Vm } from './layout'
import { Outcome } from './outcome'
import { Access, accessFault } from './fault'
import { hostOf, hostOfPage, inRam, pageOf } from './pages'
import { fetchBank, noteFilled, pageAddress, tlbEntry } from './tlb'
import { translate } from './mmu'
import { blankBlock, blockOf, regionFlag } from './decoded-pages'
import { isCut } from './pmp'
import { isEntryPoint } from './regions'
import { decode, decodeCompressed } from './decode'

/** Finds Vm.block, Vm.slot and Vm.entry for `pc`. */
export function fetch(pc: u64): Outcome {
  const outcome = findCode(pc)
  if (outcome != Outcome.done) return outcome
  const code = tlbEntry(pc, fetchBank()) + Tlb.execute
  if (load<u64>(code) != pageAddress(pc)) return fetchUnkept(pc)
  const block: usize = load<u32>(code + Tlb.payload)
  const slot = block + ((<usize>pc & Page.mask) << 2)
  store<usize>(Vm.block, block)
  store<usize>(Vm.slot, slot)
  if (load<u64>(slot) == 0) return decodeAt(pc, slot, load<u32>(code + Tlb.host))
  store<u64>(Vm.entry, load<u64>(slot))
  return Outcome.done
}

/** The instruction at a pc that has just been fetched, as it lies in memory: for a trap's value. */
export function codeAt(pc: u64): u32 {
  const low = halfAt(pc)
  return (low & 3) != 3 ? low : halfAt(pc + 2) << 16 | low
}

function halfAt(pc: u64): u32 {
  if (translate(pc, Access.fetch) != Outcome.done || !inRam(load<u64>(Vm.gpa))) return 0
  return <u32>load<u16>(hostOf(load<u64>(Vm.gpa)))
}

/**
 * From a page that protection allows in parts, at Vm.gpa. What is decoded is not kept, so that the
 * next instruction is fetched too, and asked for.
 */
function fetchUnkept(pc: u64): Outcome {
  const half = <u32>load<u16>(hostOf(load<u64>(Vm.gpa)))
  store<usize>(Vm.block, blankBlock())
  store<usize>(Vm.slot, blankBlock() + ((<usize>pc & Page.mask) << 2))
  if ((half & 3) == 3) return decodeAcross(pc, half)
  store<u64>(Vm.entry, decodeCompressed(half))
  return Outcome.done
}

/**
 * Makes the execute entry of the page of `va`, unless it is there or the page is cut: its block and
 * its host page.
 */
function findCode(va: u64): Outcome {
  const code = tlbEntry(va, fetchBank()) + Tlb.execute
  if (load<u64>(code) == pageAddress(va)) return Outcome.done
  const outcome = translate(va, Access.fetch)
  if (outcome != Outcome.done) return outcome
  const gpa = load<u64>(Vm.gpa)
  if (!inRam(gpa)) return accessFault(Access.fetch, va)
  if (isCut(gpa, <u32>load<u64>(Hart.mode))) return Outcome.done
  const page = pageOf(gpa)
  store<u32>(code + Tlb.payload, <u32>blockOf(page))
  store<u32>(code + Tlb.host, <u32>hostOfPage(page))
  store<u64>(code, pageAddress(va))
  noteFilled(code)
  return Outcome.done
}

function decodeAt(pc: u64, slot: usize, page: usize): Outcome {
  const offset = <usize>pc & Page.mask
  const half = <u32>load<u16>(page + offset)
  if ((half & 3) != 3) return keep(slot, decodeCompressed(half), page + offset)
  if (offset == Page.bytes - 2) return decodeAcross(pc, half)
  return keep(slot, decode(load<u32>(page + offset), 2), page + offset)
}

/**
 * `host` is where the instruction lies: it may have been translated, and its block evicted since.
 */
function keep(slot: usize, entry: u64, host: usize): Outcome {
  const flag: u64 = isEntryPoint(host) ? regionFlag : 0
  store<u64>(slot, entry | flag)
  store<u64>(Vm.entry, entry)
  return Outcome.done
}

/**
 * The second half is fetched as data is, without an entry: making a block for its page could empty
 * the pool, and with it the block that the interpreter is in.
 */
function decodeAcross(pc: u64, low: u32): Outcome {
  const next = pc + 2
  const outcome = translate(next, Access.fetch)
  if (outcome != Outcome.done) return outcome
  const gpa = load<u64>(Vm.gpa)
  if (!inRam(gpa)) return accessFault(Access.fetch, next)
  store<u64>(Vm.entry, decode(<u32>load<u16>(hostOf(gpa)) << 16 | low, 2))
  return Outcome.done
}
