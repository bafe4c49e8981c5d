// What each VM demanded and got since the last look: differences of pCPU statistics, in percent of
// one core. Pure. Demand is time in which the VM could have run; a VM that waits for an interrupt
// demands nothing. Not here: who asks the pCPUs (sampling in agent.ts). Units: ms, instructions,
// pages of 4,096 bytes.

import type { VmStats } from '#engine/vm-config.ts'
import type { VmLoad } from '#proto/messages.ts'
import { pageBytes } from '#proto/units.ts'

export interface LoadLook {
  readonly atMs: number
  readonly stats: VmStats
}

/**
 * The load between two looks.
 * @param dirtyPages pages written for the first time since the look before
 */
export function loadBetween(
  before: LoadLook,
  now: LoadLook,
  dirtyPages: number,
  touchedBytes: number,
): VmLoad {
  const ms = Math.max(now.atMs - before.atMs, 1)
  const percent = (part: number) => Math.max(0, Math.min(100, (100 * part) / ms))
  const { balloonPages, memoryUse } = now.stats
  const retired = Math.max(0, now.stats.instructions - before.stats.instructions)
  return {
    cpuDemandPercent: percent(now.stats.runnableMs - before.stats.runnableMs),
    cpuGotPercent: percent(now.stats.ranMs - before.stats.ranMs),
    mips: retired / ms / 1000,
    touchedBytes,
    dirtyPagesPerSec: (dirtyPages * 1000) / ms,
    ...(balloonPages > 0 && { balloonBytes: balloonPages * pageBytes }),
    ...(memoryUse && { availableBytes: memoryUse.availableBytes }),
  }
}

export function sumOfLoads(loads: Iterable<VmLoad>): {
  readonly cpuDemandPercent: number
  readonly cpuGotPercent: number
} {
  let [cpuDemandPercent, cpuGotPercent] = [0, 0]
  for (const load of loads) {
    cpuDemandPercent += load.cpuDemandPercent
    cpuGotPercent += load.cpuGotPercent
  }
  return { cpuDemandPercent, cpuGotPercent }
}
