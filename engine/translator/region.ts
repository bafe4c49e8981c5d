// Which code belongs to a region: from a hot place on, along every jump whose target is known, over
// code that has been executed, until it is too much.
// Not here: how its loops nest (loop-tree.ts), what it is translated to (region-code.ts).
// Offsets count bytes from the region's base, the address of the page that it begins in.

import { invariant } from '#proto/invariant.ts'
import { pageBytes } from '#proto/units.ts'
import type { Instruction } from './decoded-entry.ts'

/** Executed code, by offset; undefined: there is none, or it cannot be had. */
export type ReadCode = (offset: number) => Instruction | undefined

/** How a block ends, where it is not by its last instruction alone. */
export type BlockEnd =
  /** The last instruction is a branch. */
  | { readonly kind: 'branch'; readonly taken: number; readonly next: number }
  /** A jump, a call, or simply the next block. */
  | { readonly kind: 'jump'; readonly to: number }
  /** `jalr`: only the register knows. */
  | { readonly kind: 'indirect' }

export interface Block {
  readonly offset: number
  readonly instructions: readonly Instruction[]
  readonly end: BlockEnd
}

export interface Region {
  /** By offset. */
  readonly blocks: ReadonlyMap<number, Block>
  /** Blocks that the region can be entered at; the first is where it was begun. */
  readonly entries: readonly number[]
  /** Offsets of its pages. */
  readonly pages: readonly number[]
}

export interface RegionLimits {
  readonly blocksMax: number
  readonly instructionsMax: number
  readonly pagesMax: number
}

/** What an entry point's word has room for. */
export const entriesMax = 256
const offsetMax = 1 << 22

interface Growth {
  readonly read: ReadCode
  readonly limits: RegionLimits
  readonly starts: Set<number>
  readonly entries: Set<number>
  readonly pages: Set<number>
  /** To be looked at, in the order found. */
  readonly queue: number[]
  instructions: number
}

/**
 * Whether the interpreter must do it: there is no gain in translating what ends all being known.
 */
const isLeftOut = ({ op }: Instruction): boolean => op === 'fencei' || op === 'illegal'

/**
 * The region that begins at the first of `roots`; the others become entries too, if it gets there.
 * undefined: there is no code at its beginning that can be translated.
 */
export function growRegion(
  roots: readonly number[],
  read: ReadCode,
  limits: RegionLimits,
): Region | undefined {
  const growth: Growth = {
    read,
    limits,
    starts: new Set(),
    entries: new Set(roots),
    pages: new Set(),
    queue: [...roots],
    instructions: 0,
  }
  for (let start = growth.queue.shift(); start !== undefined; start = growth.queue.shift()) {
    if (!growth.starts.has(start) && isWelcome(growth, start)) explore(growth, start)
  }
  return assemble(growth, roots[0] ?? 0)
}

const pageOf = (offset: number): number => Math.floor(offset / pageBytes) * pageBytes

function isWelcome({ starts, pages, limits, instructions, read }: Growth, offset: number): boolean {
  if (starts.size >= limits.blocksMax || instructions >= limits.instructionsMax) return false
  if (Math.abs(offset) >= offsetMax) return false
  const first = read(offset)
  if (first === undefined || isLeftOut(first)) return false
  // All of it has room: a block is never empty, for it would lead to itself and never end.
  const own = new Set([pageOf(offset), pageOf(offset + first.bytes - 1)])
  const more = [...own].filter((page) => !pages.has(page))
  return pages.size + more.length <= limits.pagesMax
}

/** The page is of the region from now on; false: it has too many already. */
function reachesInto({ pages, limits }: Growth, page: number): boolean {
  if (!pages.has(page) && pages.size >= limits.pagesMax) return false
  pages.add(page)
  return true
}

