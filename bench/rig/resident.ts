// How much memory a process has by the kernel's account.
// Not here: whose it is. KiB. Source: proc(5), VmRSS.

import { readFileSync } from 'node:fs'

export const residentKib = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
