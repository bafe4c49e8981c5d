// The `cluster`, `vms` and `clients` parts of a scenario: what stands there before the story
// begins. Not here: what happens (timeline.ts), what should come of it (expectations.ts).

import { z } from 'zod'
import { NodeCapacity } from '#proto/message-parts.ts'
import { heartbeatMs, leaseMarginMs, leaseMs } from '#proto/units.ts'
import { Name, VmSpec } from '#proto/vm-spec.ts'
import { PolicyPart, SettingsPart } from './high-availability.ts'
import { LinkPart, RacksPart } from './links.ts'
import { ModelPart } from './model.ts'
import { PowerPart } from './power.ts'
import { Duration, fits, Share, Size } from './quantities.ts'

// As coordinator and agents take them, and no processes come up with anything else.
const memoryMib = NodeCapacity.shape.memoryMib.max(1 << 24)
const Wait = Duration.refine((ms) => ms >= 1 && ms <= 3_600_000, 'from 1ms to 1h')
/** A lease outlives so many heartbeats: one may get lost. */
export const beatsInLease = 3

const many = (max: number, what: string) =>
  z.int().min(1).max(max).optional().describe(`So many ${what}, called ID-1, ID-2, …`)

export const NodePart = z
  .strictObject({
    id: Name.describe('What the node is called in this scenario'),
    count: many(10_000, 'nodes'),
    cores: z.int().min(1).max(256).default(1).describe('pCPUs: worker threads of the node'),
    mips: z
      .number()
      .min(0)
      .max(1e6)
      .default(0)
      .describe('Million guest instructions a second of one core; 0: as fast as the machine can'),
    memory: Size.refine(fits(memoryMib), 'a node has 1MiB to 16384GiB')
      .default(1024)
      .describe('What all VMs of the node may use together'),
    start: z
      .enum(['at-once', 'later'])
      .default('at-once')
      .describe('`later`: it joins when the timeline says `do: start-node`'),
  })
  .describe('One node')

export const ClusterPart = z
  .strictObject({
    nodes: z.array(NodePart).min(1).describe('The members of the cluster'),
    lease: Wait.default(leaseMs).describe('How long a node may run protected VMs unheard'),
    heartbeat: Wait.default(heartbeatMs).describe('How often a node renews its lease'),
    margin: Wait.default(leaseMarginMs).describe('Waited besides, before VMs are recovered'),
    rebalance: z.boolean().default(false).describe('Whether the cluster rebalances by itself'),
    'fence-after': Wait.optional().describe(
      'A fence device ends nodes that are silent for so long; left out: leases run out',
    ),
    ha: SettingsPart.optional(),
    power: PowerPart.optional(),
    racks: RacksPart.default({}),
    links: z.array(LinkPart).default([]).describe('How links are, when not as the world has them'),
  })
  .describe('The cluster as it is at the start')

// Defaults that belong to the cluster, not to the language, are left to proto's VmSpec.
const spec = VmSpec.shape
export const VmPart = z
  .strictObject({
    id: Name.describe('What the VM is called'),
    count: many(100_000, 'VMs'),
    model: ModelPart.optional(),
    image: spec.image.describe('The guest image'),
    args: spec.args.describe('Boot arguments, e.g. workload=kv (docs/guest.md)'),
    memory: Size.refine(fits(spec.memoryMib), 'a VM has 4MiB to 3072MiB')
      .default(16)
      .describe('RAM'),
    disk: Size.refine(fits(spec.diskMib), 'a disk has 16GiB at most')
      .default(0)
      .describe('Durable disk; 0MiB: none'),
    shares: spec.cpuShares.describe('Weight against the other VMs of its pCPU'),
    cap: Share.refine(fits(spec.cpuCapPercent), 'a VM has one core: 1% to 100% of it')
      .default(100)
      .describe('At most so much of one core'),
    'expected-load': Share.refine(fits(spec.cpuExpectedPercent), 'a VM has one core: 100% at most')
      .default(10)
      .describe('What placement counts on before it has measured'),
    clock: spec.clock.describe('Guest time: `real`, or `instructions` retired'),
    screen: spec.screen.describe('Width and height of its screen, e.g. 800x600; left out: none'),
    network: spec.network.describe('Whether it has a card, or the name of its network'),
    boot: spec.boot.describe('`paravirtualised`, or `unmodified`: from firmware, as on hardware'),
    heartbeat: Duration.refine(fits(spec.heartbeatMs), 'in whole ms, from 1s to 1h')
      .optional()
      .describe('A kernel that is silent for so long hangs (docs)'),
    ha: spec.ha.describe('Whether it is restarted elsewhere when its node is lost'),
    policy: PolicyPart.optional(),
    node: Name.optional().describe('Where it starts first; left out: where placement puts it'),
    start: z
      .enum(['at-once', 'later'])
      .default('at-once')
      .describe('`later`: only when the timeline says `do: run`'),
  })
  .describe('One VM')

export const ClientPart = z
  .strictObject({
    id: Name.describe('What the client is called'),
    vm: Name.describe('A VM with workload=kv'),
    'writes-per-second': z.number().min(0.1).max(5000).default(20),
    keys: z.int().min(1).max(10_000).default(100).describe('How many different keys it writes'),
    'in-flight': z.int().min(1).max(64).default(8).describe('Unanswered requests at most'),
  })
  .describe('One client of a key-value store: writes, remembers what was acknowledged, verifies')

export const TypistPart = z
  .strictObject({
    id: Name.describe('What the typist is called'),
    vm: Name.describe('A VM with workload=desktop, and a screen'),
    'keys-per-second': z.number().min(0.1).max(100).default(10),
    as: Name.optional().describe('The person who they are; left out: the run itself'),
  })
  .describe('A person at the screen of a VM: types into its editor, and looks at what it shows')

export type TypistPart = z.infer<typeof TypistPart>
export type ClusterPart = z.infer<typeof ClusterPart>
export type VmPart = z.infer<typeof VmPart>
export type ClientPart = z.infer<typeof ClientPart>

/** The VM's spec as the API takes it. */
export const specOf = (vm: Omit<VmPart, 'count' | 'model' | 'start'>): VmSpec =>
  VmSpec.parse({
    image: vm.image,
    args: vm.args,
    memoryMib: vm.memory,
    diskMib: vm.disk,
    cpuShares: vm.shares,
    cpuCapPercent: vm.cap,
    cpuExpectedPercent: vm['expected-load'],
    clock: vm.clock,
    network: vm.network,
    boot: vm.boot,
    screen: vm.screen,
    heartbeatMs: vm.heartbeat,
    ha: vm.ha,
  })
