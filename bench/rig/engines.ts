// Our own engine as a contender, as it is and with the interpreter alone: each run is a process of
// this Node. Not here: the run itself (engine-process.ts).

import { fileURLToPath } from 'node:url'
import type { Contender } from './comparison.ts'

export type Engine = 'interpreter'
export const engines: readonly Engine[] = ['interpreter']

const shell = fileURLToPath(new URL('./engine-process.ts', import.meta.url))

export function engineContender(engine: Engine): Contender {
  return {
    name: engine,
    command: (file) => [process.execPath, shell, file],
  }
}
