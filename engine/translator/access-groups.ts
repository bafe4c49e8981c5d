// Loads or stores of one block that go through the same base at known distances: what a function
// saves on its stack, the fields of a record, an unrolled copy. The first of a group asks the TLB
// for all of them, if they lie in one page; the others then go straight to memory. Not here: how an
// access is written (memory-access.ts).

import type { Instruction } from './decoded-entry.ts'
import type { Block } from './region.ts'
import { groupSlots } from './region-frame.ts'
import { registersOf } from './register-use.ts'

export type AccessKind = 'load' | 'store'

/** undefined: it is no load or store. */
export type WidthOf = (
  instruction: Instruction,
) => { readonly kind: AccessKind; readonly bytes: number } | undefined

export interface AccessGroup {
  readonly kind: AccessKind
  /** Index in the block of its first and its last access. */
  readonly first: number
  readonly last: number
  /** Bytes from its lowest to behind its highest byte. */
  readonly span: number
  /** Which of the frame's places keeps where the lowest byte lies. */
  readonly slot: number
}

/** An access of a group, and its distance in bytes from the group's lowest byte. */
export interface GroupedAccess {
  readonly group: AccessGroup
  readonly distance: number
}

/** The longer, the more often it lies in two pages, and nothing is gained. */
const spanMax = 1024

/** A register holds `value`, which is no number but a name, plus `distance`. */
interface Symbolic {
  readonly value: number
  readonly distance: number
}

interface Member {
  readonly index: number
  readonly low: number
  readonly high: number
}

/** By index in the block. */
export function groupedAccesses(block: Block, widthOf: WidthOf): Map<number, GroupedAccess> {
  const grouped = new Map<number, GroupedAccess>()
  const freeAt = Array<number>(groupSlots).fill(-1)
  const candidates = [...membersByBase(block, widthOf)].filter(([, members]) => isWorthIt(members))
  for (const [key, members] of candidates) {
    const [first, last] = [members[0]?.index ?? 0, members.at(-1)?.index ?? 0]
    const slot = freeAt.findIndex((end) => end < first)
    if (slot < 0) continue
    freeAt[slot] = last
    const low = Math.min(...members.map((member) => member.low))
    const span = Math.max(...members.map((member) => member.high)) - low
    const kind: AccessKind = key.startsWith('load') ? 'load' : 'store'
    const group = { kind, first, last, span, slot }
    for (const member of members) grouped.set(member.index, { group, distance: member.low - low })
  }
  return grouped
}

const isWorthIt = (members: readonly Member[]): boolean => {
  if (members.length < 2) return false
  const low = Math.min(...members.map((member) => member.low))
  return Math.max(...members.map((member) => member.high)) - low <= spanMax
}

/** In the order of their first accesses. */
function membersByBase({ instructions }: Block, widthOf: WidthOf): Map<string, Member[]> {
  const members = new Map<string, Member[]>()
  let registers = new Map<number, Symbolic>()
  let values = 0
  const fresh = (): Symbolic => ({ value: values++, distance: 0 })
  const heldBy = (register: number): Symbolic => {
    const known = registers.get(register) ?? fresh()
    registers.set(register, known)
    return known
  }
  instructions.forEach((instruction, index) => {
    const width = widthOf(instruction)
    if (width && instruction.rs1 !== 0) {
      const { value, distance } = heldBy(instruction.rs1)
      const low = distance + instruction.immediate
      const key = `${width.kind} ${value}`
      const there = members.get(key) ?? []
      members.set(key, [...there, { index, low, high: low + width.bytes }])
    }
    // What the core does for an instruction may change the TLB.
    if (mayDropEntries(instruction)) registers = new Map()
    const { written } = registersOf(instruction)
    if (written !== 0) registers.set(written, resultOf(instruction, heldBy) ?? fresh())
  })
  return members
}

const mayDropEntries = ({ op }: Instruction): boolean => op === 'amo' || op === 'system'

/** Of a sum with a constant, and of a copy. */
function resultOf(
  { op, rs1, rs2, immediate }: Instruction,
  heldBy: (register: number) => Symbolic,
): Symbolic | undefined {
  if (op === 'add' && rs1 === 0 && rs2 !== 0) return heldBy(rs2)
  if (op !== 'addi' || rs1 === 0) return undefined
  const { value, distance } = heldBy(rs1)
  return { value, distance: distance + immediate }
}
