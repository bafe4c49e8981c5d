// The loads that an experiment runs on: days of recorded traces, thinned out in proportion when
// there are fewer nodes than they were recorded for, or days drawn from a seed for those who have
// no recording at hand. Pure. Percent of a core, a sample every five minutes.

import { SeededRandom } from '#env/memory.ts'
import { sampleEveryMs, type Trace } from '../sim/models/traces.ts'
import type { Day, Workload } from './experiment.ts'

/** All traces of a day are for so many nodes (Beloglazov and Buyya 2012, section 6.1). */
export const nodesOfAll = 800

export function recordedWorkload(days: readonly Day[], nodes: number): Workload {
  const thin = ({ name, traces }: Day): Day => {
    const kept = Math.max(1, Math.round((traces.length * nodes) / nodesOfAll))
    const every = traces.length / Math.min(kept, traces.length)
    const picked = Array.from({ length: Math.min(kept, traces.length) }, (_, i) =>
      traces.at(Math.floor(i * every)),
    )
    return { name, traces: picked.filter((trace) => trace !== undefined) }
  }
  return { days: days.map(thin), nodes, isRecorded: nodes === nodesOfAll }
}

const samplesADay = 288
const vmsANode = 1.3

/**
 * Loads with the habits of the recorded ones: mostly near 12 %, now and then much more for a while.
 * @param samples fewer, for a short day.
 */
export function drawnWorkload(days: number, nodes: number, samples = samplesADay): Workload {
  const vms = Math.round(nodes * vmsANode)
  const day = (at: number): Day => ({
    name: `drawn-${at + 1}`,
    traces: Array.from({ length: vms }, (_, vm) => drawnTrace(1000 * (at + 1) + vm, samples)),
  })
  return { days: Array.from({ length: days }, (_, at) => day(at)), nodes, isRecorded: false }
}

function drawnTrace(seed: number, samples: number): Trace {
  const random = new SeededRandom(seed)
  const usual = 2 + random.below(16)
  let burst = 0
  const percents = Uint8Array.from({ length: samples }, () => {
    if (burst > 0) burst--
    else if (random.float() < 0.03) burst = 2 + random.below(12)
    const level = burst > 0 ? 30 + random.below(60) : usual
    return Math.min(99, Math.max(0, Math.round(level * (0.5 + random.float()))))
  })
  return { percents, everyMs: sampleEveryMs }
}
