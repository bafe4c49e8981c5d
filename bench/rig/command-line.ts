// How every benchmark reads its command line: the same words mean the same, --help prints the claim
// and the usage that the file's header has, and what makes no sense is told in one sentence (exit
// code 2). Not here: what is measured.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { faultOf } from '#proto/faults.ts'
import { suggestion } from '#scenarios/language/nearest-name.ts'

export interface Word<T> {
  readonly isSwitch?: boolean
  readonly isRepeated?: boolean
  /** Throws an Error that says how it is written. */
  read(texts: readonly string[]): T
}

/** `--runs 3`: above 0. */
export const count = (standard: number): Word<number> => ({
  read: ([text]) => {
    if (text === undefined) return standard
    if (/^\d+$/.test(text) && Number(text) > 0) return Number(text)
    throw new Error(`is a whole number above 0, not \`${text}\``)
  },
})

/** `--only a,b`: some of them; all of them when it is not said. */
export const someOf = (names: readonly string[]): Word<string[] | undefined> => ({
  read: ([text]) => {
    const chosen = text?.split(',')
    const unknown = chosen?.find((name) => !names.includes(name))
    if (unknown === undefined) return chosen
    throw new Error(`knows no \`${unknown}\`${suggestion(unknown, names)}`)
  },
})

/** `--engine a`: one of them. */
export const oneOf = (names: readonly string[]): Word<string | undefined> => ({
  read: ([text]) => {
    if (text === undefined || names.includes(text)) return text
    throw new Error(`knows no \`${text}\`${suggestion(text, names)}`)
  },
})

export const words: Word<readonly string[]> = { isRepeated: true, read: (texts) => texts }
export const onOff: Word<boolean> = { isSwitch: true, read: (texts) => texts.length > 0 }

type Read<W> = { readonly [K in keyof W]: W[K] extends Word<infer T> ? T : never }

/** What was said to this process. Ends it after --help, and when it makes no sense. */
export function readCommandLine<W extends Record<string, Word<unknown>>>(known: W): Read<W> {
  const file = process.argv[1] ?? ''
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    console.log(headerOf(readFileSync(file, 'utf8')))
    process.exit(0)
  }
  const answer = readWords(process.argv.slice(2), known)
  if (!('mistake' in answer)) return answer.read
  console.error(`${answer.mistake}\n${usageOf(readFileSync(file, 'utf8'))}`)
  process.exit(2)
}

export function readWords<W extends Record<string, Word<unknown>>>(
  argv: readonly string[],
  known: W,
): { readonly read: Read<W> } | { readonly mistake: string } {
  const options = Object.fromEntries(
    Object.entries(known).map(([name, { isSwitch }]) => [
      name,
      { type: isSwitch ? ('boolean' as const) : ('string' as const), multiple: true as const },
    ]),
  )
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true })
  const said = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind !== 'option') return { mistake: `\`${argv[token.index]}\` belongs to no option` }
    const one = known[token.name]
    if (!one) return { mistake: `there is no ${token.rawName}${nearest(token.name, known)}` }
    if (!one.isSwitch && token.value === undefined)
      return { mistake: `${token.rawName} needs a value` }
    said.set(token.name, [...(said.get(token.name) ?? []), String(token.value)])
  }
  try {
    const values = Object.entries(known).map(([name, one]) => [name, readOne(name, one, said)])
    return { read: Object.fromEntries(values) as Read<W> }
  } catch (thrown) {
    return { mistake: thrown instanceof Error ? thrown.message : faultOf(thrown).message }
  }
}

function readOne(name: string, one: Word<unknown>, said: ReadonlyMap<string, string[]>): unknown {
  const texts = said.get(name) ?? []
  try {
    if (texts.length > 1 && !one.isRepeated && !one.isSwitch) throw new Error('is said twice')
    return one.read(texts)
  } catch (thrown) {
    throw new Error(`--${name} ${thrown instanceof Error ? thrown.message : String(thrown)}`)
  }
}

const nearest = (name: string, known: object): string =>
  suggestion(name, Object.keys(known)).replace(/`([^`]*)`|known: .*/, (text, near) =>
    near ? `--${near}` : text,
  )

/** The comment that a file begins with, as text. */
export function headerOf(source: string): string {
  const lines = source.split('\n')
  const end = lines.findIndex((line) => !line.startsWith('//'))
  return lines
    .slice(0, end)
    .map((line) => line.replace(/^\/\/ ?/, ''))
    .join('\n')
}

const usageOf = (source: string): string =>
  `Run: ${/Run: ([\s\S]*)$/.exec(headerOf(source))?.[1] ?? 'with --help to see how'}`
