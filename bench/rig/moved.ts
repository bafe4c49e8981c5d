// What both contenders of ../migration.ts move and measure: our own guest, which fills its memory,
// rewrites a working set, checks it, and knows the longest time for which it did not run.
// Times in ms, sizes in bytes or MiB.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface MoveLimits {
  readonly downtimeMsMax: number
  /** 0: none. */
  readonly bandwidthBytesPerSecMax: number
}

/** What the guest itself has seen, by its own clock. */
export interface Seen {
  /** Its longest gap from shortly before the move to shortly after it. */
  readonly gapMs: number
  /** Words of its memory that were not as it had left them. */
  readonly bad: number
}

/** One migration, as its source tells it and as the guest has seen it. */
export interface Moved extends Seen {
  readonly totalMs: number
  readonly downtimeMs: number
  readonly bytes: number
  readonly rounds: number
}

const settleMs = 1200

export class GuestToMove {
  readonly image = fileURLToPath(new URL('../../engine/guests/godwit-guest.bin', import.meta.url))
  readonly args: string
  readonly memoryMib: number

  /**
   * @param workingSetMib rewritten in turn, `rate` pages a second of it; the rest but for some MiB
   * is filled once.
   */
  constructor(memoryMib: number, workingSetMib: number, rate: number) {
    const fillMib = Math.max(0, memoryMib - workingSetMib - 8)
    this.memoryMib = memoryMib
    this.args = `workload=dirty wss=${workingSetMib} rate=${rate} fill=${fillMib}`
  }

  bytes(): Buffer {
    return readFileSync(this.image)
  }

  /** Until it has long been at its work, and what it cost to begin is over. */
  settle(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, settleMs))
  }

  /** From two answers to `stats`: the second tells the longest gap since the first. */
  seen(before: string, after: string): Seen {
    if (numberOf(after, 'uptimems') <= numberOf(before, 'uptimems'))
      throw new Error(`the guest has not gone on: ${before}; ${after}`)
    return { gapMs: numberOf(after, 'gapus') / 1000, bad: numberOf(after, 'bad') }
  }
}

function numberOf(stats: string, name: string): number {
  const found = new RegExp(`\\b${name}=(\\d+)`).exec(stats)
  if (!found) throw new Error(`no ${name} in "${stats}"`)
  return Number(found[1])
}
