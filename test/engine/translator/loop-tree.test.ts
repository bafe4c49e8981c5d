// Laws of the loop tree on any graph: what structured control flow needs of it.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loopTree, type TreeItem } from '#engine/translator/loop-tree.ts'

type Graph = ReadonlyMap<number, readonly number[]>
type Loop = TreeItem & { kind: 'loop' }

const root = 0

/** Only what the root leads to, as a region's blocks are. */
function reachable(edges: readonly (readonly [number, number])[]): Graph {
  const graph = new Map<number, number[]>([[root, []]])
  for (const node of graph.keys()) {
    for (const [from, to] of edges) {
      if (from !== node) continue
      graph.get(node)?.push(to)
      if (!graph.has(to)) graph.set(to, [])
    }
  }
  return graph
}

const anyGraph = fc
  .integer({ min: 1, max: 14 })
  .chain((nodes) => {
    const node = fc.nat(nodes - 1)
    return fc.array(fc.tuple(node, node), { maxLength: 3 * nodes })
  })
  .map(reachable)

const treeOf = (graph: Graph) => loopTree([...graph.keys()], (node) => graph.get(node) ?? [], root)

const nodesOf = (items: readonly TreeItem[]): number[] =>
  items.flatMap((item) => (item.kind === 'node' ? [item.node] : nodesOf(item.body)))

/** Each loop with the loops around it, the innermost first. */
function loopsOf(items: readonly TreeItem[], around: readonly Loop[] = []): [Loop, ...Loop[]][] {
  return items.flatMap((item) => {
    if (item.kind === 'node') return []
    return [[item, ...around] as [Loop, ...Loop[]], ...loopsOf(item.body, [item, ...around])]
  })
}

const law = (holds: (graph: Graph) => void) => () =>
  fc.assert(fc.property(anyGraph, holds), { numRuns: 1500 })

const edgesOf = (graph: Graph) =>
  [...graph].flatMap(([from, all]) => all.map((to) => [from, to] as const))

describe('the loop tree of any graph', () => {
  test(
    'looked for in some levels alone is the same as far as those, and then a body as it comes',
    law((graph) => {
      const successors = (node: number) => graph.get(node) ?? []
      const some = loopTree([...graph.keys()], successors, root, 1)
      const flat = treeOf(graph).map((item) =>
        item.kind === 'node' ? item : { ...item, body: nodesOf(item.body).sort() },
      )
      expect(
        some.map((item) =>
          item.kind === 'node' ? item : { ...item, body: nodesOf(item.body).sort() },
        ),
      ).toEqual(flat)
    }),
  )
  test(
    'has every node once',
    law((graph) => {
      const sorted = (nodes: Iterable<number>) => [...nodes].sort((a, b) => a - b)
      expect(sorted(nodesOf(treeOf(graph)))).toEqual(sorted(graph.keys()))
    }),
  )
  test(
    'has every edge go forward that does not lead to a head of a loop around it',
    law((graph) => {
      const tree = treeOf(graph)
      const order = nodesOf(tree)
      const goesBack = (from: number, to: number) =>
        loopsOf(tree).some(([loop]) => loop.heads.includes(to) && nodesOf(loop.body).includes(from))
      for (const [from, to] of edgesOf(graph)) {
        if (!goesBack(from, to)) expect(order.indexOf(from)).toBeLessThan(order.indexOf(to))
      }
    }),
  )
  test(
    'has for heads of a loop exactly those nodes that are entered from outside',
    law((graph) => {
      for (const [loop, ...around] of loopsOf(treeOf(graph))) {
        const members = new Set(nodesOf(loop.body))
        const isRepeat = (from: number, to: number) =>
          around.some(({ heads, body }) => heads.includes(to) && nodesOf(body).includes(from))
        const entered = edgesOf(graph).filter(
          ([from, to]) => members.has(to) && !members.has(from) && !isRepeat(from, to),
        )
        const expected = new Set(entered.map(([, to]) => to))
        expect(new Set(loop.heads)).toEqual(members.has(root) ? new Set([root]) : expected)
      }
    }),
  )
  test(
    'has in a loop only nodes that lead to each other inside it',
    law((graph) => {
      for (const [loop] of loopsOf(treeOf(graph))) {
        const members = nodesOf(loop.body)
        for (const start of members) {
          const seen = new Set([start])
          for (const node of seen) {
            for (const next of graph.get(node) ?? []) if (members.includes(next)) seen.add(next)
          }
          expect(seen.size).toBe(members.length)
        }
      }
    }),
  )
})

describe('the loop tree', () => {
  const graph = (...edges: [number, number][]) => reachable(edges)

  test('of a loop that is entered in two places has both for heads', () => {
    const [first, loop] = treeOf(graph([0, 1], [0, 2], [1, 2], [2, 1]))
    expect(first).toEqual({ kind: 'node', node: 0 })
    expect(loop?.kind === 'loop' && new Set(loop.heads)).toEqual(new Set([1, 2]))
  })
  test('of a loop in a loop has one in the other', () => {
    const nested = graph([0, 1], [1, 2], [2, 1], [2, 3], [3, 0])
    expect(treeOf(nested)).toEqual([
      {
        kind: 'loop',
        heads: [0],
        body: [
          { kind: 'node', node: 0 },
          {
            kind: 'loop',
            heads: [1],
            body: [
              { kind: 'node', node: 1 },
              { kind: 'node', node: 2 },
            ],
          },
          { kind: 'node', node: 3 },
        ],
      },
    ])
  })
  test('of a node that leads to itself is a loop', () => {
    expect(treeOf(graph([0, 0]))[0]?.kind).toBe('loop')
  })
  test('does not mind how long a way is', () => {
    const length = 20_000
    const successors = (node: number) => (node + 1 < length ? [node + 1] : [])
    const nodes = Array.from({ length }, (_, n) => n)
    expect(nodesOf(loopTree(nodes, successors, 0))).toEqual(nodes)
  })
})
