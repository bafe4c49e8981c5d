// Physical memory protection (privileged specification, section "Physical Memory Protection"): 16
// entries in a grain of a page, so that a page is allowed or not as a whole and a TLB entry says
// all there is to say; it is looked at when one is made. With that grain NA4 can't be chosen, and
// the low bits of an address read as the specification's G = 10 has them. Not here: the walk that
// asks (mmu.ts).

import { Hart } from './layout'
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
/** Of these, what a range's ends cannot have, and what the size of a power of two always has. */
const belowGrain: u64 = 0x3ff
const withinGrain: u64 = 0x1ff

/** As firmware leaves it to S-mode: the first entry allows everything. */
export function openMemory(): void {
  store<u8>(Hart.pmpcfg, Config.power | Config.read | Config.write | Config.execute)
  store<u64>(Hart.pmpaddr, addressBits)
}

@inline
function configOf(entry: u32): u32 {
  return load<u8>(Hart.pmpcfg + entry)
}

@inline
function addressOf(entry: u32): u64 {
  return load<u64>(Hart.pmpaddr + (<usize>entry << 3))
}

/** Whether the page of `gpa` may be used so; the first entry that has it decides. */
export function protectionAllows(gpa: u64, access: Access, mode: u32): bool {
  const isMachine = mode == Mode.machine
  const configs = load<u64>(Hart.pmpcfg) | load<u64>(Hart.pmpcfg, 8)
  if (isMachine && (configs & lockedAny) == 0) return true
  let low: u64 = 0
  for (let entry: u32 = 0; entry < entries; entry++) {
    const config = configOf(entry)
    const address = addressOf(entry)
    if (has(config, low, address, gpa >> 2)) {
      return (isMachine && (config & Config.locked) == 0) || permits(config, access)
    }
    low = address
  }
  return isMachine
}

function has(config: u32, low: u64, address: u64, at: u64): bool {
  const match = config & Config.match
  if (match == 0) return false
  if (match == Config.top) return at >= (low & ~belowGrain) && at < (address & ~belowGrain)
  const whole = address | withinGrain
  return ((at ^ whole) & ~(whole ^ (whole + 1))) == 0
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
    store<u8>(Hart.pmpcfg + entry, legalConfig(<u32>(value >> ((entry - first) << 3)), before))
  }
  dropAll()
  return Outcome.changed
}

/** Writing without reading is reserved: then not writing either. NA4 leaves the match as it was. */
function legalConfig(value: u32, before: u32): u32 {
  let config = value & Config.settable
  if ((config & Config.match) == Config.four) config = config ^ Config.four | before & Config.match
  return (config & Config.read) == 0 ? config & ~(<u32>Config.write) : config
}

/** What is below the grain reads as the entry's match has it; written it stays written. */
export function readAddress(entry: u32): u64 {
  const address = addressOf(entry)
  const isPower = (configOf(entry) & Config.match) == Config.power
  return isPower ? address | withinGrain : address & ~belowGrain
}

/** A locked entry's address stays, and the one that is the low end of a locked range. */
export function writeAddress(entry: u32, value: u64): Outcome {
  if ((configOf(entry) & Config.locked) != 0) return Outcome.done
  const next: u32 = entry + 1 < entries ? configOf(entry + 1) : 0
  if ((next & Config.locked) != 0 && (next & Config.match) == Config.top) return Outcome.done
  store<u64>(Hart.pmpaddr + (<usize>entry << 3), value & addressBits)
  dropAll()
  return Outcome.changed
}

/** Words that came from elsewhere become what writes could have made of them. */
export function legalizeProtection(): void {
  for (let entry: u32 = 0; entry < entries; entry++) {
    store<u8>(Hart.pmpcfg + entry, legalConfig(configOf(entry), 0))
    const address = Hart.pmpaddr + (<usize>entry << 3)
    store<u64>(address, load<u64>(address) & addressBits)
  }
}
