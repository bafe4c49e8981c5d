// How long things may be: files 400 lines, functions 40, lines 100 columns (120 with a sentence).
// A function's length is its own: lines of functions inside it count for those, so a closure over
// small functions is judged by them. Rows of a data table count for nothing: from a comment line
// `// tidy: data table` to the line that closes the bracket, at the comment's own indentation.
// Offenders that were there before the rule are listed with their size, and may only shrink.

import type { ESTree } from 'vite'
import { type Finding, isCode, lineOf, type SourceFile, visit } from './source-file.ts'

export const fileLinesMax = 400
export const functionLinesMax = 40
export const columnsMax = 100
/** With a string in it that has spaces: a sentence. */
export const sentenceColumnsMax = 120
export const tableMarker = '// tidy: data table'

/** `path` or `path#function` → its lines when it was listed. */
export type Legacy = Readonly<Record<string, number>>

type FunctionNode = ESTree.Function | ESTree.ArrowFunctionExpression

/** A file (`#name` absent) or function, with the lines that count. */
interface Measured {
  readonly key: string
  readonly line: number
  readonly lines: number
  readonly max: number
}

/** Line numbers of the rows of data tables. */
function tableRows(file: SourceFile): Set<number> {
  const rows = new Set<number>()
  let indentation: string | undefined
  file.lines.forEach((text, i) => {
    const at = text.search(/\S|$/)
    if (text.trim().startsWith(tableMarker)) indentation = ' '.repeat(at)
    if (indentation === undefined) return
    rows.add(i + 1)
    if (at === indentation.length && /^\s*[\]})]/.test(text)) indentation = undefined
  })
  return rows
}

/** Start of a function → what it is called, by itself or by what holds it. */
function functionNames(file: SourceFile): Map<number, string> {
  const names = new Map<number, string>()
  const text = (node: { start: number; end: number }) => file.text.slice(node.start, node.end)
  visit(file, {
    FunctionDeclaration: (n) => void (n.id && names.set(n.start, n.id.name)),
    VariableDeclarator: (n) =>
      void (n.init && n.id.type === 'Identifier' && names.set(n.init.start, n.id.name)),
    MethodDefinition: (n) => void names.set(n.value.start, text(n.key)),
    Property: (n) => void names.set(n.value.start, text(n.key)),
  })
  return names
}

function measureFunctions(file: SourceFile, rows: ReadonlySet<number>): Measured[] {
  const open: { start: number; innerLines: number }[] = []
  const measured: Measured[] = []
  const names = functionNames(file)
  const enter = (node: FunctionNode) => void open.push({ start: node.start, innerLines: 0 })
  const leave = (node: FunctionNode) => {
    const { start, innerLines } = open.pop() ?? { start: node.start, innerLines: 0 }
    const [first, last] = [lineOf(file, start), lineOf(file, node.end)]
    const inTables = [...rows].filter((row) => row >= first && row <= last).length
    const lines = last - first + 1 - inTables
    const outer = open.at(-1)
    // The first line of an inner function is the outer one's too.
    if (outer !== undefined) outer.innerLines += Math.max(0, lines - 1)
    const key = `${file.path}#${names.get(start) ?? '(anonymous)'}`
    measured.push({ key, line: first, lines: lines - innerLines, max: functionLinesMax })
  }
  visit(file, {
    FunctionDeclaration: enter,
    'FunctionDeclaration:exit': leave,
    FunctionExpression: enter,
    'FunctionExpression:exit': leave,
    ArrowFunctionExpression: enter,
    'ArrowFunctionExpression:exit': leave,
  })
  return measured
}

function measure(file: SourceFile): Measured[] {
  const rows = tableRows(file)
  const lines = file.text.trimEnd().split('\n').length - rows.size
  return [{ key: file.path, line: 1, lines, max: fileLinesMax }, ...measureFunctions(file, rows)]
}

/** A sentence for a person is not broken in two to fit, so that it can be searched for. */
const lessSentence = (text: string) => text.replace(/(['"`])[^'"`]* [^'"`]*\1/, '')

function columnFindings(file: SourceFile): Finding[] {
  const rows = tableRows(file)
  return file.lines.flatMap((text, i) => {
    const line = i + 1
    const isCalm = text.length <= sentenceColumnsMax && lessSentence(text).length <= columnsMax
    if (text.length <= columnsMax || isCalm || rows.has(line)) return []
    const message = `${text.length} columns, ${columnsMax} are allowed: break the line`
    return [{ path: file.path, line, message }]
  })
}

export function sizeFindings(file: SourceFile, legacy: Legacy = {}): Finding[] {
  if (!isCode(file.path)) return []
  const tooLong = measure(file).filter((m) => m.lines > (legacy[m.key] ?? m.max))
  const findings = tooLong.map(({ key, line, lines, max }) => {
    const listed = legacy[key]
    const was = listed === undefined ? '' : ` (${listed} when listed; it may only shrink)`
    const message = `${key} has ${lines} lines, ${max} are allowed${was}: split it by its nouns`
    return { path: file.path, line, message }
  })
  return findings.concat(columnFindings(file))
}

/**
 * Entries of the legacy list that promise more than they have, so that it shrinks with the code.
 */
export function staleLegacy(files: readonly SourceFile[], legacy: Legacy): string[] {
  const longest = new Map<string, number>()
  for (const m of files.filter((f) => isCode(f.path)).flatMap(measure))
    longest.set(m.key, Math.max(m.lines, longest.get(m.key) ?? 0))
  return Object.entries(legacy)
    .filter(([key, listed]) => (longest.get(key) ?? 0) < listed)
    .map(([key, listed]) => `${key}: listed with ${listed}, has ${longest.get(key) ?? 0} now`)
}
