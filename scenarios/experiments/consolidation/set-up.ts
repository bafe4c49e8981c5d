// The set-up of Beloglazov and Buyya, "Optimal online deterministic algorithms and adaptive
// heuristics for energy and performance efficient dynamic consolidation of virtual machines in
// Cloud data centers", Concurrency and Computation 24(13), 2012, section 6: nodes, VMs and what
// nodes draw. Memory of the second kind of VM as in the program that was released with the paper
// (CloudSim 3, examples/power/Constants.java), not as in its text (3.75 GB). Not here: loads.
// MIPS, MiB, W.

export interface NodeKind {
  readonly name: string
  readonly cores: number
  readonly coreMips: number
  readonly memoryMib: number
  /** What it draws at 0, 10, … 100 % of use. */
  readonly watts: readonly number[]
}

export interface VmKind {
  readonly name: string
  /** Of its one core, at a load of 100 %. */
  readonly mips: number
  readonly memoryMib: number
}

/** SPECpower_ssj2008, results of 2011-01-27 (00342) and 2011-01-24 (00339). */
export const nodeKinds: readonly NodeKind[] = [
  {
    name: 'HP ProLiant ML110 G4, Xeon 3040',
    ...{ cores: 2, coreMips: 1860, memoryMib: 4096 },
    watts: [86, 89.4, 92.6, 96, 99.5, 102, 106, 108, 112, 114, 117],
  },
  {
    name: 'HP ProLiant ML110 G5, Xeon 3075',
    ...{ cores: 2, coreMips: 2660, memoryMib: 4096 },
    watts: [93.7, 97, 101, 105, 110, 116, 121, 125, 129, 133, 135],
  },
]

/** After kinds of Amazon EC2: high-CPU medium, extra large, small, micro. */
export const vmKinds: readonly VmKind[] = [
  { name: 'high-CPU', mips: 2500, memoryMib: 870 },
  { name: 'extra large', mips: 2000, memoryMib: 1740 },
  { name: 'small', mips: 1000, memoryMib: 1740 },
  { name: 'micro', mips: 500, memoryMib: 613 },
]

/** The first quarter of the VMs is of the first kind, and so on. */
export function kindOf(index: number, vms: number): VmKind {
  const aKind = Math.ceil(vms / vmKinds.length)
  return vmKinds[Math.floor(index / aKind)] as VmKind
}

/** Kinds take turns. */
export const nodeKindOf = (index: number): NodeKind => nodeKinds[index % 2] as NodeKind

export const mipsOf = ({ cores, coreMips }: NodeKind): number => cores * coreMips

/** Between two tenths on the straight line. `use` is 0 to 1; what is more draws no more. */
export function wattsAt({ watts }: Pick<NodeKind, 'watts'>, use: number): number {
  const tenths = Math.min(Math.max(use, 0), 1) * 10
  const below = Math.floor(tenths)
  const low = watts[below] as number
  const high = watts[Math.ceil(tenths)] as number
  return low + (high - low) * (tenths - below)
}

export const intervalSec = 300

/** Half of the node's 1 Gbit/s, in the units of the released program: MB a second. */
const migrationMibPerSec = 1_000_000 / (2 * 8000)

export const migrationSec = (memoryMib: number): number => memoryMib / migrationMibPerSec

/** A VM that moves gets a tenth less at its source, and a tenth at its destination. */
export const shareAtSource = 0.9
export const shareAtDestination = 0.1
