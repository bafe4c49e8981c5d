// Modules as they are written, byte by byte: whatever is in one, WebAssembly takes it, and
// constants are what they were said to be. Here functions are called that are no regions, with
// dummies around.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { importedNames, moduleBytes } from '#engine/translator/region-module.ts'
import { Label, type ValueType, valueType, WasmCode } from '#engine/translator/wasm-code.ts'
import { op } from '#engine/translator/wasm-opcodes.ts'

/** Parameters of every such function. */
const [entryPoint, left, pc] = [0, 1, 2]
const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
const table = new WebAssembly.Table({ initial: 1, element: 'anyfunc' })
const core = Object.fromEntries(importedNames.map((name) => [name, () => 0]))

type Region = (entryPoint: number, left: number, pc: bigint) => number

function built(write: (code: WasmCode) => void, locals: readonly ValueType[] = []): Region {
  const code = new WasmCode()
  write(code)
  const module = new WebAssembly.Module(moduleBytes(code, locals))
  const { exports } = new WebAssembly.Instance(module, { env: { memory, table }, core })
  return Object.values(exports)[0] as Region
}

const edges = [63, 64, 127, 128, 8191, 8192, 2 ** 20, 2 ** 27, 2 ** 31 - 1, 2 ** 31, 2 ** 32]
const aroundEdges = edges.flatMap((edge) => [edge - 1, edge, -edge - 1, -edge, 1 - edge])

describe('a constant', () => {
  const i32 = (value: number) => built((code) => code.i32(value))(0, 0, 0n)
  const i64 = (value: number) =>
    built((code) => {
      code.i64(value)
      code.get(pc)
      code.emit(op.i64_eq)
    })(0, 0, BigInt(value))

  test.each([0, ...aroundEdges])('of %d is that number', (value) => {
    expect(i32(value)).toBe(value | 0)
    expect(i64(value)).toBe(1)
  })
  test('law: of any number is that number', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(i32(value)).toBe(value | 0)
        expect(i64(value)).toBe(1)
      }),
      { numRuns: 300 },
    )
  })
})

test('locals beyond one byte of numbering are there, of either type', () => {
  const locals = Array.from({ length: 300 }, (_, n) => (n % 3 ? valueType.i64 : valueType.i32))
  const region = built((code) => {
    for (let n = 0; n < locals.length; n++) {
      if (locals[n] === valueType.i32) code.get(left)
      else code.get(pc)
      code.set(3 + n)
    }
    code.get(3 + 297)
  }, locals)
  expect(region(0, 77, 5n)).toBe(77)
})

test('a table of branches leads each number to its label, and all others to the last', () => {
  const cases = 300
  const region = built((code) => {
    const labels = Array.from({ length: cases }, () => new Label())
    const otherwise = new Label()
    code.block(otherwise)
    for (const label of labels) code.block(label)
    code.get(entryPoint)
    code.brTable(labels, otherwise)
    for (const [n] of [...labels].reverse().entries()) {
      code.end()
      code.i32(cases - 1 - n)
      code.emit(op.return)
    }
    code.end()
    code.i32(-1)
  })
  for (const n of [0, 1, 127, 128, 299]) expect(region(n, 0, 0n)).toBe(n)
  expect(region(cases, 0, 0n)).toBe(-1)
})

test('a branch out of many blocks ends the right one', () => {
  const region = built((code) => {
    const labels = Array.from({ length: 200 }, () => new Label())
    for (const label of labels) code.block(label)
    code.br(labels[50] ?? new Label())
    for (let n = labels.length - 1; n >= 0; n--) {
      code.end()
      if (n > 50) {
        code.i32(0)
        code.emit(op.return)
      } else if (n === 50) {
        code.i32(1)
        code.emit(op.return)
      }
    }
    code.i32(2)
  })
  expect(region(0, 0, 0n)).toBe(1)
})

test('a branch to a label that is not open is a bug', () => {
  const code = new WasmCode()
  const label = new Label()
  expect(() => code.br(label)).toThrow(/not open/)
  code.block(label)
  code.end()
  expect(() => code.br(label)).toThrow(/not open/)
})

/** Statements that leave nothing on the stack, and between them branches to what is open. */
type Statement =
  | { readonly kind: 'block' | 'loop' | 'if'; readonly body: readonly Statement[] }
  | { readonly kind: 'branch'; readonly to: number; readonly isUnlikely: boolean }
  | { readonly kind: 'set' | 'store' | 'call'; readonly value: number }

const statements = fc.letrec<{ list: Statement[]; one: Statement }>((tie) => ({
  list: fc.array(tie('one'), { maxLength: 6, depthIdentifier: 'nesting' }),
  one: fc.oneof(
    { depthSize: 'medium', depthIdentifier: 'nesting', withCrossShrink: true },
    fc.record({ kind: fc.constantFrom('set', 'store', 'call'), value: fc.integer() }),
    fc.record({ kind: fc.constant('branch'), to: fc.nat(30), isUnlikely: fc.boolean() }),
    fc.record({ kind: fc.constantFrom('block', 'loop', 'if'), body: tie('list') }),
  ) as fc.Arbitrary<Statement>,
})).list

function emit(code: WasmCode, open: readonly Label[], statement: Statement): void {
  if (statement.kind === 'branch') {
    const label = open[statement.to % Math.max(1, open.length)]
    if (label === undefined) return
    code.get(left)
    if (statement.isUnlikely) code.brIfUnlikely(label)
    else code.brIf(label)
  } else if ('body' in statement) {
    emitNested(code, open, statement)
  } else {
    code.i32(0)
    code.i64(statement.value)
    if (statement.kind === 'store') code.memory(op.i64_store, statement.value & 0xfff8)
    else if (statement.kind === 'set') code.emit(op.drop, op.drop)
    else {
      code.emit(op.i32_wrap)
      code.call(importedNames.indexOf('executeAtomic'))
      code.emit(op.drop)
    }
  }
}

function emitNested(
  code: WasmCode,
  open: readonly Label[],
  { kind, body }: Statement & { body: readonly Statement[] },
): void {
  const label = new Label()
  if (kind === 'block') code.block(label)
  else if (kind === 'loop') code.loop(label)
  else {
    code.get(left)
    code.ifUnlikely()
  }
  const inside = kind === 'if' ? open : [...open, label]
  for (const statement of body) emit(code, inside, statement)
  code.end()
}

test('law: whatever well-formed code is written, WebAssembly takes the module', () => {
  fc.assert(
    fc.property(statements, (list) => {
      const code = new WasmCode()
      for (const statement of list) emit(code, [], statement)
      code.get(left)
      expect(WebAssembly.validate(moduleBytes(code, [valueType.i64]))).toBe(true)
    }),
    { numRuns: 400 },
  )
})
