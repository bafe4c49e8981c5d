// A region as a WebAssembly function: its control flow as nested blocks and loops, each instruction
// as what it does to registers and memory. Not here: single instructions (operations.ts,
// memory-access.ts, core-calls.ts), the ways in and out (region-frame.ts), how loops nest
// (loop-tree.ts).
//
// What may retire is counted block by block, and checked only where it must be: at the heads of
// loops and at entries, against the most that retires before the next such check.

import { invariant } from '#proto/invariant.ts'
import type { CorePlaces } from '../cpu/module.ts'
import { groupedAccesses } from './access-groups.ts'
import { emitBitOperation } from './bit-operations.ts'
import { emitCoreCall, endsBlock } from './core-calls.ts'
import type { Instruction, OpName } from './decoded-entry.ts'
import { emitFloat } from './float-operations.ts'
import { dispatcher, regionSuccessors } from './loop-entries.ts'
import { loopTree, type TreeItem } from './loop-tree.ts'
import { type AccessPlace, emitAccess, widthOf } from './memory-access.ts'
import { emitOperation } from './operations.ts'
import { type Block, type Region, successors } from './region.ts'
import { type FrameOptions, left, pc, RegionFrame, target } from './region-frame.ts'
import { moduleBytes } from './region-module.ts'
import { isFloat, registersOf } from './register-use.ts'
import { emitShiftPair } from './shift-pairs.ts'
import { Label } from './wasm-code.ts'
import { type Opcode, op } from './wasm-opcodes.ts'

/** Where a jump to a block leads: a label, and for a loop with several heads which of them. */
interface Place {
  readonly label: Label
  readonly head?: number
}

export interface RegionCodeOptions {
  readonly at: CorePlaces
  /** Where the function will be in the table. */
  readonly index: number
  readonly dataBank: number
}

/** The module of a region. Its entries are numbered as in `region.entries`. */
export function regionCode(region: Region, options: RegionCodeOptions): Uint8Array {
  return new RegionWriter(region, options).write()
}

class RegionWriter {
  readonly #region: Region
  readonly #frame: RegionFrame
  readonly #tree: readonly TreeItem[]
  readonly #places = new Map<number, Place>()
  /** Numbers of heads, the entries first. */
  readonly #heads = new Map<number, number>()
  /** Where `left` is checked, and the most that retires from each block to the next check. */
  readonly #checked = new Set<number>()
  readonly #costs = new Map<number, number>()
  readonly #depths: ReadonlyMap<number, number>

  constructor(region: Region, { at, index, dataBank }: RegionCodeOptions) {
    this.#region = region
    this.#frame = new RegionFrame({ at, index, dataBank, ...usesOf(region) })
    for (const entry of region.entries) this.#headNumber(entry)
    const nodes = [dispatcher, ...region.blocks.keys()]
    this.#tree = loopTree(nodes, (node) => regionSuccessors(region, node), dispatcher)
    this.#depths = new Map(depthsIn(this.#tree))
    for (const entry of region.entries) this.#checked.add(entry)
    for (const head of headsIn(this.#tree)) this.#checked.add(head)
  }

  write(): Uint8Array {
    this.#frame.begin()
    this.#emitItems(this.#tree)
    this.#frame.finish()
    return moduleBytes(this.#frame.code, this.#frame.locals)
  }

  #block(offset: number): Block {
    const block = this.#region.blocks.get(offset)
    invariant(block !== undefined, 'A region has no such block')
    return block
  }

  #headNumber(offset: number): number {
    const known = this.#heads.get(offset)
    if (known !== undefined) return known
    this.#heads.set(offset, this.#heads.size)
    return this.#heads.size - 1
  }

  /** Instructions from the block on until the next check, on the longest way. */
  #cost(offset: number): number {
    const known = this.#costs.get(offset)
    if (known !== undefined) return known
    const block = this.#block(offset)
    const after = successors(block, this.#region.blocks)
      .filter((next) => !this.#checked.has(next))
      .map((next) => this.#cost(next))
    const cost = block.instructions.length + Math.max(0, ...after)
    this.#costs.set(offset, cost)
    return cost
  }

  /**
   * Items in their order. Each gets a label right before it, so that whatever comes earlier can
   * jump there; with `heads` a dispatcher comes before the first.
   */
  #emitItems(items: readonly TreeItem[], heads?: readonly number[]): void {
    const { code } = this.#frame
    const first = heads ? 0 : 1
    const labels = items.map(() => new Label())
    const inner = new Map<number, Label>()
    const before: [number, Place | undefined][] = []
    for (let k = items.length - 1; k >= first; k--) {
      const [item, label] = [items[k], labels[k]]
      if (item === undefined || label === undefined) continue
      code.block(label)
      for (const node of entriesOf(item)) {
        if (heads?.includes(node)) inner.set(node, label)
        else before.push(this.#replacePlace(node, this.#placeAt(label, item, node)))
      }
    }
    if (heads) this.#dispatch(heads, (head) => inner.get(head))
    items.forEach((item, k) => {
      if (k >= first) code.end()
      this.#emitItem(item)
    })
    this.#restorePlaces(before)
  }

  #placeAt(label: Label, item: TreeItem, node: number): Place {
    const isOneOfMany = item.kind === 'loop' && item.heads.length > 1
    return isOneOfMany ? { label, head: this.#headNumber(node) } : { label }
  }

  #replacePlace(node: number, place: Place): [number, Place | undefined] {
    const old = this.#places.get(node)
    this.#places.set(node, place)
    return [node, old]
  }

  #restorePlaces(before: readonly [number, Place | undefined][]): void {
    for (const [node, place] of before.toReversed()) {
      if (place === undefined) this.#places.delete(node)
      else this.#places.set(node, place)
    }
  }

  #emitItem(item: TreeItem): void {
    if (item.kind === 'loop') this.#emitLoop(item)
    else if (item.node !== dispatcher) this.#emitBlock(this.#block(item.node))
    else this.#dispatch(this.#region.entries, (head) => this.#places.get(head)?.label)
  }

