// What one agent says that it holds, asked at its metrics port: past the coordinator, and past
// every cut. Not here: what the answers mean (scenarios/runner/copy-watch.ts). Times in ms.

import { z } from 'zod'
import type { NodeId } from '#proto/ids.ts'
import { VmReport } from '#proto/messages.ts'
import type { AgentAnswer } from '../world.ts'

/** World.copies leaves out who does not answer within it. */
const copiesMsMax = 1_000

/** Nothing when it does not say it in time. */
export async function copiesAt(
  nodeId: NodeId,
  metricsUrl: string | undefined,
): Promise<AgentAnswer | undefined> {
  if (metricsUrl === undefined) return undefined
  try {
    const url = new URL('/vms', metricsUrl)
    const answer = await fetch(url, { signal: AbortSignal.timeout(copiesMsMax) })
    const reports = z.array(VmReport).parse(await answer.json())
    return { nodeId, copies: reports.map(({ vmId, epoch, state }) => ({ vmId, epoch, state })) }
  } catch {
    return undefined // Dead, hung, or just ending.
  }
}
