// The line that runs a scenario again as it ran: folder, world and seed, for a shell. What the
// scenario says by itself is left out. Not here: where it is written, which is in the reports
// (report-folder.ts).

import { scenarioNamedHere } from './scenario-library.ts'

interface Ran {
  /** The folder. */
  readonly path: string
  readonly world: string
  readonly seed: number
  /** A container image that was named. */
  readonly image?: string | undefined
}

/** What the scenario itself says. */
interface Own {
  readonly seed: number
  readonly repetitions: number
}

export function replayLine({ path, world, seed, image }: Ran, own: Own): string {
  const words = [
    ...['godwit', 'scenario', 'run', scenarioNamedHere(path), '--world', world],
    ...(image === undefined ? [] : ['--image', image]),
    ...(seed === own.seed ? [] : ['--seed', `${seed}`]),
    ...(own.repetitions === 1 ? [] : ['--repeat', '1']),
  ]
  return words.map(shellWord).join(' ')
}

/** As a shell reads it back. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