  #emitLoop(item: TreeItem & { kind: 'loop' }): void {
    const { code } = this.#frame
    const label = new Label()
    code.loop(label)
    const before = item.heads.map((head) =>
      this.#replacePlace(head, this.#placeAt(label, item, head)),
    )
    if (item.heads.length > 1) this.#emitItems(item.body, item.heads)
    else this.#emitItems(item.body)
    this.#restorePlaces(before)
    code.emit(op.unreachable)
    code.end()
  }

  /** Goes on at the head that `target` names. */
  #dispatch(heads: readonly number[], labelOf: (head: number) => Label | undefined): void {
    const labels: Label[] = []
    for (const head of heads) {
      const label = labelOf(head)
      invariant(label !== undefined, 'A dispatcher has no way to one of its heads')
      labels[this.#headNumber(head)] = label
    }
    const otherwise = labels.find((label) => label !== undefined)
    invariant(otherwise !== undefined, 'A dispatcher has no heads')
    const table = Array.from(labels, (label) => label ?? otherwise)
    if (heads.length > 1) {
      this.#frame.code.get(target)
      this.#frame.code.brTable(table, otherwise)
    } else {
      this.#frame.code.br(otherwise)
    }
  }

  #emitBlock(block: Block): void {
    const { code } = this.#frame
    const count = block.instructions.length
    if (this.#checked.has(block.offset)) this.#emitCheck(block)
    if (block.instructions.some(isFloat)) this.#emitFloatCheck(block)
    if (count > 0) {
      code.get(left)
      code.i32(count)
      code.emit(op.i32_sub)
      code.set(left)
    }
    const inLoop = (this.#depths.get(block.offset) ?? 0) > 0
    const grouped = groupedAccesses(block, widthOf)
    for (let index = 0; index < count; index++) {
      const [instruction, following] = block.instructions.slice(index, index + 2)
      if (instruction === undefined) break
      if (emitShiftPair(this.#frame, instruction, following)) index++
      else this.#emitInstruction(instruction, { notDone: count - index, index, inLoop, grouped })
    }
    const last = block.instructions.at(-1)
    if (last === undefined || !endsBlock(last)) this.#emitEnd(block, last)
  }

  /**
   * Too few are left to come to the next check: the interpreter does them. Where the region can be
   * entered again it stops while the slice's grace is not touched, elsewhere only when that is
   * used up too.
   */
  #emitCheck(block: Block): void {
    const { code, stop, at } = this.#frame
    code.get(left)
    code.i32(this.#cost(block.offset))
    if (this.#region.entries.includes(block.offset)) {
      code.emit(op.i32_sub)
      code.i32(0)
      code.memory(op.i32_load, at.graceAddress)
    }
    code.emit(op.i32_lt_s)
    code.ifUnlikely()
    this.#frame.setPc(block.offset)
    code.br(stop)
    code.end()
  }

  /**
   * Only where they are switched on, and already marked as changed, are registers simply stored
   * to.
   */
  #emitFloatCheck(block: Block): void {
    const { code, stop, at } = this.#frame
    code.i32(0)
    code.memory(op.i32_load, at.mstatusAddress)
    code.i32(at.floatDirty)
    code.emit(op.i32_and)
    code.i32(at.floatDirty)
    code.emit(op.i32_ne)
    code.ifUnlikely()
    this.#frame.setPc(block.offset)
    code.br(stop)
    code.end()
    this.#frame.noteFast()
  }

  #emitInstruction(instruction: Instruction, where: AccessPlace): void {
    const { notDone } = where
    if (isJump(instruction.op)) return
    const isEmitted =
      emitOperation(this.#frame, instruction) ||
      emitBitOperation(this.#frame, instruction) ||
      emitAccess(this.#frame, instruction, where) ||
      emitFloat(this.#frame, instruction, notDone) ||
      emitCoreCall(this.#frame, instruction, notDone)
    invariant(isEmitted, `No translation for ${instruction.op}`)
  }

  #emitEnd({ end, offset }: Block, last: Instruction | undefined): void {
    if (end.kind === 'jump') {
      if (last?.op === 'jal') this.#emitLink(last)
      this.#goTo(end.to)
      return
    }
    invariant(last !== undefined, `The block at ${offset} ends with nothing`)
    if (end.kind === 'indirect') this.#emitIndirect(last)
    else this.#emitBranch(last, end.taken, end.next)
  }

  #emitLink({ rd, offset, bytes }: Instruction): void {
    if (rd === 0) return
    this.#frame.addressOf(offset + bytes)
    this.#frame.setX(rd)
  }

  #emitIndirect(jump: Instruction): void {
    const { code } = this.#frame
    this.#frame.x(jump.rs1)
    if (jump.immediate !== 0) {
      code.i64(jump.immediate)
      code.emit(op.i64_add)
    }
    code.i64(-2)
    code.emit(op.i64_and)
    code.set(pc)
    this.#emitLink(jump)
    const place = this.#places.get(dispatcher)
    invariant(place !== undefined, 'An indirect jump is not in the loop of the dispatcher')
    this.#frame.dispatchOr(place.label)
  }

  #emitBranch(branch: Instruction, taken: number, next: number): void {
    const { code } = this.#frame
    this.#emitCondition(branch)
    const place = this.#places.get(taken)
    if (place && place.head === undefined) {
      code.brIf(place.label)
    } else {
      code.if()
      this.#goTo(taken)
      code.end()
    }
    this.#goTo(next)
  }

  #emitCondition({ op: name, rs1, rs2 }: Instruction): void {
    this.#frame.x(rs1)
    this.#frame.x(rs2)
    const condition = conditions[name]
    invariant(condition !== undefined, `${name} is no branch`)
    this.#frame.code.emit(condition)
  }

  #goTo(offset: number): void {
    const { code, go } = this.#frame
    const place = this.#places.get(offset)
    if (place === undefined) {
      this.#frame.setPc(offset)
      code.br(go)
      return
    }
    if (place.head !== undefined) {
      code.i32(place.head)
      code.set(target)
    }
    code.br(place.label)
  }
}

