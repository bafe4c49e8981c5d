// What a search does to the simulated world, decided before anything happens: when, what, and to
// whom. Pure: a seed in, a list out, so that a failing list can be replayed and shortened. Names
// are numbers here, and mean whoever is there when the time comes.
// Not here: doing it (fault-run.ts). Times in virtual ms.

import type { Random } from '#env/env.ts'
import { invariant } from '#proto/invariant.ts'
import { nearRoad, type RoadTraits } from './sim-road.ts'

export const deeds = [
  'run',
  'migrate',
  'clone',
  'snapshot',
  'restore',
  'drop-snapshot',
  'template',
  'deploy',
  'stop',
  'start',
  'remove',
  'pause',
  'resume',
  'cancel',
  'post-copy',
  'evacuate',
  'return',
  'relocate',
  'rule',
  'policy',
  'power',
  'crash',
  'stop-node',
  'kill',
  'restart',
  'hang',
  'go-on',
  'cut',
  'isolate',
  'clog',
  'heal',
  'break',
  'repeat-message',
  'strike',
  'kill-coordinator',
  'restart-coordinator',
  'protect',
] as const
/** Of the store that all share; drawn behind all others, so that old seeds have their old plans. */
const diskDeeds = ['fail-disk', 'fill-disk', 'strike-disk', 'heal-disk'] as const
/** Drawn from a stream of their own, for the same reason. */
const mergeDeeds = ['snapshot', 'snapshot', 'merge', 'strike-merge'] as const
/** What only comes about when a word or a process is late; from a stream of their own as well. */
const lateDeeds = ['late-lease', 'replace', 'strike-late'] as const
/** The last that is heard of a coordinator is an order; likewise. */
const orderDeeds = ['strike-order'] as const
/** What is said under an epoch that is over; likewise. */
const staleDeeds = ['stale-word'] as const
/** Of several coordinators; likewise. */
const councilDeeds = [
  ...(['hang-leader', 'kill-coordinator', 'restart-coordinator'] as const),
  ...(['cut-etcd', 'late-etcd'] as const),
] as const
/** Of stores whose customers hold them to every answer; likewise. */
const storeDeeds = ['run-store', 'keep-store', 'keep-store', 'strike-store'] as const
export type Deed =
  | (typeof deeds)[number]
  | (typeof diskDeeds)[number]
  | (typeof mergeDeeds)[number]
  | (typeof lateDeeds)[number]
  | (typeof orderDeeds)[number]
  | (typeof staleDeeds)[number]
  | (typeof councilDeeds)[number]
  | (typeof storeDeeds)[number]

export interface Planned {
  readonly atMs: number
  readonly do: Deed
  /** Which VM, node, mode: each deed takes what it needs. */
  readonly one: number
  readonly other: number
}

export interface FaultPlan {
  readonly nodes: number
  readonly steps: readonly Planned[]
  /** How long the faults last; after that all is healed. */
  readonly safetyMs: number
  /** How wrong clocks may go: none, as quartz does, or so much that a lease is off by 100 ms. */
  readonly driftMost: number
  readonly road: RoadTraits
  /** A fence device ends nodes that are silent for so long; undefined: there is none. */
  readonly fenceAfterMs: number | undefined
  /** The first two VMs are kept apart, strictly, from before there are any. */
  readonly isApart: boolean
  /** The first and the third are kept together, strictly, from before there are any. */
  readonly isTogether: boolean
  /** Disks with more layers are merged; undefined: as everywhere, which a run does not come to. */
  readonly mergeLayersAbove: number | undefined
  /** So many, on an etcd; 1: the only one, on a store of its own. */
  readonly coordinators: number
}

