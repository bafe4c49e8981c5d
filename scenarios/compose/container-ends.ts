// Hears of every end of a container of one run, as the daemon tells it: one `docker events` process
// for all of them. Not here: what an end means (compose-world.ts).

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { jsonOf } from '#proto/json.ts'
import { runLabel } from './container-plan.ts'

/** Of a line of `docker events --format '{{json .}}'`. */
const Die = z.object({
  Actor: z.object({ ID: z.string(), Attributes: z.object({ exitCode: z.string() }) }),
})

export class ContainerEnds {
  readonly #events: ChildProcess

  /** `onEnd`: the container's id, and how it ended: `exit code 1`, `SIGKILL`. */
  constructor(run: string, onEnd: (containerId: string, how: string) => void) {
    this.#events = spawn(
      'docker',
      [
        ...['events', '--since', '0s', '--format', '{{json .}}', '--filter', 'event=die'],
        ...['--filter', `label=${runLabel}=${run}`],
      ],
      { detached: true, stdio: ['ignore', 'pipe', 'ignore'] },
    )
    this.#events.on('error', () => {})
    if (!this.#events.stdout) return
    createInterface({ input: this.#events.stdout }).on('line', (line) => {
      const die = Die.safeParse(jsonOf(line)).data
      if (die) onEnd(die.Actor.ID, endText(Number(die.Actor.Attributes.exitCode)))
    })
  }

  close(): void {
    this.#events.kill('SIGKILL')
  }
}

/** A shell's way of telling a signal: 128 and its number. */
const signals: Readonly<Record<number, string>> = { 134: 'SIGABRT', 137: 'SIGKILL', 143: 'SIGTERM' }
const endText = (code: number): string => signals[code] ?? `exit code ${code}`
