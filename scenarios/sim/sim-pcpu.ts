// A pCPU of the simulated world: the very engine, on the thread of everybody else, in virtual time.
// It has a declared speed, which is what makes time pass for its guests: a slice takes no virtual
// time by itself. Not here: the agent's end of it (node-agent/pcpu-handle.ts). Virtual ms.

import { Pcpu, type PcpuOptions } from '#engine/pcpu.ts'
import type { PcpuMessage, PcpuRequest } from '#engine/vm-config.ts'
import type { Cancel } from '#env/env.ts'
import type { PcpuThread } from '#node-agent/pcpu-handle.ts'
import type { SimProcess } from './sim-process.ts'

/** Without the clock's going on. */
const slicesMax = 64
const emptySliceMs = 0.05

export interface SimPcpuOptions extends Omit<PcpuOptions, 'host' | 'emit'> {
  /** Between what it does and the agent's hearing of it: its guests go on meanwhile. */
  readonly lagMs?: number | undefined
}

export class SimPcpu implements PcpuThread {
  readonly #process: SimProcess
  readonly #pcpu: Pcpu
  readonly #lagMs: number
  #hear: (message: PcpuMessage) => void = () => undefined
  #next: Cancel = () => undefined
  #isStopped = false

  constructor(process: SimProcess, { lagMs = 0, ...options }: SimPcpuOptions) {
    this.#process = process
    this.#lagMs = lagMs
    // An event reaches the agent behind the slice that it comes from, as between threads.
    const emit: PcpuOptions['emit'] = (event) => this.#say(event)
    this.#pcpu = new Pcpu({ ...options, host: process, emit })
  }

  post(requests: readonly PcpuRequest[]): void {
    this.#soon(() => {
      for (const { id, command } of requests) {
        const answer = this.#pcpu.handle(command)
        this.#say(answer instanceof Error ? { id, error: answer.message } : { id, value: answer })
      }
      this.#run()
    })
  }

  onMessage(fn: (message: PcpuMessage) => void): void {
    this.#hear = fn
  }

  /** It never dies alone. */
  onDeath(): void {}

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#next()
  }

  #say(message: PcpuMessage): void {
    this.#soon(() => this.#hear(message), this.#lagMs)
  }

  #soon(fn: () => void, ms = 0): void {
    this.#process.wakeAt(this.#process.nowMs() + ms, () => (this.#isStopped ? undefined : fn()))
  }

  #run(): void {
    this.#next()
    let sleepMs = 0
    // A slice takes virtual time by the declared speed: soon it is ahead, and sleeps. One in which
    // nothing retires takes none by that; but it takes some.
    for (let slices = 0; sleepMs === 0 && slices < slicesMax; slices++) sleepMs = this.#pcpu.run()
    if (!Number.isFinite(sleepMs)) return
    sleepMs = Math.max(sleepMs, emptySliceMs)
    // What a slice has to say comes by an alarm of its own (#say): nobody waits for this one.
    this.#next = this.#process.wakeQuietly(this.#process.nowMs() + sleepMs, () =>
      this.#isStopped ? undefined : this.#run(),
    )
  }
}
