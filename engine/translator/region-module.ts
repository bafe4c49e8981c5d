// A WebAssembly module around one function: a region's code, with what it imports.
// Source: WebAssembly Core Specification 2.0, section 5.5 "Modules"; branch hints: the custom
// section of the proposal "Branch Hinting".

import { type ValueType, valueType, type WasmCode } from './wasm-code.ts'

/** `(entryPoint: i32, left: i32, pc: i64) -> i32`: how regions are called, and call each other. */
export const regionType = 0

const { i32, i64, f32, f64 } = valueType
interface Signature {
  readonly parameters: readonly ValueType[]
  readonly results: readonly ValueType[]
}
/** Exports of core.wasm that a region calls, in the order of their function indices. */
const imported = {
  slowLoad: { parameters: [i64, i32, i32], results: [i32] },
  slowStore: { parameters: [i64, i64, i32, i32], results: [i32] },
  executeAtomic: { parameters: [i32, i32], results: [i32] },
  executeSystem: { parameters: [i32], results: [i32] },
  executeFloat: { parameters: [i32], results: [i32] },
  multiplyHigh: { parameters: [i64, i64], results: [i64] },
  multiplyHighMixed: { parameters: [i64, i64], results: [i64] },
  multiplyHighUnsigned: { parameters: [i64, i64], results: [i64] },
  orCombineBytes: { parameters: [i64], results: [i64] },
  reverseBytes: { parameters: [i64], results: [i64] },
  fuseDoubles: { parameters: [f64, f64, f64], results: [f64] },
  fuseSingles: { parameters: [f32, f32, f32], results: [f32] },
} as const satisfies Record<string, Signature>
export type ImportedName = keyof typeof imported
export const importedNames = Object.keys(imported) as ImportedName[]
export const importedIndex = Object.fromEntries(
  importedNames.map((name, index) => [name, index]),
) as Record<ImportedName, number>

const sections = { custom: 0, type: 1, import: 2, function: 3, export: 7, code: 10 } as const
const kinds = { function: 0, table: 1, memory: 2 } as const
const functionForm = 0x60
const funcref = 0x70
const memoryPagesMax = 65536
const end = 0x0b
const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

/** The parameters come before `locals`. */
export function moduleBytes(code: WasmCode, locals: readonly ValueType[]): Uint8Array {
  const declared = localDeclarations(locals)
  const bodyBytes = declared.length + code.bytes.length + 1
  const codeHead = [1, ...unsigned(bodyBytes), ...declared]
  const hints = hintSection(code.unlikely, declared.length)
  const codeSection = [
    sections.code,
    ...unsigned(codeHead.length + code.bytes.length + 1),
    ...codeHead,
  ]
  return joined([prologue, hints, codeSection, code.bytes, [end]])
}

function joined(parts: readonly ArrayLike<number>[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Runs of equal types. */
function localDeclarations(locals: readonly ValueType[]): number[] {
  const runs: { count: number; type: ValueType }[] = []
  for (const type of locals) {
    const last = runs.at(-1)
    if (last?.type === type) last.count++
    else runs.push({ count: 1, type })
  }
  return vector(runs.map(({ count, type }) => [...unsigned(count), type]))
}

/** Offsets count from the beginning of the function's body, its locals included. */
function hintSection(unlikely: readonly number[], declaredBytes: number): number[] {
  const body = [...hintsOfOneFunction, ...unsigned(unlikely.length)]
  for (const offset of unlikely) {
    pushUnsigned(body, offset + declaredBytes)
    body.push(1, 0)
  }
  return section(sections.custom, body)
}

function unsigned(value: number): number[] {
  const bytes: number[] = []
  pushUnsigned(bytes, value)
  return bytes
}

function pushUnsigned(bytes: number[], value: number): void {
  let rest = value
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
}

const vector = (items: readonly (readonly number[])[]): number[] => [
  ...unsigned(items.length),
  ...items.flat(),
]

const text = (string: string): number[] => [
  ...unsigned(string.length),
  ...new TextEncoder().encode(string),
]

const section = (id: number, body: readonly number[]): number[] => [
  id,
  ...unsigned(body.length),
  ...body,
]

const signature = ({ parameters, results }: Signature): number[] => [
  functionForm,
  ...vector(parameters.map((type) => [type])),
  ...vector(results.map((type) => [type])),
]

const hintsOfOneFunction: readonly number[] = [
  ...text('metadata.code.branch_hint'),
  1,
  ...unsigned(importedNames.length),
]

/** All that comes before the code, and is the same for every region. */
const prologue = Uint8Array.of(
  ...header,
  ...section(
    sections.type,
    vector([
      signature({ parameters: [i32, i32, i64], results: [i32] }),
      ...importedNames.map((name) => signature(imported[name])),
    ]),
  ),
  ...section(
    sections.import,
    vector([
      [...text('env'), ...text('memory'), kinds.memory, 3, 1, ...unsigned(memoryPagesMax)],
      [...text('env'), ...text('table'), kinds.table, funcref, 0, 1],
      ...importedNames.map((name, index) => [
        ...text('core'),
        ...text(name),
        kinds.function,
        index + 1,
      ]),
    ]),
  ),
  ...section(sections.function, [1, regionType]),
  ...section(sections.export, vector([[...text('region'), kinds.function, importedNames.length]])),
)
