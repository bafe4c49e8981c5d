// Pure core, thin shell: who may touch the clock, the dice, the network and the file system, and
// who may not even wait. Everything outside the shell files takes them from env/env.ts.
// Source: docs/decisions/0001-pure-core-thin-shell.md.

import { outsideImportsOf } from './imports.ts'
import { type Finding, finding, roomOf, type SourceFile, visit } from './source-file.ts'

/** Rooms that run in Node or a browser as pure logic; the rest (tools, tests, benches) is shell. */
const pureRooms = ['proto', 'env', 'engine', 'coordinator', 'node-agent', 'scenarios']

/** Shell files within the pure rooms. */
const shellPatterns: readonly RegExp[] = [
  /^[a-z-]+\/(main|process)\.ts$/,
  /^env\/real\.ts$/,
  /^env\/real\//,
  /^node-agent\/pcpu-(worker|thread)\.ts$/,
  /^[a-z-]+\/shell\//,
  /^scenarios\/sim\/(node-platform|turns)\.ts$/,
  /^scenarios\/local\//,
  /^scenarios\/compose\//,
  /^scenarios\/container\/(?!laboratory\.ts|keeper-wire\.ts)/,
]

/** State machines that are stepped: no waiting in them at all. */
const steppedPatterns: readonly RegExp[] = [
  /^coordinator\/core\//,
  /^node-agent\/(lease|desk|desk-state|held-vms|admission)\.ts$/,
  /^node-agent\/migration\/source(-state|-rounds|-end|-serving)?\.ts$/,
  /^node-agent\/migration\/(destination|plan)\.ts$/,
  /^proto\/pre-copy\//,
]

/** What is banned outside the shells → what to take instead. */
const bannedCalls: Readonly<Record<string, string>> = {
  'Date.now': 'Clock.wallMs() or, for durations, Clock.nowMs()',
  'performance.now': 'Clock.nowMs()',
  'process.hrtime': 'Clock.nowMs()',
  'Math.random': 'Random.float() or Random.below(n)',
  'crypto.randomUUID': 'Random.bytes(16)',
  'crypto.getRandomValues': 'Random.bytes(n)',
  setTimeout: 'Clock.wakeAt(atMs, fn)',
  setInterval: 'Clock.wakeAt(atMs, fn), set again each time',
  setImmediate: 'Clock.wakeAt(nowMs, fn)',
}

export function isShell(path: string): boolean {
  return !pureRooms.includes(roomOf(path)) || shellPatterns.some((p) => p.test(path))
}

function bannedImports(file: SourceFile): Finding[] {
  return outsideImportsOf(file)
    .filter(({ specifier }) => specifier.startsWith('node:') || specifier === 'ws')
    .map(({ specifier, offset }) =>
      finding(file, offset, `no '${specifier}' outside the shell files: take a port of env/env.ts`),
    )
}

/** `a.b` for a plain member, `a` for an identifier, without a leading globalThis. */
function nameOf(text: string): string {
  return text
    .replace(/\s/g, '')
    .replace(/^globalThis\./, '')
    .replace('?.', '.')
}

export function shellFindings(file: SourceFile): Finding[] {
  if (isShell(file.path)) return []
  const findings = bannedImports(file)
  const check = (name: string, offset: number) => {
    const instead = Object.hasOwn(bannedCalls, name) ? bannedCalls[name] : undefined
    if (instead !== undefined) findings.push(finding(file, offset, `no ${name}: use ${instead}`))
  }
  visit(file, {
    MemberExpression: (n) => check(nameOf(file.text.slice(n.start, n.end)), n.start),
    CallExpression: (n) => {
      if (n.callee.type === 'Identifier') check(n.callee.name, n.start)
    },
    NewExpression: (n) => {
      const isDate = n.callee.type === 'Identifier' && n.callee.name === 'Date'
      if (isDate && n.arguments.length === 0) check('Date.now', n.start)
    },
  })
  return findings
}

export function steppedFindings(file: SourceFile): Finding[] {
  if (!steppedPatterns.some((p) => p.test(file.path))) return []
  const findings: Finding[] = []
  const message =
    'a stepped state machine does not wait: return an effect, take its result as an input'
  const refuse = (start: number) => findings.push(finding(file, start, message))
  visit(file, {
    AwaitExpression: (n) => refuse(n.start),
    FunctionDeclaration: (n) => n.async && refuse(n.start),
    FunctionExpression: (n) => n.async && refuse(n.start),
    ArrowFunctionExpression: (n) => n.async && refuse(n.start),
    NewExpression: (n) => {
      if (n.callee.type === 'Identifier' && n.callee.name === 'Promise') refuse(n.start)
    },
  })
  return findings
}
