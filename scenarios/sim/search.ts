// Looks for a seed under which a law breaks; and of a failing run, for the shortest list of deeds
// that still breaks one. Not here: what is done (fault-plan.ts, fault-run.ts), the command line
// (tools/sim.ts).

import { SeededRandom } from '#env/memory.ts'
import { type FaultPlan, type Planned, planOf } from './fault-plan.ts'
import { type RunOutcome, runPlan } from './fault-run.ts'
import type { SearchSubject } from './search-subject.ts'

export interface SearchEnd {
  readonly seed: number
  readonly plan: FaultPlan
  readonly outcome: RunOutcome
}

export const planOfSeed = (seed: number): FaultPlan =>
  planOf({
    random: new SeededRandom(seed),
    merges: new SeededRandom(seed ^ 0x1a7e5),
    late: new SeededRandom(seed ^ 0x1a7e),
    orders: new SeededRandom(seed ^ 0x0dd5),
    stale: new SeededRandom(seed ^ 0x57a1e),
    council: new SeededRandom(seed ^ 0xc0c0),
    company: new SeededRandom(seed ^ 0xc0a9),
    stores: new SeededRandom(seed ^ 0x5704e),
  })

export async function runSeed(subject: SearchSubject, seed: number): Promise<SearchEnd> {
  const plan = planOfSeed(seed)
  return { seed, plan, outcome: await runPlan(subject, plan, seed) }
}

/**
 * Leaves out as many deeds as it can, halves first, then one by one; each list is run anew. The
 * result still breaks a law, perhaps another one.
 */
export async function shorten(
  subject: SearchSubject,
  { seed, plan }: SearchEnd,
  tell: (left: number) => void = () => undefined,
): Promise<SearchEnd> {
  let steps = [...plan.steps]
  const breaks = async (kept: readonly Planned[]): Promise<boolean> =>
    (await runPlan(subject, { ...plan, steps: kept }, seed)).wrong.length > 0
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < steps.length; ) {
      const without = [...steps.slice(0, at), ...steps.slice(at + size)]
      if (await breaks(without)) steps = without
      else at += size
      tell(steps.length)
    }
  }
  const short = { ...plan, steps }
  return { seed, plan: short, outcome: await runPlan(subject, short, seed) }
}

/** What a search must have seen, or it has not searched. */
const mustBeSeen: readonly string[] = [
  ...['vm-recovered', 'node-fenced', 'migration-done', 'migration-failed', 'migration-paging'],
  ...['clone-done', 'snapshot-done', 'node-maintenance', 'node-empty'],
  ...['vm-crashed', 'ha-changed', 'node-gone', 'node-fencing'],
  ...['source lost while copying', 'destination lost while copying'],
  ...['coordinator lost while copying', 'source lost while paging'],
  ...['disk-error'],
  ...['layers-merged', 'node lost while layers are merged'],
  ...['stale start', 'stale stop', 'stale writer'],
  ...['vm-protected', 'vm-took-over', 'primary lost while its replica is ready'],
]

const onlyOfGuests = /clone|snapshot|disk|layers|writer|vm-protected|took-over|replica/

export const mustBeSeenOf = ({ hasGuests }: SearchSubject): readonly string[] =>
  hasGuests ? mustBeSeen : mustBeSeen.filter((what) => !onlyOfGuests.test(what))

export function addSeen(sum: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [what, count] of more) sum.set(what, (sum.get(what) ?? 0) + count)
}
