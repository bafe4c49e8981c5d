// Random compressed instructions that keep to a stream's rules: no jump but forward, no address but
// from the registers that hold one, nothing written to those.
// Source: unprivileged specification, "RVC Instruction Set Listings".

import type { Draw } from './draw.ts'

const halfBytes = (half: number) => [half & 255, (half >> 8) & 255]

/** Draws halves until one does nothing but what a stream may. */
export function compressed(draw: Draw, targets: readonly number[]): readonly number[] {
  for (;;) {
    const half = draw.below(1 << 16)
    if (isAllowed(half, targets)) return halfBytes(half)
  }
}

function isAllowed(half: number, targets: readonly number[]): boolean {
  const wide = (half >> 7) & 31
  const narrow = 8 + ((half >> 2) & 7)
  const middle = 8 + ((half >> 7) & 7)
  const kind = half >> 13
  switch (half & 3) {
    case 0: {
      if (kind === 0) return targets.includes(narrow)
      if (middle !== 8) return false
      return kind === 1 || kind > 3 || targets.includes(narrow)
    }
    case 1: {
      if (kind > 4) return false
      return targets.includes(kind === 4 ? middle : wide) && wide !== 2
    }
    case 2: {
      const isJump = kind === 4 && ((half >> 2) & 31) === 0
      return !isJump && (kind === 1 || kind > 4 || targets.includes(wide))
    }
    default:
      return false
  }
}

/** c.j, c.beqz or c.bnez on a register drawn. Distances that do not fit become the next half. */
export function compressedBranch(draw: Draw): (by: number) => readonly number[] {
  const kind = draw.from([5, 6, 7])
  const register = draw.below(8)
  return (by) => halfBytes(kind === 5 ? jump(by) : branch(kind, register, by < 256 ? by : 2))
}

function jump(by: number): number {
  const bit = (from: number, to: number) => ((by >> from) & 1) << to
  const low = bit(5, 2) | (((by >> 1) & 7) << 3) | bit(7, 6) | bit(6, 7)
  return 0xa001 | low | bit(10, 8) | (((by >> 8) & 3) << 9) | bit(4, 11) | bit(11, 12)
}

function branch(kind: number, register: number, by: number): number {
  const bit = (from: number, to: number) => ((by >> from) & 1) << to
  const low = bit(5, 2) | (((by >> 1) & 3) << 3) | (((by >> 6) & 3) << 5)
  return 1 | (kind << 13) | (register << 7) | low | (((by >> 3) & 3) << 10) | bit(8, 12)
}
