// Our own engine as a contender: with its translator, as users have it, or with the interpreter
// alone. Each run is a process of this Node. Not here: the run itself (engine-process.ts).

import { fileURLToPath } from 'node:url'
import { programFile } from '#env/real/program.ts'
import { oneOf } from './command-line.ts'
import type { Contender } from './comparison.ts'

export type Engine = 'translator' | 'interpreter'
export const engines: readonly Engine[] = ['translator', 'interpreter']

/**
 * Those that `--engine` asks for: one by its name, or both; by itself the translator. Throws when
 * there is none of that name.
 */
/** `--engine NAME`. */
export const engineWord = oneOf([...engines, 'both'])

export function chosenEngines(asked: string | undefined): readonly Engine[] {
  if (asked === undefined) return ['translator']
  const chosen = engines.filter((name) => asked === 'both' || asked === name)
  if (chosen.length === 0)
    throw new Error(`There is no engine ${asked}; there are ${engines.join(', ')}, both.`)
  return chosen
}

const shell = fileURLToPath(programFile(new URL('./engine-process.ts', import.meta.url)))

// As for agents (scenarios/local/child.ts): types are stripped and code is parsed once, not at each
// start. What is kept so is no WebAssembly.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
  new URL('../../.cache/bench/compile-cache', import.meta.url),
)

export function engineContender(engine: Engine): Contender {
  return {
    name: engine,
    command: (file) => [process.execPath, shell, '--engine', engine, file],
  }
}
