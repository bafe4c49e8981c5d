// What a node's metrics show, gathered from the parts of the agent that know it. Not here: names
// and help texts (metrics.ts). MiB, percent of one core, ms.

import type { HeldVms } from './held-vms.ts'
import { sumOfLoads } from './load.ts'
import type { LoadMeter } from './load-meter.ts'
import type { Membership } from './membership.ts'
import type { Network } from './network/network.ts'

interface Parts {
  readonly vms: HeldVms
  readonly meter: LoadMeter
  readonly membership: Membership
  readonly network: Network
}

export function numbersOf({ vms, meter, membership, network }: Parts) {
  const vmsByState = new Map<string, number>()
  for (const { state } of vms.all()) vmsByState.set(state, (vmsByState.get(state) ?? 0) + 1)
  return {
    vmsByState,
    reservedMib: vms.reservedMib,
    capacityMib: vms.memoryMibMax,
    ...sumOfLoads(meter.loads()),
    leaseLeftMs: membership.leaseLeftMs,
    isJoined: membership.isUp,
    traffic: network.traffic,
    trunks: network.trunkCount,
    learnedAddresses: network.learned,
  }
}
