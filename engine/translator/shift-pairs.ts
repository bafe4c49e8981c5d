// A shift to the left and as far back: how a compiler for the base instruction set cuts a register
// to its low bits, or extends their sign. One operation here. Not here: the instructions that Zba
// and Zbb have for it (bit-operations.ts).

import type { Instruction } from './decoded-entry.ts'
import type { RegionFrame } from './region-frame.ts'
import { op } from './wasm-opcodes.ts'

/** By the distance; shifts by another stay two. Pops a doubleword, pushes one. tidy: data table */
const signExtensions: Partial<Record<number, number>> = {
  32: op.i64_extend32_s,
  48: op.i64_extend16_s,
  56: op.i64_extend8_s,
}
const masks: Partial<Record<number, number>> = {
  32: 0xffff_ffff,
  48: 0xffff,
  56: 0xff,
}

/** False: they are no such pair. Neither can be left in between: nothing in them fails. */
export function emitShiftPair(
  frame: RegionFrame,
  left: Instruction,
  right: Instruction | undefined,
): boolean {
  const isPair =
    left.op === 'slli' &&
    left.rd !== 0 &&
    right?.rs1 === left.rd &&
    right.rd === left.rd &&
    right.immediate === left.immediate
  if (!isPair) return false
  const mask = right.op === 'srli' ? masks[right.immediate] : undefined
  const extension = right.op === 'srai' ? signExtensions[right.immediate] : undefined
  if (mask === undefined && extension === undefined) return false
  frame.x(left.rs1)
  if (extension !== undefined) {
    frame.code.emit(extension)
  } else if (mask === 0xffff_ffff) {
    frame.code.emit(op.i32_wrap, op.i64_extend_u)
  } else {
    frame.code.i64(mask ?? 0)
    frame.code.emit(op.i64_and)
  }
  frame.setX(left.rd)
  return true
}
