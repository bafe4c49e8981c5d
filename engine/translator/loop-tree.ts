// How the loops of a control-flow graph nest: what structured code (WebAssembly has no goto) is
// made of. Strongly connected components become loops; inside each, without the edges back to its
// heads, the same again. A loop with several heads is one that can be entered in several places.
// Source: Tarjan, "Depth-First Search and Linear Graph Algorithms", SIAM J. Comput. 1, 1972;
// nesting as in Steensgaard, "Sequentializing Program Dependence Graphs", 1993. A graph here is a
// list of nodes (numbers) and their successors; inside, nodes are numbered from 0 on.

export type Successors = (node: number) => readonly number[]

export type TreeItem =
  | { readonly kind: 'node'; readonly node: number }
  | { readonly kind: 'loop'; readonly heads: readonly number[]; readonly body: readonly TreeItem[] }

/**
 * In an order in which every edge that does not lead to a loop's head goes forward. `root`, where
 * it is in a loop, is its only head. Loops in loops are looked for `levels` deep; what is deeper is
 * the body of a loop as it comes.
 */
export function loopTree(
  nodes: readonly number[],
  successors: Successors,
  root: number,
  levels = Infinity,
): TreeItem[] {
  const numbers = new Map<number, number>()
  for (const node of nodes) numbers.set(node, numbers.size)
  const edges = nodes.map((node) => {
    const leadsTo: number[] = []
    for (const next of successors(node)) {
      const number = numbers.get(next)
      if (number !== undefined) leadsTo.push(number)
    }
    return leadsTo
  })
  return new Nesting(nodes, edges, numbers.get(root) ?? 0).tree(levels)
}

interface Component {
  readonly members: number[]
  /** Members that edges from outside lead to, or the root. */
  readonly heads: number[]
}

class Nesting {
  readonly #names: readonly number[]
  readonly #edges: readonly (readonly number[])[]
  readonly #root: number
  /** Which loop's body a node was last found in: edges that lead out of that are not followed... */
  readonly #body: Int32Array
  /** ...nor those back to the head of a loop around. */
  readonly #isHead: Uint8Array
  /** When the walk came to a node, from 1 on; the first of all that it leads back to. */
  readonly #visit: Int32Array
  readonly #low: Int32Array
  readonly #isOpen: Uint8Array
  /** Where in its component's list; only while one body is looked at. */
  readonly #component: Int32Array
  #bodies = 0
  #visits = 0

  constructor(names: readonly number[], edges: readonly (readonly number[])[], root: number) {
    this.#names = names
    this.#edges = edges
    this.#root = root
    const count = names.length
    this.#body = new Int32Array(count)
    this.#isHead = new Uint8Array(count)
    this.#visit = new Int32Array(count)
    this.#low = new Int32Array(count)
    this.#isOpen = new Uint8Array(count)
    this.#component = new Int32Array(count)
  }

  tree(levels: number): TreeItem[] {
    return this.#items([...this.#names.keys()], levels)
  }

  #items(nodes: readonly number[], levels: number): TreeItem[] {
    const name = (node: number) => this.#names[node] as number
    if (levels === 0) return nodes.map((node) => ({ kind: 'node', node: name(node) }))
    return this.#components(nodes).map(({ members, heads }): TreeItem => {
      const [first = 0] = members
      if (heads.length === 0) return { kind: 'node', node: name(first) }
      for (const head of heads) this.#isHead[head] = 1
      return { kind: 'loop', heads: heads.map(name), body: this.#items(members, levels - 1) }
    })
  }

  /** In topological order. What is no loop has no heads. */
  #components(nodes: readonly number[]): Component[] {
    const body = ++this.#bodies
    for (const node of nodes) {
      this.#body[node] = body
      this.#visit[node] = 0
    }
    const found: number[][] = []
    const open: number[] = []
    for (const node of nodes) if (this.#visit[node] === 0) this.#walk(node, open, found)
    const components = found.reverse().map((members, i): Component => {
      for (const member of members) this.#component[member] = i
      return { members, heads: [] }
    })
    this.#findHeads(nodes, components)
    return components
  }

  #isFollowed(from: number, to: number): boolean {
    return this.#body[to] === this.#body[from] && this.#isHead[to] === 0
  }

  #findHeads(nodes: readonly number[], components: readonly Component[]): void {
    const isEntered = new Set<number>()
    for (const node of nodes) {
      for (const next of this.#edges[node] ?? []) {
        const into = this.#component[next] as number
        if (!this.#isFollowed(node, next) || this.#component[node] === into) continue
        if (isEntered.has(next)) continue
        isEntered.add(next)
        components[into]?.heads.push(next)
      }
    }
    for (const { members, heads } of components) {
      const [first = 0] = members
      if (!this.#isLoop(members)) heads.length = 0
      else if (members.includes(this.#root)) heads.splice(0, heads.length, this.#root)
      else if (heads.length === 0) heads.push(first)
    }
  }

  #isLoop([first = 0, ...others]: readonly number[]): boolean {
    if (others.length > 0) return true
    return (this.#edges[first] ?? []).some(
      (next) => next === first && this.#isFollowed(first, next),
    )
  }

  /** Without recursion: graphs may be deep. */
  #walk(start: number, open: number[], found: number[][]): void {
    const path = [this.#begin(start, open)]
    const taken = [0]
    for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
      const top = taken.length - 1
      const turn = taken[top] as number
      taken[top] = turn + 1
      const next = this.#edges[node]?.[turn]
      if (next === undefined) {
        path.pop()
        taken.pop()
        const parent = path.at(-1)
        if (parent !== undefined) this.#lower(parent, this.#low[node] as number)
        if (this.#low[node] === this.#visit[node]) found.push(this.#finish(node, open))
      } else if (this.#isFollowed(node, next) && this.#visit[next] === 0) {
        path.push(this.#begin(next, open))
        taken.push(0)
      } else if (this.#isFollowed(node, next) && this.#isOpen[next] === 1) {
        this.#lower(node, this.#visit[next] as number)
      }
    }
  }

  #lower(node: number, to: number): void {
    if (to < (this.#low[node] as number)) this.#low[node] = to
  }

  #begin(node: number, open: number[]): number {
    this.#visit[node] = this.#low[node] = ++this.#visits
    this.#isOpen[node] = 1
    open.push(node)
    return node
  }

  /** All that was opened since. */
  #finish(root: number, open: number[]): number[] {
    const component = open.splice(open.lastIndexOf(root))
    for (const node of component) this.#isOpen[node] = 0
    return component
  }
}
