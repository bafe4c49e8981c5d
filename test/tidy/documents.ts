// What files and documents say of themselves: every file begins with what it is, the architecture
// document names the folders there are, and paths named in documents exist.
// Source: docs/ARCHITECTURE.md, section on habits.

import { posix } from 'node:path'
import { type Finding, finding, isCode, roomOf, type SourceFile } from './source-file.ts'

export const headerLinesMin = 2
export const headerLinesMax = 15

/** Lines of the comment a file begins with (after `#!`), without their comment signs. */
function headerOf(file: SourceFile): string[] {
  const lines = file.lines[0]?.startsWith('#!') ? file.lines.slice(1) : file.lines
  const end = lines.findIndex((line) => !/^(\/\/|\/\*|\s\*|#)/.test(line))
  return lines.slice(0, end === -1 ? lines.length : end).map((l) => l.replace(/^[\s/*#]+/, ''))
}

/** The prose of a header, up to its first empty line, is 2 to 15 lines; what follows is a table. */
export function headerFindings(file: SourceFile): Finding[] {
  const isSubject = isCode(file.path) || /\.(c|h|S|ld|sh)$/.test(file.path)
  if (!isSubject || file.path.endsWith('.test.ts')) return []
  const header = headerOf(file)
  const firstEmpty = header.indexOf('')
  const prose = firstEmpty > 0 ? firstEmpty : header.length
  if (prose > headerLinesMax)
    return [finding(file, 0, `a header of ${prose} lines: the story belongs in docs/`)]
  if (header.length >= headerLinesMin) return []
  return [finding(file, 0, 'begin with a comment: what it is, what it is not, units, source')]
}

/** Folders that the architecture document lists: lines like `| [engine/](../engine) | ... |`. */
export function listedRooms(architecture: string): string[] {
  return [...architecture.matchAll(/^\|\s*`([\w.-]+)\/`\s*\|/gm)].map((match) => match[1] ?? '')
}

export function roomListFindings(files: readonly SourceFile[]): string[] {
  const architecture = files.find((f) => f.path === 'docs/ARCHITECTURE.md')
  if (architecture === undefined) return ['docs/ARCHITECTURE.md is missing']
  const listed = new Set(listedRooms(architecture.text))
  const there = new Set(files.map((f) => roomOf(f.path)).filter((room) => room !== ''))
  return [
    ...[...there].filter((r) => !listed.has(r)).map((r) => `docs/ARCHITECTURE.md leaves out ${r}/`),
    ...[...listed]
      .filter((r) => !there.has(r))
      .map((r) => `docs/ARCHITECTURE.md lists ${r}/: gone`),
  ]
}

interface Mention {
  readonly path: string
  /** Something the file is said to contain. */
  readonly name?: string | undefined
  readonly offset: number
}

/** Paths in backticks that begin with a room: `engine/pcpu.ts`, or `engine/pcpu.ts#name`. */
function quotedPaths(file: SourceFile, rooms: ReadonlySet<string>): Mention[] {
  const quoted = /`([\w.@-]+(?:\/[\w.@-]+)+\.(?:ts|tsx|mjs|c|md|yaml|yml))(?:#(\w+))?`/g
  return [...file.text.matchAll(quoted)]
    .map((match) => ({ path: match[1] ?? '', name: match[2], offset: match.index }))
    .filter(({ path }) => rooms.has(roomOf(path)))
}

/** Targets of links within the repository, less their `#section`. */
function linkedPaths(file: SourceFile): Mention[] {
  return [...file.text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)[^)]*\)/g)].map((match) => ({
    path: posix.join(posix.dirname(file.path), match[1] ?? '').replace(/\/$/, ''),
    offset: match.index,
  }))
}

/** What documents name must exist: a file, a name in it, or in a link a folder too. */
export function deadPathFindings(files: readonly SourceFile[]): Finding[] {
  const paths = new Set(files.flatMap((f) => ancestorsOf(f.path)))
  const rooms = new Set(files.map((f) => roomOf(f.path)))
  const texts = new Map(files.map((f) => [f.path, f.text]))
  const judge = ({ path, name }: Mention) => {
    if (!paths.has(path)) return `${path} does not exist`
    const isThere = name === undefined || new RegExp(`\\b${name}\\b`).test(texts.get(path) ?? '')
    return isThere ? undefined : `${path} has no ${name}`
  }
  return files
    .filter((f) => f.path.endsWith('.md'))
    .flatMap((file) =>
      [...quotedPaths(file, rooms), ...linkedPaths(file)].flatMap((mention) => {
        const message = judge(mention)
        return message === undefined ? [] : [finding(file, mention.offset, message)]
      }),
    )
}

/** `a/b/c` → `a`, `a/b`, `a/b/c`. */
function ancestorsOf(path: string): string[] {
  return path.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'))
}
