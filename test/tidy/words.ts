// Words: file names that say nothing, names that the glossary banned, unit-less durations, notes to
// self, unexplained skipped tests, and names of places that only one machine or network has.
// Each rule looks at one file. Source: docs/GLOSSARY.md, and the habits in docs/ARCHITECTURE.md.

import { type Finding, finding, isCode, type SourceFile, visit } from './source-file.ts'

const emptyNames = ['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'manager', 'service']

/** Declared name → the glossary's word. Only spellings that can mean nothing else in this house. */
const bannedIdentifiers: readonly (readonly [RegExp, string])[] = [
  [/hypervisor/i, 'node'],
  [/vmInstance|instanceOfVm/i, 'vm'],
  [/(source|dest(ination)?|target|peer)(Host|Server)/i, 'source or destination node'],
  [/target(Node|Vm|Agent|Host)/i, 'destination'],
  [/(lease|vm|start)(Term|Generation)/i, 'epoch'],
  [/migration(Iteration|Pass)|dirtyIteration/i, 'round'],
  [/(utils?|helpers?)$/i, 'the noun it is about'],
]

const unitless = /^(timeout|delay|interval|duration|latency|ttl|deadline|elapsed)$/

// Put together from parts, so that this file does not name them itself.
const dot = '.'
const placesOfOneMachine = [
  ['registry', 'npmjs', 'org'].join(dot),
  ['npm', 'pkg', 'github', 'com'].join(dot),
  ['pypi', 'org'].join(dot),
  ['files', 'pythonhosted', 'org'].join(dot),
  ['deb', 'debian', 'org'].join(dot),
  ['static', 'crates', 'io'].join(dot),
  ['proxy', 'golang', 'org'].join(dot),
  ['', 'work', 'main'].join('/'),
  ['', 'work', 'shared'].join('/'),
  ['', 'root', ''].join('/'),
]
const noteToSelf = new RegExp(
  `\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`,
)

/** Findings for every line that `judge` has something to say about. */
function byLine(file: SourceFile, judge: (text: string, i: number) => string | undefined) {
  return file.lines.flatMap((text, i): Finding[] => {
    const message = judge(text, i)
    return message === undefined ? [] : [{ path: file.path, line: i + 1, message }]
  })
}

export function fileNameFindings(file: SourceFile): Finding[] {
  const words = file.path.split(/[/._-]/)
  const empty = words.find((word) => emptyNames.includes(word))
  if (empty === undefined) return []
  return [finding(file, 0, `'${empty}' says nothing: name the file by the noun it is about`)]
}

export function identifierFindings(file: SourceFile): Finding[] {
  const findings: Finding[] = []
  const check = (name: string, offset: number) => {
    const banned = bannedIdentifiers.find(([pattern]) => pattern.test(name))
    if (banned !== undefined) findings.push(finding(file, offset, `${name}: say ${banned[1]}`))
  }
  visit(file, {
    VariableDeclarator: (n) => n.id.type === 'Identifier' && check(n.id.name, n.id.start),
    FunctionDeclaration: (n) => n.id && check(n.id.name, n.start),
    ClassDeclaration: (n) => n.id && check(n.id.name, n.start),
    TSInterfaceDeclaration: (n) => check(n.id.name, n.start),
    TSTypeAliasDeclaration: (n) => check(n.id.name, n.start),
    TSPropertySignature: (n) => n.key.type === 'Identifier' && check(n.key.name, n.start),
  })
  return findings
}

/** A number called `timeout` may be anything; `timeoutMs` is one thing. */
export function unitFindings(file: SourceFile): Finding[] {
  const findings: Finding[] = []
  const check = (name: string, annotation: string | undefined, offset: number) => {
    if (annotation === 'TSNumberKeyword' && unitless.test(name))
      findings.push(finding(file, offset, `${name}: number has no unit: say ${name}Ms`))
  }
  visit(file, {
    Identifier: (n) => check(n.name, n.typeAnnotation?.typeAnnotation.type, n.start),
    TSPropertySignature: (n) => {
      if (n.key.type === 'Identifier')
        check(n.key.name, n.typeAnnotation?.typeAnnotation.type, n.start)
    },
  })
  return findings
}

export function noteFindings(file: SourceFile): Finding[] {
  if (!isCode(file.path)) return []
  return byLine(file, (text) => {
    const note = noteToSelf.exec(text)?.[0]
    return note === undefined
      ? undefined
      : `${note}: do it, or open an issue; the code holds no notes`
  })
}

/** `.only` hides all other tests; `.skip` and `.todo` need a reason on the line above. */
export function skippedTestFindings(file: SourceFile): Finding[] {
  if (!file.path.endsWith('.test.ts')) return []
  return byLine(file, (text, i) => {
    if (/\b(test|it|describe)(\.\w+)*\.only\b/.test(text)) return '.only hides every other test'
    const skips = /\b(test|it|describe)(\.\w+)*\.(skip|todo|fails)\b/.test(text)
    const hasReason = file.lines[i - 1]?.trim().startsWith('// skipped:') === true
    return skips && !hasReason ? "say why on the line above: '// skipped: reason'" : undefined
  })
}

export function placeFindings(file: SourceFile): Finding[] {
  return byLine(file, (text) => {
    const place = placesOfOneMachine.find((p) => text.includes(p))
    return place === undefined
      ? undefined
      : `${place} is a place of one machine or network: leave it out`
  })
}
