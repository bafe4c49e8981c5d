// A process of the simulated world, as its clock: everything that it ever does begins with an alarm
// or a message, and both go through here. So a process that is killed does nothing any more, and
// one that hangs does it all when it goes on. Not here: what it is (sim-node.ts,
// sim-coordinator.ts). Times in virtual ms, the same in all processes but for their drift.

import type { Cancel, Clock } from '#env/env.ts'

export class SimProcess implements Clock {
  readonly name: string
  readonly #world: Clock
  readonly #kept: (() => void)[] = []
  #state: 'running' | 'hanging' | 'dead' = 'running'
  #onDeath: (() => void)[] = []

  constructor(name: string, world: Clock) {
    this.name = name
    this.#world = world
  }

  get isAlive(): boolean {
    return this.#state !== 'dead'
  }

  get isHanging(): boolean {
    return this.#state === 'hanging'
  }

  nowMs(): number {
    return this.#world.nowMs()
  }

  wallMs(): number {
    return this.#world.wallMs()
  }

  wakeAt(atMs: number, fn: () => void): Cancel {
    let isCancelled = false
    const cancel = this.#world.wakeAt(atMs, () => this.do(() => (isCancelled ? undefined : fn())))
    return () => {
      isCancelled = true
      cancel()
    }
  }

  /** Now; when it goes on; or never. */
  do(fn: () => void): void {
    if (this.#state === 'running') fn()
    else if (this.#state === 'hanging') this.#kept.push(fn)
  }

  /** SIGKILL. */
  kill(): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#kept.splice(0)
    for (const fn of this.#onDeath.splice(0)) fn()
  }

  onDeath(fn: () => void): void {
    this.#onDeath.push(fn)
  }

  /** SIGSTOP. */
  hang(): void {
    if (this.#state === 'running') this.#state = 'hanging'
  }

  /** SIGCONT: what came meanwhile is there, in order. */
  goOn(): void {
    if (this.#state !== 'hanging') return
    this.#state = 'running'
    for (const fn of this.#kept.splice(0)) this.do(fn)
  }
}
