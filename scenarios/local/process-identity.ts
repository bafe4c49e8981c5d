// Which process a pid means. A pid alone is reused by the system; with the moment its process began
// it is not. So a file that names a process can be found stale, and a signal never reaches a
// stranger. Not here: starting and stopping processes (child.ts). Units: `startedAt` is opaque
// text, equal for the same process only (Linux: clock ticks since the machine's boot).

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface ProcessIdentity {
  readonly pid: number
  readonly startedAt: string
}

/**
 * The identity of the process that has this pid now; undefined when there is none (or only its
 * zombie).
 */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const startedAt = process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
  return startedAt === undefined ? undefined : { pid, startedAt }
}

/** Is it still that process, and running? */
export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.startedAt === identity.startedAt
}

/** Sends a signal, to that very process or to nobody. False when it is gone. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false
  try {
    return process.kill(identity.pid, name)
  } catch {
    return false // It ended between the look and the signal.
  }
}

/**
 * proc(5), /proc/pid/stat: field 3 is the state, field 22 the start time; field 2 may hold spaces
 * and brackets.
 */
function fromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

function fromPs(pid: number): string | undefined {
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
    return text.trim() || undefined
  } catch {
    return undefined
  }
}
