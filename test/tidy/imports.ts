// The import table of the house: which room may import which, and how it names what it imports.
// Counted as imports: import and export ... from, import(), and new URL('x.ts', import.meta.url),
// which is how a worker is named. Type imports count too: a type of another room is knowledge of
// that room.
// Source: docs/ARCHITECTURE.md, section on the rooms.

import { posix } from 'node:path'
import { type Finding, finding, roomOf, type SourceFile, visit } from './source-file.ts'

/** Room → rooms it may import besides itself. Rooms that are not keys may import anything. */
export const importTable: Readonly<Record<string, readonly string[]>> = {
  proto: [],
  env: ['proto'],
  engine: ['proto'],
  coordinator: ['proto', 'env'],
  'node-agent': ['engine', 'proto', 'env'],
  scenarios: ['proto', 'env', 'engine', 'coordinator', 'node-agent'],
  cli: ['proto', 'env', 'scenarios'],
  dashboard: ['proto'],
}

/**
 * Of proto the engine knows names, units and how a bug is told; nothing that is said over a wire.
 */
const protoFilesOfEngine = ['proto/ids.ts', 'proto/units.ts', 'proto/invariant.ts']

interface Import {
  readonly specifier: string
  readonly offset: number
  readonly typesOnly: boolean
}

function importsOf(file: SourceFile): Import[] {
  const imports: Import[] = []
  const add = (specifier: string, offset: number, typesOnly = false) =>
    imports.push({ specifier, offset, typesOnly })
  visit(file, {
    ImportDeclaration: (n) => add(n.source.value, n.start, n.importKind === 'type'),
    ExportAllDeclaration: (n) => add(n.source.value, n.start, n.exportKind === 'type'),
    ExportNamedDeclaration: (n) => {
      if (n.source) add(n.source.value, n.start, n.exportKind === 'type')
    },
    ImportExpression: (n) => {
      if (n.source.type === 'Literal') add(String(n.source.value), n.start)
    },
    NewExpression: (n) => {
      const [target, base] = n.arguments
      const isUrl = n.callee.type === 'Identifier' && n.callee.name === 'URL' && base !== undefined
      if (isUrl && target?.type === 'Literal' && /\.tsx?$/.test(String(target.value)))
        add(String(target.value), n.start)
    },
  })
  return imports
}

/** The repository path that a specifier names; undefined for packages and `node:` modules. */
function pathOf(file: SourceFile, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1)
  if (!specifier.startsWith('.')) return undefined
  return posix.join(posix.dirname(file.path), specifier)
}

function judge(file: SourceFile, { specifier, typesOnly }: Import): string | undefined {
  const to = pathOf(file, specifier)
  const room = roomOf(file.path)
  const allowed = importTable[room]
  if (to === undefined || allowed === undefined) return undefined
  if (roomOf(to) === room)
    return specifier.startsWith('#') ? `inside ${room}/ import by a relative path` : undefined
  if (!allowed.includes(roomOf(to)))
    return `${room}/ may import ${allowed.join(', ') || 'nothing of ours'}, not ${to}`
  if (!specifier.startsWith('#')) return `across rooms import by #${to}`
  if (room === 'engine' && !protoFilesOfEngine.includes(to))
    return `engine/ may import of proto only ids.ts, units.ts and invariant.ts, not ${to}`
  if (room === 'env' && !typesOnly) return `env/ may import only types of proto, not ${to}`
  return undefined
}

export function importFindings(file: SourceFile): Finding[] {
  return importsOf(file).flatMap((i) => {
    const message = judge(file, i)
    return message === undefined ? [] : [finding(file, i.offset, message)]
  })
}

/** Specifiers of packages and `node:` modules, with their offsets. */
export function outsideImportsOf(file: SourceFile): { specifier: string; offset: number }[] {
  return importsOf(file).filter((i) => pathOf(file, i.specifier) === undefined)
}
