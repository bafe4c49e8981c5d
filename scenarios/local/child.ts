// One process of a local cluster: its start, its log file, the line by which it says that it is
// ready, its end. Not here: what the processes are for (local-world.ts), what happens when the
// launcher dies (reaper.ts). Units: ms. The token of the cluster never stands in the arguments:
// every user of the machine can read those.

import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { FaultError, fault } from '#proto/faults.ts'
import { identityOf, type ProcessIdentity } from './process-identity.ts'
import type { Reaper } from './reaper.ts'

/** Programs without their types, kept from one start to the next: a start takes half the time. */
const compileCache = fileURLToPath(new URL('../../.cache/node', import.meta.url))

export interface ChildPlan {
  /** What people call it: `coordinator`, `node n1`. */
  readonly name: string
  /** The TypeScript file that the same Node as ours runs. */
  readonly main: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Its stdout and stderr are appended here. */
  readonly logFile: string
  /** What it prints when it is ready; the groups are handed to the launcher. */
  readonly readyLine: RegExp
  readonly readyMsMax: number
}

export interface ChildEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Output kept for the message that says why a process did not start, characters. */
const tailMax = 2000
/** A line longer than this is no ready line. */
const lineMax = 10_000

export class Child {
  readonly plan: ChildPlan
  readonly identity: ProcessIdentity
  /** Settles when it has ended and its last output is in the log. */
  readonly ended: Promise<ChildEnd>
  #process: ChildProcess
  #end: ChildEnd | undefined
  #tail = ''
  #line = ''
  #ready: readonly string[] | undefined
  #onReady: ((groups: readonly string[]) => void) | undefined

  constructor(plan: ChildPlan, reaper: Reaper) {
    this.plan = plan
    const log = createWriteStream(plan.logFile, { flags: 'a' })
    this.#process = spawn(process.execPath, [plan.main, ...plan.args], {
      // A session of its own: Ctrl-C in the terminal reaches the launcher alone, which stops the
      // others in order.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { NODE_COMPILE_CACHE: compileCache, ...process.env, ...plan.env },
    })
    const pid = this.#process.pid
    if (pid !== undefined) reaper.watch(pid)
    this.identity = { pid: pid ?? -1, startedAt: (pid && identityOf(pid)?.startedAt) || '' }
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        log.write(text)
        this.#read(text)
      })
    this.ended = new Promise((resolve) => {
      const finish = (end: ChildEnd) => {
        if (this.#end) return
        this.#end = end
        if (pid !== undefined) reaper.forget(pid)
        log.end(() => resolve(end))
      }
      this.#process.once('error', (cause) => {
        this.#tail += `${cause.message}\n`
        finish({ code: null, signal: null })
      })
      this.#process.once('close', (code, signalName) => finish({ code, signal: signalName }))
    })
  }

  get running(): boolean {
    return this.#end === undefined
  }

  /**
   * The groups of its ready line. Throws a fault that quotes its last words when it ends or is
   * late.
   */
  async ready(): Promise<readonly string[]> {
    if (this.#ready) return this.#ready
    const said = new Promise<readonly string[]>((resolve) => {
      this.#onReady = resolve
    })
    const late = new AbortController()
    const first = await Promise.race([
      said.then((groups) => ({ groups })),
      this.ended.then((end) => ({ why: `ended at once (${describeEnd(end)})` })),
      sleep(
        this.plan.readyMsMax,
        { why: `was not ready after ${this.plan.readyMsMax} ms` },
        {
          signal: late.signal,
        },
      ).catch(() => ({ why: 'was not waited for' })),
    ])
    late.abort()
    if ('groups' in first) return first.groups
    const words = this.#tail.trim() || '(it said nothing)'
    throw new FaultError(
      fault('internal', `${this.plan.name} ${first.why}; log ${this.plan.logFile}:\n${words}`),
    )
  }

  /**
   * SIGTERM, then SIGKILL when it has not ended in time. A stopped process is woken, so that it can
   * obey.
   */
  async stop(graceMs: number): Promise<ChildEnd> {
    this.signal('SIGTERM')
    this.signal('SIGCONT')
    const patience = new AbortController()
    const late = sleep(graceMs, 'late' as const, { signal: patience.signal }).catch(() => undefined)
    if ((await Promise.race([this.ended, late])) === 'late') this.signal('SIGKILL')
    patience.abort()
    return this.ended
  }

  signal(name: NodeJS.Signals): void {
    if (this.running) this.#process.kill(name)
  }

  #read(text: string): void {
    this.#tail = (this.#tail + text).slice(-tailMax)
    if (this.#ready) return
    const lines = (this.#line + text).split('\n')
    this.#line = (lines.pop() ?? '').slice(-lineMax)
    for (const line of lines) {
      const match = this.plan.readyLine.exec(line)
      if (!match) continue
      this.#ready = match.slice(1)
      this.#onReady?.(this.#ready)
      return
    }
  }
}

/** `exit code 1`, `SIGKILL`. */
export const describeEnd = (end: ChildEnd): string =>
  end.signal ?? (end.code === null ? 'could not be started' : `exit code ${end.code}`)
