// Which integer registers an instruction reads, and which one it changes. Not here: those of
// instructions that the core carries out, which their own bits say (core-calls.ts).

import { type Registers, registersOfCall } from './core-calls.ts'
import type { Instruction, OpName } from './decoded-entry.ts'

const floats: ReadonlySet<OpName> = new Set(['flw', 'fld', 'fsw', 'fsd', 'float'])
/** Where others have their destination, these have bits of their distance or a float register. */
const withoutDestination: ReadonlySet<OpName> = new Set([
  ...(['sb', 'sh', 'sw', 'sd', 'fsw', 'fsd'] as const),
  ...(['beq', 'bne', 'blt', 'bge', 'bltu', 'bgeu', 'flw', 'fld'] as const),
])

export const isFloat = ({ op }: Instruction): boolean => floats.has(op)

/** `written` 0: none is. */
export function registersOf(instruction: Instruction): Registers {
  const ofCall = registersOfCall(instruction)
  if (ofCall) return ofCall
  const { op, rs1, rs2, rd } = instruction
  // What a floating-point store names second is a float register.
  const read = op === 'fsw' || op === 'fsd' ? [rs1] : [rs1, rs2]
  return { read, written: withoutDestination.has(op) ? 0 : rd }
}
