// Physical memory protection (privileged specification, section "Physical Memory Protection"): 16
// entries in the smallest grain, 4 bytes, as on QEMU's `virt`. Mostly a page is allowed or not as a
// whole, and a TLB entry says all there is to say: it is looked at when one is made. Of a page that
// is cut, by the end of an entry, nothing is kept: each access is asked for. Not here: the walk
// that asks (mmu.ts), accesses to pages that are cut (access.ts, fetch.ts).

import { Hart, Vm } from './layout'
import { Mode } from './privileged'
import { Access } from './fault'
import { dropAll } from './tlb'
import { Outcome } from './outcome'

/** An entry's byte of configuration; `match` says how its address is meant, 0 being off. */
const enum Config {
  read = 0x01,
  write = 0x02,
  execute = 0x04,
  match = 0x18,
  top = 0x08,
  four = 0x10,
  power = 0x18,
  locked = 0x80,
  settable = 0x9f,
}
const entries: u32 = 16
const lockedAny: u64 = 0x8080808080808080
/** Bits 55 to 2 of a physical address. */
const addressBits: u64 = 0x3fffffffffffff
/** Of these, where in its page; and what of that the address of a page or more has all ones. */
const inPage: u64 = 0x3ff
const wholePage: u64 = 0x1ff
/** No page: its bits in a page are not zero. */
const anyPage: u64 = 1

/** As firmware leaves it to S-mode: the first entry allows everything. */
export function openMemory(): void {
  store<u8>(Hart.pmpcfg, Config.power | Config.read | Config.write | Config.execute)
  store<u64>(Hart.pmpaddr, addressBits)
  noteCuts()
}

@inline
function configOf(entry: u32): u32 {
  return load<u8>(Hart.pmpcfg + entry)
}

@inline
function addressOf(entry: u32): u64 {
  return load<u64>(Hart.pmpaddr + (<usize>entry << 3))
}

/** M-mode is held to locked entries alone. */
function isFree(mode: u32): bool {
  const configs = load<u64>(Hart.pmpcfg) | load<u64>(Hart.pmpcfg, 8)
  return mode == Mode.machine && (configs & lockedAny) == 0
}

/** Whether the 4 bytes at `gpa` may be used so; the first entry that has them decides. */
export function protectionAllows(gpa: u64, access: Access, mode: u32): bool {
  if (isFree(mode)) return true
  const entry = entryOf(gpa)
  if (entry == entries) return mode == Mode.machine
  const config = configOf(entry)
  return (mode == Mode.machine && (config & Config.locked) == 0) || permits(config, access)
}

/** The first that has the 4 bytes at `gpa`; `entries`: none. */
function entryOf(gpa: u64): u32 {
  let low: u64 = 0
  for (let entry: u32 = 0; entry < entries; entry++) {
    const address = addressOf(entry)
    if (has(configOf(entry), low, address, gpa >> 2)) return entry
    low = address
  }
  return entries
}

function has(config: u32, low: u64, address: u64, at: u64): bool {
  const match = config & Config.match
  if (match == 0) return false
  if (match == Config.top) return at >= low && at < address
  if (match == Config.four) return at == address
  return ((at ^ address) & ~(address ^ (address + 1))) == 0
}

/** Whether one entry decides on all of an access: one that has a part of it refuses it. */
export function isOfOneEntry(gpa: u64, bytes: u32, mode: u32): bool {
  return isFree(mode) || entryOf(gpa) == entryOf(gpa + bytes - 1)
}

/** Whether the page of `gpa` has parts that different entries decide on. */
export function isCut(gpa: u64, mode: u32): bool {
  if (load<u32>(Vm.protectionCuts) == 0 || isFree(mode)) return false
  return someCuts(gpa >> 2 & ~inPage)
}

/** Comes after any change of an entry: whether there are pages at all that are cut. */
export function noteCuts(): void {
  store<u32>(Vm.protectionCuts, someCuts(anyPage))
}

function someCuts(page: u64): bool {
  let low: u64 = 0
  for (let entry: u32 = 0; entry < entries; entry++) {
    const address = addressOf(entry)
    if (cuts(configOf(entry), low, address, page)) return true
    low = address
  }
  return false
}

/** Whether an end of the entry lies within the page. */
function cuts(config: u32, low: u64, address: u64, page: u64): bool {
  const match = config & Config.match
  if (match == Config.top) return isWithin(low, page) || isWithin(address, page)
  const isWhole = match == Config.power && (address & wholePage) == wholePage
  if (match == 0 || isWhole) return false
  return page == anyPage || (address & ~inPage) == page
}

function isWithin(end: u64, page: u64): bool {
  return (end & inPage) != 0 && (page == anyPage || (end & ~inPage) == page)
}

function permits(config: u32, access: Access): bool {
  if (access == Access.fetch) return (config & Config.execute) != 0
  return (config & (access == Access.store ? Config.write : Config.read)) != 0
}

/** pmpcfg0 or pmpcfg2: eight entries from `first` on. */
export function readConfigs(first: u32): u64 {
  return load<u64>(Hart.pmpcfg + first)
}

export function writeConfigs(first: u32, value: u64): Outcome {
  for (let entry = first; entry < first + 8; entry++) {
    const before = configOf(entry)
    if ((before & Config.locked) != 0) continue
    store<u8>(Hart.pmpcfg + entry, legalConfig(<u32>(value >> ((entry - first) << 3))))
  }
  noteCuts()
  dropAll()
  return Outcome.changed
}

/** Writing without reading is reserved: then not writing either. */
function legalConfig(value: u32): u32 {
  const config = value & Config.settable
  return (config & Config.read) == 0 ? config & ~(<u32>Config.write) : config
}

export function readAddress(entry: u32): u64 {
  return addressOf(entry)
}

/** A locked entry's address stays, and the one that is the low end of a locked range. */
export function writeAddress(entry: u32, value: u64): Outcome {
  if ((configOf(entry) & Config.locked) != 0) return Outcome.done
  const next: u32 = entry + 1 < entries ? configOf(entry + 1) : 0
  if ((next & Config.locked) != 0 && (next & Config.match) == Config.top) return Outcome.done
  store<u64>(Hart.pmpaddr + (<usize>entry << 3), value & addressBits)
  noteCuts()
  dropAll()
  return Outcome.changed
}

/** Words that came from elsewhere become what writes could have made of them. */
export function legalizeProtection(): void {
  for (let entry: u32 = 0; entry < entries; entry++) {
    store<u8>(Hart.pmpcfg + entry, legalConfig(configOf(entry)))
    const address = Hart.pmpaddr + (<usize>entry << 3)
    store<u64>(address, load<u64>(address) & addressBits)
  }
  noteCuts()
}