/** Follows one block to its end and remembers where it leads. */
function explore(growth: Growth, start: number): void {
  growth.starts.add(start)
  reachesInto(growth, pageOf(start))
  for (let offset = start; ; ) {
    const instruction = growth.read(offset)
    if (instruction === undefined || isLeftOut(instruction)) return
    if (!reachesInto(growth, pageOf(offset + instruction.bytes - 1))) return
    growth.instructions++
    const next = offset + instruction.bytes
    if (isJump(instruction)) {
      followJump(growth, instruction, next)
      return
    }
    if (pageOf(next) !== pageOf(start) || growth.starts.has(next)) {
      growth.queue.push(next)
      return
    }
    offset = next
  }
}

const branches = new Set<string>(['beq', 'bne', 'blt', 'bge', 'bltu', 'bgeu'])
const isBranch = ({ op }: Instruction): boolean => branches.has(op)
const isJump = (instruction: Instruction): boolean =>
  isBranch(instruction) || instruction.op === 'jal' || instruction.op === 'jalr'

/** A call's target and its return address can be reached from elsewhere: they are entries. */
function followJump(growth: Growth, jump: Instruction, next: number): void {
  const { queue, entries } = growth
  const isCall = !isBranch(jump) && jump.rd !== 0
  if (isBranch(jump)) queue.push(jump.offset + jump.immediate, next)
  else if (jump.op === 'jal') queue.push(jump.offset + jump.immediate)
  if (!isCall) return
  queue.push(next)
  if (jump.op === 'jal') entries.add(jump.offset + jump.immediate)
  entries.add(next)
}

/** Cuts what was found into blocks: one ends where another begins. */
function assemble(growth: Growth, root: number): Region | undefined {
  const { starts } = growth
  if (!starts.has(root)) return undefined
  const blocks = new Map<number, Block>()
  for (const start of starts) blocks.set(start, cutBlock(growth, start))
  const entries = [
    root,
    ...[...growth.entries].filter((entry) => entry !== root && starts.has(entry)),
  ]
  return reachable({
    blocks,
    entries: entries.slice(0, entriesMax),
    pages: [...growth.pages],
  })
}

function cutBlock({ read, starts, pages }: Growth, start: number): Block {
  const instructions: Instruction[] = []
  for (let offset = start; ; ) {
    const instruction = read(offset)
    const ends =
      instruction === undefined ||
      isLeftOut(instruction) ||
      !pages.has(pageOf(offset + instruction.bytes - 1))
    if (ends) return { offset: start, instructions, end: { kind: 'jump', to: offset } }
    instructions.push(instruction)
    const next = offset + instruction.bytes
    if (isJump(instruction)) return { offset: start, instructions, end: endOf(instruction, next) }
    if (starts.has(next) || pageOf(next) !== pageOf(start)) {
      return { offset: start, instructions, end: { kind: 'jump', to: next } }
    }
    offset = next
  }
}

function endOf(jump: Instruction, next: number): BlockEnd {
  if (jump.op === 'jalr') return { kind: 'indirect' }
  const to = jump.offset + jump.immediate
  return jump.op === 'jal' ? { kind: 'jump', to } : { kind: 'branch', taken: to, next }
}

/** Where a block may go on inside its region; of `indirect` the dispatcher knows. */
export function successors({ end }: Block, blocks: ReadonlyMap<number, Block>): number[] {
  if (end.kind === 'indirect') return []
  const all = end.kind === 'jump' ? [end.to] : [end.taken, end.next]
  return [...new Set(all)].filter((offset) => blocks.has(offset))
}

/** Entries over the limit may have left blocks that nothing leads to. */
function reachable(region: Region): Region {
  const reached = new Set(region.entries)
  for (const offset of reached) {
    const block = region.blocks.get(offset)
    invariant(block !== undefined, 'A region leads to a block that it does not have')
    for (const next of successors(block, region.blocks)) reached.add(next)
  }
  const blocks = [...region.blocks].filter(([offset]) => reached.has(offset))
  return { ...region, blocks: new Map(blocks) }
}