/** tidy: data table */
const conditions: Partial<Record<OpName, Opcode>> = {
  beq: op.i64_eq,
  bne: op.i64_ne,
  blt: op.i64_lt_s,
  bge: op.i64_ge_s,
  bltu: op.i64_lt_u,
  bgeu: op.i64_ge_u,
}

const isJump = (name: OpName): boolean => name in conditions || name === 'jal' || name === 'jalr'

const entriesOf = (item: TreeItem): readonly number[] =>
  item.kind === 'loop' ? item.heads : [item.node]

function* headsIn(items: readonly TreeItem[]): Generator<number> {
  for (const item of items) {
    if (item.kind !== 'loop') continue
    for (const head of item.heads) if (head !== dispatcher) yield head
    yield* headsIn(item.body)
  }
}

/** In how many loops each block is; the dispatcher's, which most are in, is none. */
function* depthsIn(items: readonly TreeItem[], depth = 0): Generator<[number, number]> {
  for (const item of items) {
    if (item.kind === 'node') yield [item.node, depth]
    else yield* depthsIn(item.body, item.heads.includes(dispatcher) ? depth : depth + 1)
  }
}

/** Every integer register that is named, and every one that may change. */
function usesOf({ blocks }: Region): Pick<FrameOptions, 'used' | 'written' | 'hasFloats'> {
  const used = new Set<number>()
  const written = new Set<number>()
  let hasFloats = false
  for (const { instructions } of blocks.values()) {
    for (const instruction of instructions) {
      const { read, written: to } = registersOf(instruction)
      for (const register of read) used.add(register)
      used.add(to)
      if (to !== 0) written.add(to)
      hasFloats ||= isFloat(instruction)
    }
  }
  return { used, written, hasFloats }
}
