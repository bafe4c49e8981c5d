// What a search is done to: a cluster with real guests in real pages, or one whose VMs are models.
// Coordinator, lease, desk, step machines of migrations, network, faults and laws are the same.
// Models have no disks, snapshots, clones, replicas or consoles: deeds only about those are left
// out there. In return they are far cheaper. Not here: the deeds (fault-run.ts), what a
// model is (models/vm-model.ts).

import type { ApiCommand } from '#coordinator/core/step-context.ts'
import type { VmId } from '#proto/ids.ts'
import { isolationResponses, type VmSpecInput } from '#proto/vm-spec.ts'
import type { Deed } from './fault-plan.ts'
import { crashGuest, protectionFor, specs } from './fault-wishes.ts'
import { ModelNode } from './models/model-node.ts'
import { modelled } from './models/vm-model.ts'
import type { Crossing, Fate } from './sim-link.ts'
import type { SimPlatform } from './sim-node.ts'
import type { SimWorld, SimWorldOptions } from './sim-world.ts'
import type { Turns } from './turns.ts'

export interface SearchSubject {
  readonly world: Pick<SimWorldOptions, 'turns' | 'models'> & Partial<SimPlatform>
  /** What its VMs do. */
  readonly specs: readonly VmSpecInput[]
  /** Deeds that would mean nothing. */
  readonly lacks: ReadonlySet<Deed>
  /** Its VMs execute, print what they find wrong, and travel as bytes. */
  readonly hasGuests: boolean
  crash(world: SimWorld, id: VmId): void
  protectionFor(vmId: VmId, n: number): ApiCommand
}

export const realGuests = (platform: SimPlatform): SearchSubject => ({
  ...{ world: platform, specs, lacks: new Set(), hasGuests: true, protectionFor },
  crash: (world, id) => crashGuest(world.coordinator, id),
})

const idle = { is: 'constant', percent: 5 } as const
const busy = { is: 'constant', percent: 100 } as const

/** As busy as the guests of the other search, and as large. */
const modelSpecs: readonly VmSpecInput[] = [
  { load: busy, hot: { pages: 256, perSec: 300 }, idlePages: 60 },
  { load: busy, hot: { pages: 8, perSec: 100 }, idlePages: 300 },
  { load: idle, cold: { pages: 100, perSec: 5 }, idlePages: 60 },
  { load: idle, hot: { pages: 256, perSec: 100_000 }, idlePages: 60 },
].map((model) => ({ ...modelled({ ...model, bootMs: 60, pageShare: 0.2 }), memoryMib: 4 }))

const ofGuests: readonly Deed[] = [
  ...(['clone', 'snapshot', 'restore', 'drop-snapshot', 'template', 'deploy'] as const),
  ...(['fail-disk', 'fill-disk', 'strike-disk', 'heal-disk', 'merge', 'strike-merge'] as const),
  ...(['run-store', 'keep-store', 'strike-store'] as const),
]

export const modelVms = (turns: Turns): SearchSubject => ({
  ...{ world: { turns, models: { traces: new Map() } }, specs: modelSpecs, hasGuests: false },
  lacks: new Set(ofGuests),
  crash: (world, id) => {
    for (const node of world.nodes.values()) if (node instanceof ModelNode) node.crash(id)
  },
  // There are no replicas: what is left of protection is what happens in isolation.
  protectionFor: (vmId, n) => ({
    ...{ do: 'set-policy', vmId },
    change: { isolation: isolationResponses[n % isolationResponses.length] },
  }),
})

/** Every message is asked about, whether it goes as bytes or as it is. */
export function watchMessages(
  { network }: SimWorld,
  { hasGuests }: SearchSubject,
  meet: ((crossing: Omit<Crossing, 'bytes'>) => Fate) | undefined,
): void {
  if (hasGuests) network.onSend = meet
  else network.onPass = meet
}
