// A device tree as a tree of objects, and its flattened form ("DTB") as a guest gets it.
// Not here: what our machine's tree says (machine-tree.ts).
// Source: Devicetree Specification 0.4, chapter 5 "Flattened Devicetree (DTB) Format", version 17.
// Big-endian.

/** Text, list of texts, 32-bit cells, raw bytes, or `true` for a property without a value. */
export type TreeValue = string | readonly string[] | readonly number[] | Uint8Array | true

export interface TreeNode {
  readonly name: string
  readonly properties: Readonly<Record<string, TreeValue>>
  readonly children?: readonly TreeNode[]
}

const magic = 0xd00d_feed
const formatVersion = 17
const compatibleVersion = 16
const headerBytes = 40
/** One all-zero entry: no memory is reserved. */
const reservationsBytes = 16
const tokens = { beginNode: 1, endNode: 2, property: 3, end: 9 } as const

/** The flattened tree; its length is a multiple of 4. */
export function flatten(root: TreeNode): Uint8Array {
  const strings = new Strings()
  const structure: number[] = []
  putNode(structure, root, strings)
  putCell(structure, tokens.end)
  const text = strings.bytes()
  const structureOffset = headerBytes + reservationsBytes
  const stringsOffset = structureOffset + structure.length
  const totalBytes = (stringsOffset + text.length + 3) & ~3
  const header = [
    magic,
    totalBytes,
    structureOffset,
    stringsOffset,
    headerBytes,
    formatVersion,
    compatibleVersion,
    0, // the hart that boots
    text.length,
    structure.length,
  ]
  const blob = new Uint8Array(totalBytes)
  const view = new DataView(blob.buffer)
  for (const [at, cell] of header.entries()) view.setUint32(4 * at, cell)
  blob.set(structure, structureOffset)
  blob.set(text, stringsOffset)
  return blob
}

function putNode(out: number[], node: TreeNode, strings: Strings): void {
  putCell(out, tokens.beginNode)
  putPadded(out, textBytes(node.name))
  for (const [name, value] of Object.entries(node.properties)) {
    const bytes = valueBytes(value)
    putCell(out, tokens.property)
    putCell(out, bytes.length)
    putCell(out, strings.offsetOf(name))
    putPadded(out, bytes)
  }
  for (const child of node.children ?? []) putNode(out, child, strings)
  putCell(out, tokens.endNode)
}

function valueBytes(value: TreeValue): number[] {
  if (value === true) return []
  if (typeof value === 'string') return textBytes(value)
  if (value instanceof Uint8Array) return [...value]
  const out: number[] = []
  for (const item of value) {
    if (typeof item === 'string') out.push(...textBytes(item))
    else putCell(out, item)
  }
  return out
}

function putCell(out: number[], cell: number): void {
  out.push((cell >>> 24) & 0xff, (cell >>> 16) & 0xff, (cell >>> 8) & 0xff, cell & 0xff)
}

function putPadded(out: number[], bytes: readonly number[]): void {
  out.push(...bytes)
  while (out.length % 4 !== 0) out.push(0)
}

const textBytes = (text: string): number[] => [...new TextEncoder().encode(text), 0]

/** The names of properties, each stored once. */
class Strings {
  readonly #offsets = new Map<string, number>()
  readonly #bytes: number[] = []

  offsetOf(name: string): number {
    const known = this.#offsets.get(name)
    if (known !== undefined) return known
    const offset = this.#bytes.length
    this.#offsets.set(name, offset)
    this.#bytes.push(...textBytes(name))
    return offset
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes)
  }
}
