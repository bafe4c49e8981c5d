// What a VM is: the machine that an operator asks for, and the identity that makes it this one.
// Sizes in MiB, CPU in percent of one core; the identity is given by the coordinator, fresh for
// each clone.

import { z } from 'zod'
import { namePattern } from './ids.ts'
import { ScreenText } from './screen.ts'

export const Name = z.string().regex(namePattern, 'use 1-63 of a-z, 0-9 and -, not - at either end')

/**
 * Whose VMs hear each other: the network that an operator has given this name, or, with a `~`
 * before it, the one of the person of this name.
 */
export const NetworkName = z
  .string()
  .regex(/^~?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'write the NAME of a network, or ~PERSON')

/** The network of a person's VMs. */
export const networkOfPerson = (person: string): string => `~${person}`

export const VmIdentity = z.strictObject({
  /**
   * Tells a guest that it is another one than before: new for each VM and each clone. UUID text.
   */
  instanceId: z.uuid(),
  mac: z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/),
  /** 64 hex digits: what the guest's random number device starts from. */
  randomSeed: z.string().regex(/^[0-9a-f]{64}$/),
})
export type VmIdentity = z.infer<typeof VmIdentity>

/** The image of our own guest, which comes along (engine/guests/). */
export const ownImage = 'godwit-guest'

export const isolationResponses = ['stop', 'pause'] as const
export type IsolationResponse = (typeof isolationResponses)[number]

/** So much RAM has a VM at most. */
export const memoryMibMax = 3072

/** What an operator writes; everything has a default. */
export const VmSpec = z.strictObject({
  /** The image: `godwit-guest` comes along (engine/guests/), `debian` is to be pulled. */
  image: z.string().default(ownImage),
  /** Boot arguments (the kernel command line), for our guest `workload=kv|dirty|cpu|check …`; empty: the image's. */
  args: z.string().max(1024).default(''),
  memoryMib: z.int().min(4).max(memoryMibMax).default(32),
  diskMib: z.int().min(0).max(16384).default(0),
  /** Weight against the other VMs of its pCPU. */
  cpuShares: z.int().min(1).max(10000).default(1024),
  /** At most so much of one core; 100 is a whole one. */
  cpuCapPercent: z.number().min(1).max(100).default(100),
  /** What placement counts on before the first measurement, in percent of one core. */
  cpuExpectedPercent: z.number().min(0).max(100).default(10),
  /**
   * `real`: guest time is wall time. `instructions`: it is derived from retired instructions
   * (deterministic).
   */
  clock: z.enum(['real', 'instructions']).default('real'),
  /**
   * `paravirtualised`: the VMM answers the guest's SBI calls. `unmodified`: firmware in M-mode
   * does, as on hardware.
   */
  boot: z.enum(['paravirtualised', 'unmodified']).default('paravirtualised'),
  /** Restart elsewhere when its node is lost; then the node's lease covers it. */
  ha: z.boolean().default(true),
  /**
   * What its node does with it when the lease ends. `stop`, as if unsaid: it is gone. `pause`: it
   * stands still, and goes on when it was restarted nowhere meanwhile.
   */
  isolation: z.enum(isolationResponses).optional(),
  /**
   * A guest whose kernel has answered its balloon, and does not for so long any more, hangs: it
   * ends as one that crashed. Absent: it may. Clock `real` only.
   */
  heartbeatMs: z.int().min(1000).max(3_600_000).optional(),
  /**
   * A network device, with an address of its own. `true`: among the VMs of its owner, or among
   * those that nobody owns; a name: among those of that network. No frame goes to another network.
   */
  network: z.union([z.boolean(), NetworkName]).default(true),
  /** With keyboard and pointer, as `800x600`: its pixels are the end of the VM's memory. */
  screen: ScreenText.optional(),
})
export type VmSpec = z.infer<typeof VmSpec>
export type VmSpecInput = z.input<typeof VmSpec>

/** For people: whose VMs it hears. */
export const networkText = ({ network }: Pick<VmSpec, 'network'>): string =>
  network === false
    ? 'none'
    : network === true
      ? 'common'
      : network.startsWith('~')
        ? `${network.slice(1)}’s own`
        : network

/**
 * For people: `kv` of the boot arguments `workload=kv …`; the image's name when the guest is not
 * ours.
 */
export const workloadOf = ({ args, image }: Pick<VmSpec, 'args' | 'image'>): string =>
  /(?:^|\s)workload=(\S+)/.exec(args)?.[1] ?? image

/** A layer of a disk: a file in the cluster's shared disk store. */
export const layerName = z.string().regex(/^[a-z0-9.-]{1,120}$/)

/**
 * Where a VM's durable blocks are, in the cluster's shared disk store; the first layer is the
 * oldest.
 */
export const DiskRef = z.strictObject({
  sizeBytes: z.int().min(0),
  /** File names in the store. All but the last are read-only and may be shared by clones. */
  layers: z.array(layerName).max(64),
})
export type DiskRef = z.infer<typeof DiskRef>
