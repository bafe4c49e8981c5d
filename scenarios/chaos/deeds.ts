// What chaos does to a cluster, one deed at a time, and how it is mended: drawn from a seed, so
// that the same seed gives the same deeds to the same nodes. Half of them are shorter than a lease,
// half longer: a hiccup nobody may fall over, and an outage after which VMs run elsewhere. Pure.
// Not here: when, and what has to hold afterwards (chaos-run.ts). Times in ms.

import type { Random } from '#env/env.ts'
import type { BreakRequest } from '#proto/laboratory.ts'
import { durationText } from '../language/quantities.ts'

export const deedKinds = ['kill', 'hang', 'cut'] as const
export type DeedKind = (typeof deedKinds)[number]

export interface Deed {
  readonly node: string
  /** How long it lasts. */
  readonly forMs: number
  readonly request: BreakRequest
  /** Absent: it ends by itself. */
  readonly mend?: BreakRequest
  readonly text: string
}

/** With the usual lease and margin of 3 s in the middle. */
const forMsMin = 500
const forMsMax = 6_000

const cuts = [
  { coordinator: true, peers: true, from: 'all' },
  { coordinator: true, peers: false, from: 'the coordinator' },
  { coordinator: false, peers: true, from: 'its peers' },
] as const

/** @param nodes those that can be broken, in an order that is the same each time */
export function chooseDeed(
  random: Random,
  kinds: readonly DeedKind[],
  nodes: readonly string[],
): Deed {
  const kind = kinds[random.below(kinds.length)] ?? 'kill'
  const node = nodes[random.below(nodes.length)] ?? ''
  const forMs = forMsMin + random.below(forMsMax - forMsMin)
  const cut = cuts[random.below(cuts.length)] ?? cuts[0]
  const lasting = durationText(forMs)
  if (kind === 'hang')
    return { node, forMs, request: { do: 'hang', forMs }, text: `hang ${node} for ${lasting}` }
  if (kind === 'kill')
    return {
      ...{ node, forMs, request: { do: 'kill' }, mend: { do: 'revive' } },
      text: `kill ${node}, start it again after ${lasting}`,
    }
  const { coordinator, peers, from } = cut
  return {
    ...{ node, forMs, request: { do: 'cut', coordinator, peers }, mend: { do: 'heal' } },
    text: `cut ${node} from ${from} for ${lasting}`,
  }
}
