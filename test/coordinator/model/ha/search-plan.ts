// A seed → a cluster, and what happens to it: nodes and VMs of many sizes, rules, and acts with
// times between them, several of which may fall into one instant. Plain data, so that a plan that
// breaks a law can be made shorter. Not here: what an act does (search-acts.ts). Virtual ms.

import { SeededRandom } from '#env/memory.ts'

/** The numbers say which node, VM, rule …: whoever carries it out takes them modulo its lists. */
export interface Deed {
  readonly afterMs: number
  readonly what: Kind
  readonly at: readonly [number, number, number, number]
}

export interface SearchPlan {
  readonly seed: number
  readonly nodes: number
  readonly nodeMib: readonly number[]
  readonly vms: number
  readonly vmMib: readonly number[]
  readonly shutdown: 'fail-over' | 'freeze' | 'migrate'
  readonly hasDevice: boolean
  readonly rebalances: boolean
  readonly rules: readonly Deed[]
  readonly deeds: readonly Deed[]
}

/** How often, of all that happens. */
const weights = {
  ...{ kill: 4, start: 6, leave: 2, askLeave: 3, hang: 2, cut: 2, cutPeers: 1, heal: 1 },
  ...{ killCoordinator: 2, startCoordinator: 4, crashSoon: 1, breakDisk: 2, fence: 2 },
  ...{ crash: 4, evacuate: 3, endMaintenance: 3, rule: 5, dropRule: 2, group: 2, dropGroup: 1 },
  ...{ policy: 7, protect: 5, lock: 2, arm: 2, shutdown: 1, tolerate: 1, power: 2, sleep: 1 },
  ...{ stop: 2, startVm: 4, relocate: 2, migrate: 4, cancel: 2, pause: 1, resume: 1, remove: 3 },
  ...{ run: 4, clone: 3, rebalance: 1, snapshot: 3, restore: 2, dropSnapshot: 1 },
  ...{ template: 2, dropTemplate: 1, deploy: 3, roll: 2 },
} as const
export type Kind = keyof typeof weights

const kinds = Object.entries(weights).flatMap(([kind, weight]) =>
  new Array<Kind>(weight).fill(kind as Kind),
)

export function planOf(seed: number): SearchPlan {
  const random = new SeededRandom(seed)
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T
  const number = () => random.below(10_000)
  const deed = (what: Kind, afterMs: number): Deed => ({
    ...{ what, afterMs },
    at: [number(), number(), number(), number()],
  })
  const gapMs = () => pick([0, random.below(60), random.below(900), random.below(7000)])
  const isBig = random.below(2) === 0
  const vms = 2 + random.below(6)
  const beginning = pick(['nothing', 'nothing', ...Object.keys(beginnings)])
  return {
    seed,
    nodes: 2 + random.below(4),
    nodeMib: random.below(3) === 0 ? [400, 300, 200] : [400],
    vms,
    vmMib: isBig || fullBeginnings.has(beginning) ? [150, 100, 200, 60] : [20],
    shutdown: pick(['fail-over', 'freeze', 'migrate']),
    hasDevice: random.below(4) === 0,
    rebalances: random.below(4) === 0,
    rules: Array.from({ length: random.below(5) }, () => deed(pick(['rule', 'rule', 'group']), 0)),
    deeds: [
      ...(beginnings[beginning]?.(random, vms) ?? []),
      ...Array.from({ length: 5 + random.below(26) }, () => deed(pick(kinds), gapMs())),
    ],
  }
}

type Beginning = (random: SeededRandom, vms: number) => Deed[]

/** What takes several deeds in a row would seldom come about by chance. */
const beginnings: Readonly<Record<string, Beginning>> = {
  replicas: (random, vms) => [
    ...protectAll(random, vms),
    { what: 'kill', afterMs: random.below(7000), at: [random.below(100), 0, 0, 0] },
  ],
  fullOfReplicas: (random, vms) => [
    ...protectAll(random, vms),
    { what: 'kill', afterMs: 3000, at: [random.below(100), 0, 0, 0] },
    { what: 'kill', afterMs: 3000, at: [random.below(100), 0, 0, 0] },
  ],
  template: () => [
    { what: 'snapshot', afterMs: 400, at: [0, 1, 0, 0] },
    { what: 'template', afterMs: 400, at: [0, 1, 0, 0] },
  ],
  crashes: (random) => [
    { what: 'policy', afterMs: 0, at: [0, 0, 1, 0] },
    { what: 'policy', afterMs: 0, at: [0, 0, 1, 1] },
    ...Array.from({ length: 3 + random.below(3) }, (): Deed => {
      return { what: 'crash', afterMs: random.below(3000), at: [0, 0, 0, 0] }
    }),
  ],
  /** All that are to run are asked for anew, when the promise has been made. */
  promise: (random, vms) => [
    { what: 'tolerate', afterMs: 0, at: [0, 0, random.below(2), 1] },
    ...allVms(vms, (vm): Deed => ({ what: 'stop', afterMs: 0, at: [0, vm, 0, 0] })),
    { what: 'heal', afterMs: 400, at: [0, 0, 0, 0] },
    ...allVms(vms, (vm): Deed => ({ what: 'startVm', afterMs: 0, at: [0, vm, 0, 0] })),
  ],
  byHand: (random) => [
    { what: 'kill', afterMs: 200 + random.below(600), at: [random.below(2), 0, 0, 0] },
    ...[0, 1].map((node): Deed => ({ what: 'fence', afterMs: 0, at: [node, 0, 0, 0] })),
  ],
  disks: (random, vms) => [
    ...allVms(vms, (vm): Deed => ({ what: 'stop', afterMs: 0, at: [0, vm, 0, 0] })),
    { what: 'heal', afterMs: 400, at: [0, 0, 0, 0] },
    { what: 'breakDisk', afterMs: 0, at: [random.below(100), 0, 0, 0] },
    ...allVms(vms, (vm): Deed => ({ what: 'startVm', afterMs: 0, at: [0, vm, 0, 0] })),
  ],
  /** Strictly together, two or three of them. */
  company: (random) => [
    { what: 'rule', afterMs: 4000, at: [2 * random.below(2), 2, random.below(4), 2] },
  ],
}

/** They show something only where there is little room. */
const fullBeginnings: ReadonlySet<string> = new Set(['promise', 'fullOfReplicas'])

const allVms = (vms: number, deed: (vm: number) => Deed): Deed[] =>
  Array.from({ length: vms }, (_, vm) => deed(vm))

const protectAll = (random: SeededRandom, vms: number): Deed[] =>
  allVms(vms, (vm) => ({
    ...{ what: 'protect', afterMs: vm + 1 < vms ? 0 : 800 },
    at: [0, vm, 2 + random.below(3), random.below(100)],
  }))

/** Plans that are a little less. */
export function* shorterThan(plan: SearchPlan): Generator<SearchPlan> {
  for (const list of ['deeds', 'rules'] as const)
    for (let at = plan[list].length - 1; at >= 0; at--)
      yield { ...plan, [list]: plan[list].filter((_, n) => n !== at) }
  if (plan.vms > 1) yield { ...plan, vms: plan.vms - 1 }
}
