// How many different pages a modelled VM writes, in closed form, and which. Two sets of pages, hot
// and cold, each written at its own rate. `random`: each write is to any page of the set, so that
// of w pages n writes leave w (1 - (1 - 1/w)^n) different ones on average, which is w (1 -
// e^(-n/w)) (the classical occupancy problem: Feller, An Introduction to Probability Theory, vol.
// 1, ch. IV; as a model of working sets: Denning, CACM 11(5), 1968). `in-turn`: page after page,
// round and round: min(n, w). Pure. Pages of 4,096 bytes by index: hot ones first, then cold ones;
// ms in which the VM ran at full speed.

import { setPage } from '#engine/memory/page-bitmap.ts'
import type { CurvePoint } from '#proto/pre-copy/dirty-curve.ts'
import type { VmModel, WrittenSet } from './vm-model.ts'

type Writing = Pick<VmModel, 'hot' | 'cold' | 'order'>

/** Different pages of one set that so many ms leave written. */
function distinctOf({ pages, perSec }: WrittenSet, order: VmModel['order'], ms: number): number {
  const writes = (perSec * ms) / 1000
  if (pages === 0 || writes <= 0) return 0
  if (order === 'in-turn') return Math.min(pages, Math.floor(writes))
  return Math.min(pages, Math.round(-pages * Math.expm1(-writes / pages)))
}

/** Different pages that so many ms leave written. */
export const distinctPages = ({ hot, cold, order }: Writing, ms: number): number =>
  distinctOf(hot, order, ms) + distinctOf(cold, order, ms)

const windowsMs = [40, 500, 1000, 2000, 4000]

/** As an agent would have measured it. @param speed the part of its full speed that it has */
export const curveOf = (writing: Writing, speed: number): CurvePoint[] =>
  windowsMs.map((ms) => ({ ms, pages: distinctPages(writing, ms * speed) }))

/** Marks what was written between two instants of its running time. @returns how many */
export function markWritten(
  writing: Writing,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  bitmap: Uint8Array,
): number {
  const { hot, cold, order } = writing
  const sets = [
    { ...hot, first: 0 },
    { ...cold, first: hot.pages },
  ]
  let marked = 0
  for (const { first, ...set } of sets) {
    const count = distinctOf(set, order, toMs - fromMs)
    // In turn: where the last round of writes came to. At random any will do: the same place, for
    // what matters is how many there are.
    const from = Math.floor((set.perSec * fromMs) / 1000)
    for (let n = 0; n < count; n++) setPage(bitmap, first + ((from + n) % set.pages))
    marked += count
  }
  return marked
}
