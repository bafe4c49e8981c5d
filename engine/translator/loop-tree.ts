// How the loops of a control-flow graph nest: what structured code (WebAssembly has no goto) is
// made of. Strongly connected components become loops; inside each, without the edges back to its
// heads, the same again. A loop with several heads is one that can be entered in several places.
// Source: Tarjan, "Depth-First Search and Linear Graph Algorithms", SIAM J. Comput. 1, 1972;
// nesting as in Steensgaard, "Sequentializing Program Dependence Graphs", 1993. A graph here is a
// list of nodes (numbers) and their successors.

export type Successors = (node: number) => readonly number[]

export type TreeItem =
  | { readonly kind: 'node'; readonly node: number }
  | { readonly kind: 'loop'; readonly heads: readonly number[]; readonly body: readonly TreeItem[] }

/**
 * In an order in which every edge that does not lead to a loop's head goes forward. `root`, where
 * it is in a loop, is its only head.
 */
export function loopTree(
  nodes: readonly number[],
  successors: Successors,
  root: number,
): TreeItem[] {
  const inside = new Set(nodes)
  const within: Successors = (node) => successors(node).filter((next) => inside.has(next))
  return components(nodes, within).map((component): TreeItem => {
    const [node] = component
    if (node === undefined) return { kind: 'node', node: root }
    if (component.length === 1 && !within(node).includes(node)) return { kind: 'node', node }
    const heads = headsOf(component, nodes, within, root)
    const back = new Set(heads)
    const forward: Successors = (from) => within(from).filter((next) => !back.has(next))
    return { kind: 'loop', heads, body: loopTree(component, forward, root) }
  })
}

/** Nodes of a component that edges from outside lead to. */
function headsOf(
  component: readonly number[],
  nodes: readonly number[],
  successors: Successors,
  root: number,
): number[] {
  const members = new Set(component)
  if (members.has(root)) return [root]
  const heads = new Set<number>()
  for (const node of nodes) {
    if (members.has(node)) continue
    for (const next of successors(node)) if (members.has(next)) heads.add(next)
  }
  return heads.size > 0 ? [...heads] : component.slice(0, 1)
}

interface Visit {
  readonly index: number
  low: number
  onStack: boolean
}

/** Strongly connected components, in topological order. Without recursion: graphs may be deep. */
function components(nodes: readonly number[], successors: Successors): number[][] {
  const visits = new Map<number, Visit>()
  const stack: number[] = []
  const found: number[][] = []
  for (const node of nodes) if (!visits.has(node)) walk(node, successors, { visits, stack, found })
  return found.reverse()
}

interface Walk {
  readonly visits: Map<number, Visit>
  readonly stack: number[]
  readonly found: number[][]
}

interface Frame {
  readonly node: number
  readonly visit: Visit
  readonly rest: number[]
}

function walk(start: number, successors: Successors, state: Walk): void {
  const frames: Frame[] = [begin(start, successors, state)]
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const next = frame.rest.pop()
    if (next === undefined) {
      frames.pop()
      const parent = frames.at(-1)
      if (parent) parent.visit.low = Math.min(parent.visit.low, frame.visit.low)
      if (frame.visit.low === frame.visit.index) finish(frame.node, state)
      continue
    }
    const known = state.visits.get(next)
    if (known === undefined) frames.push(begin(next, successors, state))
    else if (known.onStack) frame.visit.low = Math.min(frame.visit.low, known.index)
  }
}

function begin(node: number, successors: Successors, { visits, stack }: Walk): Frame {
  const visit = { index: visits.size, low: visits.size, onStack: true }
  visits.set(node, visit)
  stack.push(node)
  return { node, visit, rest: [...successors(node)].reverse() }
}

function finish(root: number, { visits, stack, found }: Walk): void {
  const component: number[] = []
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const visit = visits.get(node)
    if (visit) visit.onStack = false
    component.push(node)
    if (node === root) break
  }
  found.push(component.reverse())
}
