// Ends a process that a benchmark has started, at once; it may have ended by itself before.
// A benchmark that waited for the end of one that is gone would wait for ever.
// Not here: agents, which are ended in good order (test/node-agent/agent-process.ts).

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Resolves when it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
