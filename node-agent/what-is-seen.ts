// What there is to see on this node for somebody who looks: gathered from the parts of the agent
// that know it. Not here: when it is told (sights.ts), what a map shows (page-map.ts).

import type { Clock } from '#env/env.ts'
import type { VmId } from '#proto/ids.ts'
import type { LinkSight, PageMap } from '#proto/sights.ts'
import { outputBufferedBytesMax } from './agent-limits.ts'
import type { HeldVms } from './held-vms.ts'
import type { Membership } from './membership.ts'
import type { Migrations } from './migrations.ts'
import type { Network } from './network/network.ts'
import { pageMap } from './page-map.ts'
import type { SentBytes } from './sent-bytes.ts'
import { Sights } from './sights.ts'
import type { Vmm } from './vmm.ts'

export interface SeenParts {
  readonly vms: HeldVms
  readonly vmm: Vmm
  readonly migrations: Migrations
  readonly network: Network
  readonly sent: SentBytes
}

/** Told over the link of this member, as long as that has room. */
export function newSights(clock: Clock, membership: Membership, parts: SeenParts): Sights {
  return new Sights({
    clock,
    hasRoom: () => membership.isUp && membership.bufferedBytes < outputBufferedBytesMax,
    send: (sight) => membership.send(sight),
    links: () => linksOf(parts),
    pagesOf: (vmId) => pagesOf(parts, vmId),
  })
}

/** What has gone to each other node. */
const linksOf = ({ network, sent }: SeenParts): LinkSight[] =>
  network.neighbours.map(({ nodeId }) => {
    const trunk = network.trunkTo(nodeId)
    return { to: nodeId, ...trunk, pageBytes: sent.to(nodeId) }
  })

/** Nothing of a VM that is not here, or has no machine. */
function pagesOf({ vms, vmm, migrations }: SeenParts, vmId: VmId): PageMap | undefined {
  const vm = vms.get(vmId)
  const memory = vm && vmm.memoryOf(vm)
  if (!vm || !memory) return undefined
  const { sending, log } = migrations.sentOf(vm) ?? {}
  return pageMap({
    ...{ vmId, pageCount: memory.pageCount, tables: memory.tables(log), sending },
    absentAre: migrations.isFork(vm) ? 'shared' : 'absent',
  })
}
