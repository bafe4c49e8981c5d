// Which code has been translated: regions, each made of parts of a few pages of RAM, and the places
// where they can be entered. Both are found by where the code lies in memory, so that no change of
// translation touches them: whoever enters by a pc has the pages' mappings checked first. Regions
// are position-independent; an offset counts from their base, the virtual address of their first
// page. Not here: what they are translated to (engine/translator/).
//
// An entry point's word, which the region's function is called with: bits 0-7 which one of the
// region's, bits 8-31 its offset, signed.

import { Page, Regions, Tlb, Vm, ram } from './layout'
import { banksNow, cacheJump, clearJumps, forgetJumps } from './jumps'
import { dropWriteEntries, fetchBank, pageAddress, tlbEntry } from './tlb'
import { fetchedFrom } from './mmu'
import { hasHadRegions, isTranslated, setRegionFlag } from './decoded-pages'

const free: u32 = 0

/** Nothing is translated. */
export function clearRegions(): void {
  if (hasHadRegions()) {
    memory.fill(Regions.entryPoints, 0, Regions.entryPointsMax * Regions.entryPointBytes)
  }
  store<u32>(Vm.freeRegion, 0)
  store<u32>(Vm.nextRegion, Regions.regions)
  clearJumps()
}

/** The host address that code of `va` is fetched from when nothing changes by it; 0: not so. */
export function codeAddress(va: u64): usize {
  const code = tlbEntry(va, fetchBank()) + Tlb.execute
  const isKnown = load<u64>(code) == pageAddress(va)
  const page: usize = isKnown ? load<u32>(code + Tlb.host) : fetchedFrom(va)
  return page == 0 ? 0 : page + (<usize>va & Page.mask)
}

/** Puts the region that can be entered at `pc` into the jump cache; false: there is none. */
export function findRegion(pc: u64): bool {
  const host = codeAddress(pc)
  if (host == 0) return false
  for (let at = placeOf(host); load<u32>(at) != free; at = following(at)) {
    if (load<u32>(at) != <u32>host) continue
    const entryPoint = load<u32>(at, 8)
    if (!isMapped(load<u32>(at, 12), pc - offsetOf(entryPoint))) continue
    cacheJump(pc, load<u32>(at, 4), entryPoint)
    return true
  }
  return false
}

/** Whether a region can be entered at the instruction at `host`, mapped as it may be. */
export function isEntryPoint(host: usize): bool {
  if (!isTranslated(<u32>((host - ram) >> Page.shift))) return false
  for (let at = placeOf(host); load<u32>(at) != free; at = following(at)) {
    if (load<u32>(at) == <u32>host) return true
  }
  return false
}

@inline
function offsetOf(entryPoint: u32): u64 {
  return <u64>(<i64>(<i32>entryPoint >> 8))
}

/** Whether all of a region lies where its code expects it, when its base is at `base`. */
function isMapped(region: usize, base: u64): bool {
  if (load<u32>(region) != banksNow()) return false
  const end = region + 8 + (<usize>load<u32>(region, 4) << 3)
  for (let page = region + 8; page < end; page += 8) {
    const va = base + <u64>load<i32>(page)
    if (codeAddress(va) != <usize>load<u32>(page, 4)) return false
  }
  return true
}

@inline
function placeOf(host: usize): usize {
  const hash = (<u32>host >> 1) * 0x9e3779b1 >> 18
  const place = <usize>(hash & (Regions.entryPointsMax - 1))
  return Regions.entryPoints + place * Regions.entryPointBytes
}

@inline
function following(at: usize): usize {
  const next = at + Regions.entryPointBytes
  return next == Regions.entryPoints + Regions.entryPointsMax * Regions.entryPointBytes
    ? Regions.entryPoints
    : next
}

/** Makes room for a region of the present banks; 0: there are too many. Its pages come next. */
export function addRegion(pages: u32): usize {
  let region: usize = load<u32>(Vm.freeRegion)
  if (region != 0) store<u32>(Vm.freeRegion, load<u32>(region))
  else {
    region = load<u32>(Vm.nextRegion)
    if (region == Regions.regions + Regions.regionsMax * Regions.regionBytes) return 0
    store<u32>(Vm.nextRegion, <u32>(region + Regions.regionBytes))
  }
  store<u32>(region, banksNow())
  store<u32>(region, pages, 4)
  return region
}

/** Page `index` of a region: its offset from the base, and where it lies. */
export function setRegionPage(region: usize, index: u32, offset: i32, host: u32): void {
  store<i32>(region + 8 + (<usize>index << 3), offset)
  store<u32>(region + 12 + (<usize>index << 3), host)
  const page = (<usize>host - ram) >> Page.shift
  const flag = load<usize>(Vm.translatedTable) + page
  if (load<u8>(flag) != 0) return
  store<u8>(flag, 1)
  // Stores to it must be noticed from now on, if it was not decoded too.
  dropWriteEntries()
}

/** The region may be entered at `host` from now on. The translator sees that there is room. */
export function addEntryPoint(region: usize, host: usize, index: u32, entryPoint: u32): void {
  let at = placeOf(host)
  while (load<u32>(at) != free) at = following(at)
  store<u32>(at, <u32>host)
  store<u32>(at, index, 4)
  store<u32>(at, entryPoint, 8)
  store<u32>(at, <u32>region, 12)
  setRegionFlag(host)
}

export function removeEntryPoint(region: usize, host: usize): void {
  for (let at = placeOf(host); load<u32>(at) != free; at = following(at)) {
    if (load<u32>(at) != <u32>host || load<u32>(at, 12) != <u32>region) continue
    closeGap(at)
    return
  }
}

/**
 * What lies behind a freed place, up to the next free one, moves up where its search would now end
 * too early (Knuth, "The Art of Computer Programming", vol. 3, 6.4, algorithm R). Marks for "was
 * used" instead would pile up, until a search for what is not there never ended.
 */
function closeGap(freed: usize): void {
  let gap = freed
  for (let at = following(gap); load<u32>(at) != free; at = following(at)) {
    if (distance(placeOf(load<u32>(at)), at) < distance(gap, at)) continue
    memory.copy(gap, at, Regions.entryPointBytes)
    gap = at
  }
  store<u32>(gap, free)
}

/** From one place on to another, in the order of a search. */
@inline
function distance(from: usize, to: usize): usize {
  return (to - from) & (Regions.entryPointsMax * Regions.entryPointBytes - 1)
}

/** Its entry points have been removed before. */
export function removeRegion(region: usize): void {
  store<u32>(region, load<u32>(Vm.freeRegion))
  store<u32>(Vm.freeRegion, <u32>region)
  forgetJumps()
}