/** Of a hundred deeds, with nothing drawn from the seed yet. */
const weights: Record<(typeof deeds)[number], number> = {
  ...{
    run: 8,
    migrate: 22,
    clone: 5,
    snapshot: 3,
    restore: 2,
    'drop-snapshot': 1,
    template: 2,
    deploy: 3,
  },
  ...{ stop: 2, start: 4, remove: 1, pause: 2, resume: 3, cancel: 2, 'post-copy': 2 },
  ...{ relocate: 2, rule: 2, policy: 2, power: 1, crash: 2, 'stop-node': 1 },
  ...{ evacuate: 2, return: 3, kill: 4, restart: 7, hang: 3, 'go-on': 5 },
  ...{ cut: 4, isolate: 4, clog: 3, heal: 3, break: 4, 'repeat-message': 2, strike: 14 },
  ...{ 'kill-coordinator': 2, 'restart-coordinator': 4 },
  protect: 5,
}
const faults: readonly (typeof deeds)[number][] = [
  'crash',
  'kill',
  'hang',
  'cut',
  'isolate',
  'clog',
  'break',
  'strike',
  'kill-coordinator',
]

const drifts = [0, 0.0002, 0.02]
/** The same rack; a house with 1 Gbit/s; another town with 16 Mbit/s, and losses. */
const roads: readonly RoadTraits[] = [
  nearRoad,
  { latencyMs: 1, jitterMs: 1, bytesPerMs: 125_000 },
  { latencyMs: 15, jitterMs: 40, bytesPerMs: 2000 },
]

/** What a plan is drawn from: what came later has a stream of its own, so that old seeds stay. */
export interface PlanStreams {
  readonly random: Random
  /** Merges of layers. */
  readonly merges: Random
  /** Late words and processes. */
  readonly late: Random
  /** Orders that are the last word. */
  readonly orders: Random
  /** Words under old epochs. */
  readonly stale: Random
  /** Several coordinators. */
  readonly council: Random
  /** VMs that are kept together. */
  readonly company: Random
  /** Stores that are protected. */
  readonly stores: Random
}

/** Each run draws its own size, pace and fault rate. */
export function planOf(streams: PlanStreams): FaultPlan {
  const { random, merges, late, orders, stale, council, company, stores } = streams
  const nodes = 2 + random.below(3)
  const safetyMs = 4000 + random.below(16_000)
  const steps = deedSteps(safetyMs, random)
  const driftMost = drifts[random.below(drifts.length)] ?? 0
  const road = roads[random.below(roads.length)] ?? nearRoad
  const fenceAfterMs = random.below(4) === 0 ? 800 : undefined
  const isApart = random.below(2) === 0
  steps.push(...diskSteps(safetyMs, random))
  const mergeLayersAbove = merges.below(2) === 0 ? 2 + merges.below(3) : undefined
  if (mergeLayersAbove !== undefined) steps.push(...mergeSteps(safetyMs, merges))
  steps.push(...lateSteps(safetyMs, late))
  steps.push(...orderSteps(safetyMs, orders))
  steps.push(...staleSteps(safetyMs, stale))
  const coordinators = council.below(5) === 0 ? 2 + council.below(2) : 1
  if (coordinators > 1) steps.push(...councilSteps(safetyMs, council))
  const isTogether = company.below(3) === 0
  if (isTogether) steps.push(...companySteps(safetyMs, company))
  steps.push(...storeSteps(safetyMs, stores))
  steps.sort((a, b) => a.atMs - b.atMs)
  return {
    ...{ nodes, steps, safetyMs, driftMost, road },
    ...{ fenceAfterMs, isApart, isTogether, mergeLayersAbove, coordinators },
  }
}

/** At a pace, with a fault rate, and with each deed as often, as this run draws. */
function deedSteps(safetyMs: number, random: Random): Planned[] {
  const paceMs = 40 + random.below(600)
  const faultRate = 0.2 + 2 * random.float()
  const drawn = Object.fromEntries(
    deeds.map((deed) => {
      const rate = faults.includes(deed) ? faultRate : 0.3 + 1.4 * random.float()
      return [deed, weights[deed] * rate]
    }),
  ) as typeof weights
  const steps: Planned[] = [{ atMs: 700, do: 'run', one: 0, other: 0 }]
  for (let atMs = 800; atMs < safetyMs; atMs += 1 + random.below(2 * paceMs))
    steps.push({
      atMs,
      do: draw(drawn, random),
      one: random.below(1000),
      other: random.below(1000),
    })
  return steps
}

