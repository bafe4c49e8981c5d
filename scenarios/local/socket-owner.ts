// Which process holds the loopback socket with a given port: how a door knows who calls. All agents
// call from 127.0.0.1, so an address tells nothing; the kernel's own table does. Linux only
// (proc(5): /proc/net/tcp and /proc/pid/fd); elsewhere the answer is always "nobody knows".

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** The one of `pids` that owns the TCP socket bound to 127.0.0.1:port. */
export function ownerOfPort(port: number, pids: Iterable<number>): number | undefined {
  const inode = inodeOfPort(port)
  if (inode === undefined) return undefined
  for (const pid of pids) if (holdsSocket(pid, inode)) return pid
  return undefined
}

/**
 * Columns of /proc/net/tcp: sl, local_address (hex, the address in host order), … , inode is the
 * tenth.
 */
function inodeOfPort(port: number): string | undefined {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const line of readLines('/proc/net/tcp')) {
    const columns = line.trim().split(/\s+/)
    if (columns[1] === local) return columns[9]
  }
  return undefined
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}

function holdsSocket(pid: number, inode: string): boolean {
  const link = `socket:[${inode}]`
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === link
      } catch {
        return false // Closed since it was listed.
      }
    })
  } catch {
    return false // The process has ended.
  }
}
