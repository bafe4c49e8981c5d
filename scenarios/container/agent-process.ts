// The agent's process under a keeper: started with the flags that the container was given, its peer
// port and its way to the coordinator exchanged for those of the keeper's doors. What it prints,
// the container prints. Not here: when it is ended (keeper.ts). Times in ms.

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { FaultError, fault } from '#proto/faults.ts'

const main = fileURLToPath(import.meta.resolve('#node-agent/main.ts'))
const readyLine = /^agent \S+ listening on wss?:\/\/[^\s,]*:(\d+)/
const readyMsMax = 30_000

export class AgentProcess {
  readonly #flags: readonly string[]
  readonly #onEnd: (code: number) => void
  #child: ChildProcess | undefined
  /** Ended on purpose: the container stays. */
  #isKilled = false

  /** `onEnd`: it ended, and nobody had ended it. */
  constructor(flags: readonly string[], onEnd: (code: number) => void) {
    this.#flags = flags
    this.#onEnd = onEnd
  }

  get isRunning(): boolean {
    return this.#child !== undefined
  }

  /** Resolves with its peer port on loopback, when it serves. */
  start(coordinatorPort: number): Promise<number> {
    this.#isKilled = false
    const ws = this.#flags.includes('--certs') || process.env.GODWIT_CERTS ? 'wss' : 'ws'
    const flags = [
      ...this.#flags,
      ...['--coordinator', `${ws}://127.0.0.1:${coordinatorPort}/agent`],
      ...['--listen', `${ws}://127.0.0.1:0`],
    ]
    const child = spawn(process.execPath, [main, ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    child.once('close', (code) => {
      this.#child = undefined
      if (!this.#isKilled) this.#onEnd(code ?? 1)
    })
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(notReady()), readyMsMax)
      child.once('close', () => reject(notReady()))
      createInterface({ input: child.stdout }).on('line', (line) => {
        process.stdout.write(`${line}\n`)
        const [, port] = readyLine.exec(line) ?? []
        if (port === undefined) return
        clearTimeout(late)
        resolve(Number(port))
      })
    })
  }

  /** SIGKILL; resolves when it is dead. */
  async kill(): Promise<void> {
    const child = this.#child
    if (!child) return
    this.#isKilled = true
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGKILL')
    await ended
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name)
  }
}

const notReady = () => new FaultError(fault('timed-out', 'The agent does not start; see its log.'))
