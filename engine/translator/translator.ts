// Turns hot guest code into WebAssembly while it runs: one translator a hart, on the hart's thread.
// The core calls it when a place has become hot, and when code has changed; in between it does
// nothing. Not here: which code is taken along (region.ts), what it becomes (region-code.ts), how
// the core finds and enters it (../cpu/core/regions.ts, translated.ts).
//
// A place that turns hot at the edge or in the middle of a region has that region made anew, with
// the place as one more entry, so that regions grow together instead of overlapping.
// V8 compiles a module quickly when it is made, and a better version of what stays hot beside the
// guest, in threads of its own.

import { pageBytes } from '#proto/units.ts'
import type { CoreInstance, TranslationHooks } from '../cpu/module.ts'
import { CodeView } from './code-view.ts'
import { type LiveRegion, LiveRegions, type RegionPlace } from './live-regions.ts'
import { withLoopEntries } from './loop-entries.ts'
import { growRegion, type Region, type RegionLimits } from './region.ts'
import { regionCode } from './region-code.ts'
import { importedNames } from './region-module.ts'

export interface TranslatorLimits extends RegionLimits {
  /** Live regions, places they can be entered at, and bytes of WebAssembly in them. */
  readonly regionsMax: number
  readonly entryPointsMax: number
  readonly moduleBytesMax: number
}

/**
 * Larger regions cost more to compile than they gain; the core has room for 4,096 of 7 pages. It
 * finds entry points in a hash table of 16,384, which must not fill: one region has 256 at most.
 */
export const defaultLimits: TranslatorLimits = {
  blocksMax: 160,
  instructionsMax: 3000,
  pagesMax: 5,
  regionsMax: 3000,
  entryPointsMax: 12_000,
  moduleBytesMax: 16 * 1024 * 1024,
}

/** How often a region is made anew before it is left as it is. */
const generationsMax = 8
/** Banks, as the core numbers them: the low bits are those of data. */
const dataBankMask = 3
/** An entry point's word: which entry, and its offset above. */
const offsetShift = 8

export type CompileRegion = (bytes: Uint8Array) => WebAssembly.Module

export interface TranslatorStats {
  /** Made since the beginning: regions, bytes of WebAssembly, instructions in them. */
  readonly regions: number
  readonly moduleBytes: number
  readonly instructions: number
  /** Now. */
  readonly live: number
  readonly liveModuleBytes: number
}

export class Translator implements TranslationHooks {
  readonly #limits: TranslatorLimits
  readonly #compile: CompileRegion
  readonly #memory: WebAssembly.Memory
  readonly #words: Int32Array
  readonly #live = new LiveRegions()
  readonly #freeIndices: number[] = []
  #core: CoreInstance | undefined
  #made = { regions: 0, moduleBytes: 0, instructions: 0 }

  /** @param compile for whoever has the same code compiled already */
  constructor(
    memory: WebAssembly.Memory,
    limits: TranslatorLimits = defaultLimits,
    compile: CompileRegion = (bytes) => new WebAssembly.Module(bytes),
  ) {
    this.#compile = compile
    this.#memory = memory
    this.#words = new Int32Array(memory.buffer)
    this.#limits = limits
  }

  /** The core has this translator for its hooks: it is made first, and connected then. */
  connect(core: CoreInstance): void {
    this.#core = core
  }

