// A file of the repository as the tidy rules see it: its text, its lines and, for code, its parsed
// tree. The parser is the one inside vite (oxc), since TypeScript 7 has no JavaScript API.
// Not here: any rule. Line numbers count from 1, offsets are characters of the text.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ESTree, parseSync, Visitor, type VisitorObject } from 'vite'

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  /**
   * Absent for what is not JavaScript or TypeScript, or does not parse (AssemblyScript's dialect).
   */
  readonly program?: ESTree.Program
}

/** One breach of one rule. `message` says what to do instead. */
export interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url))

const codePattern = /\.(ts|tsx|mts|mjs|js)$/
const binaryPattern = /\.(bin|elf|png|gz|wasm|ico)$/

export const isCode = (path: string): boolean => codePattern.test(path)

export function sourceFile(path: string, text: string): SourceFile {
  const lines = text.split('\n')
  if (!isCode(path)) return { path, text, lines }
  const parsed = parseSync(path, text, { sourceType: 'module' })
  if (parsed.errors.length > 0) return { path, text, lines }
  return { path, text, lines, program: parsed.program }
}

/** Every text file that git knows or would add; what is ignored is not ours to judge. */
export function repositoryFiles(): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: repositoryRoot,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  const paths = [...new Set(listed.split('\0'))].filter((path) => path !== '')
  return paths
    .filter((path) => !binaryPattern.test(path) && path !== 'package-lock.json')
    .filter((path) => existsSync(join(repositoryRoot, path)))
    .map((path) => sourceFile(path, readFileSync(join(repositoryRoot, path), 'utf8')))
}

/** The room of a path is its top-level folder; files of the root have the room ''. */
export function roomOf(path: string): string {
  const slash = path.indexOf('/')
  return slash === -1 ? '' : path.slice(0, slash)
}

export function lineOf(file: SourceFile, offset: number): number {
  let line = 1
  for (let at = file.text.indexOf('\n'); at !== -1 && at < offset; line++) {
    at = file.text.indexOf('\n', at + 1)
  }
  return line
}

/** Walks the tree, if there is one. */
export function visit(file: SourceFile, visitors: VisitorObject): void {
  if (file.program !== undefined) new Visitor(visitors).visit(file.program)
}

export const finding = (file: SourceFile, offset: number, message: string): Finding => ({
  path: file.path,
  line: lineOf(file, offset),
  message,
})
