// Sees to it that no process of a cluster outlives its launcher, whatever kills the launcher. A
// small shell, in a session of its own so that no Ctrl-C and no signal to the launcher's group
// reaches it, reads from a pipe which pids are alive. The pipe ends when the launcher does, even by
// SIGKILL: then it kills them all. SIGKILL also ends a process that is stopped (a hung node) or too
// busy to notice anything by itself. Not here: the orderly stop (child.ts). POSIX only, as SIGSTOP
// is.

import { type ChildProcess, spawn } from 'node:child_process'
import { invariant } from '#proto/invariant.ts'

const script = `
alive=" "
while read -r verb pid; do
  case $verb in
    watch) alive="$alive$pid " ;;
    forget) alive="\${alive%%" $pid "*} \${alive#*" $pid "}" ;;
  esac
done
[ "$alive" = " " ] || kill -KILL $alive 2>/dev/null
`

export class Reaper {
  readonly #shell: ChildProcess
  readonly #watched = new Set<number>()

  constructor() {
    this.#shell = spawn('/bin/sh', ['-c', script], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    // When the reaper itself is gone there is nobody to tell; the launcher's own stop still works.
    this.#shell.stdin?.on('error', () => {})
    this.#shell.on('error', () => {})
    this.#shell.unref()
    ;(this.#shell.stdin as { unref?: () => void } | null)?.unref?.()
  }

  /**
   * To be called in the same turn in which the process was spawned: no moment is left in which it
   * could escape.
   */
  watch(pid: number): void {
    this.#watched.add(pid)
    this.#shell.stdin?.write(`watch ${pid}\n`)
  }

  /** To be called when the process has ended: its pid may soon be another's. */
  forget(pid: number): void {
    invariant(this.#watched.delete(pid), `the reaper forgets ${pid}, which it does not watch`)
    this.#shell.stdin?.write(`forget ${pid}\n`)
  }

  /** Ends the reaper; kills what it still watches. */
  async close(): Promise<void> {
    if (this.#shell.exitCode !== null || this.#shell.signalCode !== null) return
    this.#shell.ref()
    const ended = new Promise((done) => this.#shell.once('exit', done))
    this.#shell.stdin?.end()
    await ended
  }
}
