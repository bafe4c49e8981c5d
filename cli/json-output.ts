// What a command prints when it is asked for JSON (`-o json`): one value, indented, on stdout.
// Not here: lists, which print rows, and one a line while they are watched (listing.ts).

import type { Terminal } from './terminal.ts'

export const writeJson = (terminal: Pick<Terminal, 'data'>, value: unknown): void =>
  terminal.data(JSON.stringify(value, null, 2))
