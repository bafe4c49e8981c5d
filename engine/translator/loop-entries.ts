// More entries for a region: the heads of its outermost loops. Whoever interprets code in the
// middle of a region, because a slice ended there, comes back to translated code at the latest with
// the next turn of such a loop. Heads of inner loops would cost: an outer loop that can be entered
// inside has to choose among its heads at every turn.

import { loopTree } from './loop-tree.ts'
import { entriesMax, type Region, successors } from './region.ts'

/** Stands for whatever enters the region, and for where indirect jumps lead: no block's offset. */
export const dispatcher = -1

/** Levels of loops: the dispatcher's, which most are in, and those right inside it. */
const outermost = 2

export function withLoopEntries(region: Region): Region {
  const entries = new Set(region.entries)
  const tree = loopTree(
    [dispatcher, ...region.blocks.keys()],
    (node) => regionSuccessors(region, node),
    dispatcher,
    outermost,
  )
  const top = tree.flatMap((item) =>
    item.kind === 'loop' && item.heads[0] === dispatcher ? item.body : [item],
  )
  for (const item of top) {
    if (item.kind === 'loop' && item.heads.length === 1) entries.add(item.heads[0] ?? dispatcher)
  }
  return { ...region, entries: [...entries].slice(0, entriesMax) }
}

/** Where a node of the region's flow leads inside it; indirect jumps go to the dispatcher. */
export function regionSuccessors({ blocks, entries }: Region, node: number): readonly number[] {
  if (node === dispatcher) return entries
  const block = blocks.get(node)
  if (block === undefined) return []
  return block.end.kind === 'indirect' ? [dispatcher] : successors(block, blocks)
}
