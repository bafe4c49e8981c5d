// Follows one thing of the cluster (a migration, a VM that starts) view by view until it has ended.
// A coordinator that restarts meanwhile is waited for. Not here: what is said of it
// (migration-progress.ts).

import type { ClusterView } from '#proto/api.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import { ClusterWatch } from '#scenarios/runner/cluster-watch.ts'
import type { Cli } from './cli.ts'
import { CommandError, type ExitCode, exitCode } from './exit-code.ts'

export interface FollowEnds {
  /** What Ctrl-C leaves as it is; the command then ends with exit code 130. */
  readonly onInterrupt: string
  /** Absent: for as long as it takes. */
  readonly late?: { readonly ms: number; readonly message: string }
}

/** The first value other than undefined that `look` returns. */
export function follow<T>(
  cli: Cli,
  api: ApiClient,
  look: (view: ClusterView) => T | undefined,
  { onInterrupt, late }: FollowEnds,
): Promise<T> {
  const signal = cli.interrupts.handle()
  const { clock } = cli
  return new Promise((resolve, reject) => {
    const watch = new ClusterWatch(api, cli.clock, (view) => {
      try {
        const value = look(view)
        if (value !== undefined) end(() => resolve(value))
      } catch (thrown) {
        end(() => reject(thrown))
      }
    })
    const giveUp = (code: ExitCode, why: string) => end(() => reject(new CommandError(code, why)))
    const interrupted = () => giveUp(exitCode.interrupted, onInterrupt)
    const patience = late
      ? clock.wakeAt(clock.nowMs() + late.ms, () => giveUp(exitCode.failed, late.message))
      : () => {}
    const end = (settle: () => void) => {
      signal.removeEventListener('abort', interrupted)
      patience()
      watch.close()
      settle()
    }
    signal.addEventListener('abort', interrupted, { once: true })
    if (signal.aborted) interrupted()
  })
}
