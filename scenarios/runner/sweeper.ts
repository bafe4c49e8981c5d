// Asks the world again and again, past the coordinator: what does every agent hold, and which
// process has ended? Not here: what the answers mean (copy-watch.ts, judges.ts). Times in ms.

import type { Clock } from '#env/env.ts'
import type { AgentAnswer, ProcessView, World } from '../world.ts'
import { CopyWatch, type DoubleCopy } from './copy-watch.ts'

/** What of a world is asked. */
export type Swept = Pick<World, 'copies' | 'processes'>

export interface SweepHandlers {
  onSweep(answers: readonly AgentAnswer[], double: DoubleCopy | undefined): void
  /** Once for each end of a process. */
  onEnded(process: ProcessView): void
}

/**
 * A fraction of the shortest lease: nobody can run a VM twice for long without being asked
 * meanwhile.
 */
const sweepMs = 200

export class Sweeper {
  readonly #world: Swept
  readonly #clock: Clock
  readonly #handlers: SweepHandlers
  readonly #copies = new CopyWatch()
  readonly #ended = new Set<string>()
  #open = true

  constructor(world: Swept, clock: Clock, handlers: SweepHandlers) {
    this.#world = world
    this.#clock = clock
    this.#handlers = handlers
    void this.#sweep()
  }

  close(): void {
    this.#open = false
  }

  /**
   * A world that cannot be asked has no answers: that is for the judges to mind, not to stumble
   * over.
   */
  async #sweep(): Promise<void> {
    const answers = await this.#world.copies().catch(() => [])
    if (!this.#open) return
    this.#lookAtProcesses()
    const { double, unsure } = this.#copies.onSweep(answers)
    this.#handlers.onSweep(answers, double)
    const nextAtMs = this.#clock.nowMs() + (unsure ? 0 : sweepMs)
    this.#clock.wakeAt(nextAtMs, () => {
      if (this.#open) void this.#sweep()
    })
  }

  #lookAtProcesses(): void {
    for (const process of this.#world.processes()) {
      const key = `${process.id} ${process.pid}`
      if (process.state !== 'exited' || this.#ended.has(key)) continue
      this.#ended.add(key)
      this.#handlers.onEnded(process)
    }
  }
}
