// A YAML file that remembers where each of its values was written, so that a mistake can be pointed
// at. `<<: *anchor` merges a map into another, as in compose files (YAML 1.1). Not here: what the
// values mean. Lines and columns count from 1.

import {
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
} from 'yaml'

export type YamlPath = readonly PropertyKey[]

/** What is wrong, where. `file:line:column: message` is how editors and terminals find it. */
export interface Mistake {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

export const mistakeText = ({ file, line, column, message }: Mistake): string =>
  `${file}:${line}:${column}: ${message}`

export interface YamlText {
  readonly value: unknown
  /**
   * A mistake at a value; with `key`, at that key of it; at what encloses it when it is not
   * written.
   */
  mistakeAt(path: YamlPath, message: string, key?: string): Mistake
}

/** A scenario is written by hand: longer is another file by mistake. */
const charactersMax = 1 << 20
/** Anchors and aliases are for a few repeated lines; nested, they grow beyond all memory. */
const aliasesMax = 100

export function parseYaml(text: string, file: string): YamlText | { mistakes: Mistake[] } {
  if (text.length > charactersMax) {
    return { mistakes: [{ file, line: 1, column: 1, message: 'this is too long for a scenario' }] }
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
  const mistake = (offset: number, message: string): Mistake => {
    const { line, col } = lines.linePos(offset)
    return { file, line, column: col, message }
  }
  if (document.errors.length > 0) {
    return { mistakes: document.errors.map((e) => mistake(e.pos[0], firstLine(e.message))) }
  }
  try {
    return {
      value: document.toJS({ maxAliasCount: aliasesMax }),
      mistakeAt: (path, message, key) => mistake(offsetOf(document, path, key), message),
    }
  } catch (thrown) {
    // An alias without an anchor, or so many that the file is a bomb: found only when it is
    // unfolded.
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    return { mistakes: [mistake(firstUnfoldable(document), firstLine(message))] }
  }
}

/** Where the value at `path` begins, or the nearest enclosing value that is written. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: YamlPath, key?: string) {
  for (let length = path.length; length >= 0; length--) {
    const value: unknown =
      length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    if (!isNode(value)) continue
    const written = length === path.length ? keyOf(value, key) : undefined
    const start = written ?? value.range?.[0]
    if (start !== undefined) return start
  }
  return 0
}

/** The first alias without an anchor, or `<<` of what is no map; of a bomb, the beginning. */
function firstUnfoldable(document: ReturnType<typeof parseDocument>): number {
  let offset = 0
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return undefined
      offset = alias.range?.[0] ?? 0
      return visit.BREAK
    },
    Pair: (_, { key, value }) => {
      if (!isScalar(key) || !isMergeKey(key.value) || !isNode(value)) return undefined
      const isBad = (source: unknown) => !isMap(isAlias(source) ? source.resolve(document) : source)
      const bad = isSeq(value) ? value.items.find(isBad) : isBad(value) ? value : undefined
      if (!isNode(bad)) return undefined
      offset = bad.range?.[0] ?? 0
      return visit.BREAK
    },
  })
  return offset
}

function keyOf(value: unknown, key: string | undefined): number | undefined {
  if (key === undefined || !isMap(value)) return undefined
  const pair = value.items.find((item) => isPair(item) && isNode(item.key) && `${item.key}` === key)
  return pair && isNode(pair.key) ? pair.key.range?.[0] : undefined
}

/** The reader has made a symbol of it. */
const isMergeKey = (key: unknown): boolean => key === '<<' || typeof key === 'symbol'

const firstLine = (text: string): string => text.split('\n')[0] ?? text