  get stats(): TranslatorStats {
    const { count, moduleBytes } = this.#live
    return { ...this.#made, live: count, liveModuleBytes: moduleBytes }
  }

  translate(pc: bigint): void {
    const core = this.#core
    const host = core ? core.call.codeAddress(pc) >>> 0 : 0
    if (core === undefined || host === 0) return
    const place = this.#growing(host, core.call.banksNow())
    if (place && this.#regrow(core, pc, place)) return
    const root = host % pageBytes
    const view = new CodeView(core, this.#words, pc - BigInt(root))
    const region = growRegion([root], view.read, this.#limits)
    if (region) this.#install(core, region, view, 0)
  }

  codeChanged(page: number): void {
    const core = this.#core
    if (core === undefined) return
    const host = core.at.ramAddress + page * pageBytes
    for (const region of this.#live.onPage(host)) this.#remove(core, region)
  }

  allCodeChanged(): void {
    if (this.#core) for (const region of this.#live.all()) this.#remove(this.#core, region)
  }

  #growing(host: number, banks: number): RegionPlace | undefined {
    const place = this.#live.around(host)
    const grows = place?.region.banks === banks && place.region.generation < generationsMax
    return grows ? place : undefined
  }

  /** The region again, with one entry more. False: it does not come as far as that any more. */
  #regrow(core: CoreInstance, pc: bigint, { region: old, offset }: RegionPlace): boolean {
    const view = new CodeView(core, this.#words, pc - BigInt(offset))
    const region = growRegion([...old.entries, offset], view.read, this.#limits)
    if (!region?.blocks.has(offset)) return false
    this.#remove(core, old)
    this.#install(core, region, view, old.generation + 1)
    return true
  }

  #install(core: CoreInstance, grown: Region, view: CodeView, generation: number): void {
    const region = withLoopEntries(grown)
    this.#makeRoom(core)
    const banks = core.call.banksNow()
    const index = this.#freeIndices.pop() ?? core.table.grow(1)
    const bytes = regionCode(region, { at: core.at, index, dataBank: banks & dataBankMask })
    core.table.set(index, this.#functionOf(core, bytes))
    const at = core.call.addRegion(region.pages.length) >>> 0
    region.pages.forEach((offset, k) => {
      core.call.setRegionPage(at, k, offset, view.hostOf(offset))
    })
    for (const offset of region.blocks.keys()) core.call.noteBlock(view.hostOf(offset))
    const entryHosts = region.entries.map((offset) => view.hostOf(offset))
    region.entries.forEach((offset, which) => {
      const entryPoint = (offset << offsetShift) | which
      core.call.addEntryPoint(at, entryHosts[which] ?? 0, index, entryPoint)
    })
    this.#live.add({
      ...{ at, index, generation, banks, entryHosts, moduleBytes: bytes.length },
      entries: region.entries,
      pages: region.pages.map((offset) => view.hostOf(offset)),
      around: aroundOf(region, view),
    })
    this.#count(region, bytes)
  }

  #functionOf({ call, table }: CoreInstance, bytes: Uint8Array): unknown {
    const core = Object.fromEntries(
      importedNames.map((name) => [name, call[name] as WebAssembly.ImportValue]),
    )
    const env = { memory: this.#memory, table }
    const instance = new WebAssembly.Instance(this.#compile(bytes), { env, core })
    return Object.values(instance.exports)[0]
  }

  #count({ blocks }: Region, bytes: Uint8Array): void {
    this.#made.regions++
    this.#made.moduleBytes += bytes.length
    for (const { instructions } of blocks.values()) this.#made.instructions += instructions.length
  }

  #remove(core: CoreInstance, region: LiveRegion): void {
    this.#live.delete(region)
    for (const host of region.entryHosts) core.call.removeEntryPoint(region.at, host)
    core.call.removeRegion(region.at)
    core.table.set(region.index, null)
    this.#freeIndices.push(region.index)
  }

  /** Over any limit the older half goes; what is still hot comes back. */
  #makeRoom(core: CoreInstance): void {
    const { regionsMax, entryPointsMax, moduleBytesMax } = this.#limits
    const { count, entryPoints, moduleBytes } = this.#live
    if (count < regionsMax && entryPoints < entryPointsMax && moduleBytes < moduleBytesMax) return
    for (const region of this.#live.all().slice(0, Math.ceil(count / 2))) this.#remove(core, region)
  }
}

/** Its blocks, and what they lead to outside. */
function aroundOf({ blocks }: Region, view: CodeView): Map<number, number> {
  const offsets = new Set(blocks.keys())
  for (const { end } of blocks.values()) {
    if (end.kind === 'jump') offsets.add(end.to)
    if (end.kind === 'branch') offsets.add(end.taken).add(end.next)
  }
  const around = new Map<number, number>()
  for (const offset of offsets) {
    const host = view.hostOf(offset)
    if (host !== 0) around.set(host, offset)
  }
  return around
}