/** In one run of two layers are merged all the time, and nodes die while they write. */
const mergeSteps = (safetyMs: number, random: Random): Planned[] =>
  stepsOf(mergeDeeds, { fromMs: 1000 + random.below(1000), everyMsMax: 800, safetyMs }, random)

/** In one run of three the store fails now and then, for one node or another. */
function diskSteps(safetyMs: number, random: Random): Planned[] {
  if (random.below(3) > 0) return []
  const fromMs = 900 + random.below(2000)
  return stepsOf(diskDeeds, { fromMs, everyMsMax: 1500, safetyMs }, random)
}

/** In one run of three. */
function lateSteps(safetyMs: number, random: Random): Planned[] {
  if (random.below(3) > 0) return []
  const fromMs = 1500 + random.below(1500)
  return stepsOf(lateDeeds, { fromMs, everyMsMax: 5000, safetyMs }, random)
}

/** In one run of four. */
function orderSteps(safetyMs: number, random: Random): Planned[] {
  if (random.below(4) > 0) return []
  const fromMs = 800 + random.below(2000)
  return stepsOf(orderDeeds, { fromMs, everyMsMax: 8000, safetyMs }, random)
}

/** In one run of three: they cost nothing, and must change nothing. */
function staleSteps(safetyMs: number, random: Random): Planned[] {
  if (random.below(3) > 0) return []
  return stepsOf(staleDeeds, { fromMs: 1500, everyMsMax: 700, safetyMs }, random)
}

const councilSteps = (safetyMs: number, random: Random): Planned[] =>
  stepsOf(councilDeeds, { fromMs: 1000 + random.below(1500), everyMsMax: 3000, safetyMs }, random)

/** What has company is protected more often: its replicas go where the others can follow. */
const companySteps = (safetyMs: number, random: Random): Planned[] =>
  stepsOf(['run', 'protect', 'protect'], { fromMs: 900, everyMsMax: 1500, safetyMs }, random)

/** In one run of three stores have a standby all the time, and lose who runs them. */
function storeSteps(safetyMs: number, random: Random): Planned[] {
  if (random.below(3) > 0) return []
  return stepsOf(storeDeeds, { fromMs: 900, everyMsMax: 1500, safetyMs }, random)
}

interface Spell {
  readonly fromMs: number
  /** From one to the next, at most. */
  readonly everyMsMax: number
  readonly safetyMs: number
}

function stepsOf(of: readonly Deed[], spell: Spell, random: Random): Planned[] {
  const { fromMs, everyMsMax, safetyMs } = spell
  const steps: Planned[] = []
  for (let atMs = fromMs; atMs < safetyMs; atMs += 1 + random.below(everyMsMax)) {
    const deed = of[random.below(of.length)]
    invariant(deed, 'a deed is drawn of those there are')
    steps.push({ atMs, do: deed, one: random.below(1000), other: random.below(1000) })
  }
  return steps
}

const allFaults: ReadonlySet<Deed> = new Set([
  ...[...faults, ...lateDeeds, ...orderDeeds, ...staleDeeds, 'strike-store' as const],
  ...(['hang-leader', 'cut-etcd', 'late-etcd'] as const),
  ...(['repeat-message', 'fail-disk', 'fill-disk', 'strike-disk', 'strike-merge'] as const),
])

/** Something breaks, or is aimed at; the others are what people do, and mending. */
export const isFault = (deed: Deed): boolean => allFaults.has(deed)

function draw(of: Readonly<typeof weights>, random: Random): Deed {
  const total = deeds.reduce((sum, deed) => sum + of[deed], 0)
  let left = random.float() * total
  for (const deed of deeds) {
    left -= of[deed]
    if (left < 0) return deed
  }
  return 'migrate'
}

export const stepText = ({ atMs, do: deed, one, other }: Planned): string =>
  `${String(atMs).padStart(6)} ms  ${deed} ${one} ${other}`
