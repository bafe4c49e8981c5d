// Answers that come from a node: an API request waits here for the command that was sent for it.
// Not here: what is asked (core/), how it is shown (http.ts). Times in ms.

import { type Fault, fault } from '#proto/faults.ts'
import type { CommandId } from '#proto/ids.ts'
import type { Result } from '#proto/messages.ts'
import type { Coordinator } from '../coordinator.ts'

const answerMsMax = 10_000

export class Answers {
  readonly #waiting = new Map<CommandId, (result: Result) => void>()

  constructor(coordinator: Coordinator) {
    coordinator.observe({
      answered: (commandId, result) => this.#waiting.get(commandId)?.(result),
    })
  }

  /** What the node says, or the fault that it did not say anything in time. */
  of(commandId: CommandId): Promise<Result | { readonly fault: Fault }> {
    return new Promise((resolve) => {
      const end = (result: Result | { readonly fault: Fault }) => {
        clearTimeout(timer)
        this.#waiting.delete(commandId)
        resolve(result)
      }
      const silent = fault('timed-out', `no node answered for ${answerMsMax} ms: ask again`)
      const timer = setTimeout(() => end({ fault: silent }), answerMsMax)
      this.#waiting.set(commandId, end)
    })
  }
}
