// What every command is given: the terminal, the clock, where clusters live, and how a person
// interrupts it. process.ts makes the real one, tests make theirs.

import type { Clock } from '#env/env.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import type { Terminal } from './terminal.ts'

export interface Cli {
  readonly terminal: Terminal
  readonly clock: Clock
  /** The folder of all local clusters. */
  readonly home: string
  readonly interrupts: Interrupts
  /** Of a cluster that is neither of this machine nor at an address: of a simulated one. */
  readonly api?: ApiClient
}

/**
 * Ctrl-C and SIGTERM. A command that has something to end in order asks for the signal; others just
 * end.
 */
export class Interrupts {
  readonly #controller = new AbortController()
  #handled = false

  /** From now on the command itself ends when the signal aborts. */
  handle(): AbortSignal {
    this.#handled = true
    return this.#controller.signal
  }

  /** False: nobody handles it (or it was not the first), the process should end at once. */
  interrupt(): boolean {
    const first = !this.#controller.signal.aborted
    this.#controller.abort()
    return first && this.#handled
  }
}
