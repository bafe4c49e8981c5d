// One pCPU as the agent's thread sees it: requests with an id, answers as promises, events as
// calls. Requests are carried out in the order they are posted; everything that must not overtake
// relies on it. What is asked in one go travels together: a guest that stands still meanwhile waits
// for one message, not for each. Answers and events come one by one: what follows from one is done
// before the next is heard.
// Not here: the thread itself (pcpu-thread.ts, spawned by process.ts), which VM is where (vmm.ts).

import type {
  PcpuAnswers,
  PcpuCommand,
  PcpuEvent,
  PcpuMessage,
  PcpuRequest,
} from '#engine/vm-config.ts'

/** A thread that runs guests; the shell makes it of whatever the platform has. */
export interface PcpuThread {
  post(requests: readonly PcpuRequest[]): void
  onMessage(fn: (message: PcpuMessage) => void): void
  /** The thread ended without being asked to: a bug of ours. */
  onDeath(fn: (reason: string) => void): void
  stop(): Promise<void>
}

type AnswerOf<C extends PcpuCommand> = PcpuAnswers[C['do']]

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

export class PcpuHandle {
  readonly index: number
  readonly #thread: PcpuThread
  readonly #doorbell: Int32Array
  readonly #waiting = new Map<number, Waiting>()
  /** To be posted when the caller's turn is over. */
  #asked: PcpuRequest[] = []
  #nextId = 1
  #dead: string | undefined

  /**
   * @param doorbell Int32, one element: rung when something was posted: an idle pCPU wakes at once.
   */
  constructor(
    index: number,
    thread: PcpuThread,
    doorbell: SharedArrayBuffer,
    handlers: { event(event: PcpuEvent): void; death(reason: string): void },
  ) {
    this.index = index
    this.#thread = thread
    this.#doorbell = new Int32Array(doorbell)
    thread.onMessage((message) => {
      if ('on' in message) handlers.event(message)
      else this.#settle(message)
    })
    thread.onDeath((reason) => {
      this.#die(reason)
      handlers.death(reason)
    })
  }

  /** It answers nothing any more. */
  get isDead(): boolean {
    return this.#dead !== undefined
  }

  /** Rejects with the pCPU's refusal, a sentence for a person. */
  ask<C extends PcpuCommand>(command: C): Promise<AnswerOf<C>> {
    if (this.#dead !== undefined) return Promise.reject(new Error(this.#dead))
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      if (this.#asked.push({ id, command }) === 1) queueMicrotask(() => this.#post())
    })
  }

  #post(): void {
    this.#thread.post(this.#asked.splice(0))
    Atomics.add(this.#doorbell, 0, 1)
    Atomics.notify(this.#doorbell, 0)
  }

  async stop(): Promise<void> {
    this.#die('the pCPU was stopped')
    await this.#thread.stop()
  }

  #settle(answer: { readonly id: number; readonly value?: unknown; readonly error?: string }) {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (answer.error === undefined) waiting?.resolve(answer.value)
    else waiting?.reject(new Error(answer.error))
  }

  #die(reason: string): void {
    this.#dead ??= reason
    for (const waiting of this.#waiting.values()) waiting.reject(new Error(this.#dead))
    this.#waiting.clear()
  }
}
