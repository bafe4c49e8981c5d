// Our own engine as a contender, as it is and with the interpreter alone: each run is a process of
// this Node. Not here: the run itself (engine-process.ts).

import { fileURLToPath } from 'node:url'
import type { Contender } from './comparison.ts'

export type Engine = 'interpreter'
export const engines: readonly Engine[] = ['interpreter']

/** Those that `--engine` asks for: one by its name, or all of them. Throws when there is none. */
export function chosenEngines(asked: string | undefined): Engine[] {
  const chosen = engines.filter((name) => [undefined, 'both', name].includes(asked))
  if (chosen.length === 0)
    throw new Error(`There is no engine ${asked}; there are ${engines.join(', ')}, both.`)
  return chosen
}

const shell = fileURLToPath(new URL('./engine-process.ts', import.meta.url))

export function engineContender(engine: Engine): Contender {
  return {
    name: engine,
    command: (file) => [process.execPath, shell, file],
  }
}
