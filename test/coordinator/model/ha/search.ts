// One seed of the search for broken laws of high availability: a plan is played, everything is
// healed, and the judges look at it. A plan that breaks a law is made shorter, as long as it breaks
// the same one. Virtual ms.

import { asNodeId } from '#proto/ids.ts'
import { overfull } from './order-judge.ts'
import { wrongAtRest, wrongInMaintenance } from './rest-judge.ts'
import { act, runVm, vmsOf } from './search-acts.ts'
import { SearchCluster } from './search-cluster.ts'
import { type SearchPlan, shorterThan } from './search-plan.ts'

export interface SearchEnd {
  readonly plan: SearchPlan
  readonly wrong: readonly string[]
  readonly story: readonly string[]
}

/** Longer than any time after which something is tried again (ruleRetryMsMax, moveCooldownMs). */
const longRestMs = 70_000
/** A round of settling; longer than consolidation waits for its next plan. */
const roundMs = 16_000
/** So long everything may take to come to rest: six moves of consolidation, and all retries. */
const roundsMax = 12

/** And so often it may turn out that something else could be better. */
const restsMax = 5

/** @param restMs how long it is looked at whether anything moves once all is at rest. */
export function search(plan: SearchPlan, restMs = longRestMs): SearchEnd {
  const cluster = new SearchCluster(plan)
  const judge = () => {
    try {
      return play(cluster, restMs)
    } catch (thrown) {
      return [thrown instanceof Error ? thrown.message : String(thrown)]
    }
  }
  return { plan, wrong: judge(), story: cluster.story }
}

function play(cluster: SearchCluster, restMs: number): string[] {
  let seen = 0
  cluster.law = () => {
    if (cluster.changes === seen) return
    seen = cluster.changes
    const wrong = cluster.state && overfull(cluster.sight)
    if (wrong) throw new Error(wrong)
  }
  const { plan } = cluster
  cluster.advance(600)
  cluster.ask({ do: 'set-ha', change: { shutdown: plan.shutdown } })
  for (const deed of plan.rules) act(cluster, deed)
  for (const [n, id] of vmsOf(plan).entries()) runVm(cluster, id, n)
  cluster.advance(800)
  for (const deed of plan.deeds) {
    act(cluster, deed)
    cluster.advance(deed.afterMs)
  }
  return [...maintained(cluster), ...atRest(cluster, restMs)]
}

/** Nothing is broken: nodes in maintenance are left. */
function maintained(cluster: SearchCluster): string[] {
  cluster.heal()
  cluster.beAtPeace()
  if (!cluster.sight.nodes().some(({ maintenance }) => maintenance)) return []
  cluster.advance(roundMs / 2)
  // One whose moves have failed is tried again later.
  if (wrongInMaintenance(cluster.sight).length > 0) cluster.advance(longRestMs)
  return wrongInMaintenance(cluster.sight)
}

function atRest(cluster: SearchCluster, restMs: number): string[] {
  cluster.advance(300)
  cluster.ask({ do: 'set-ha', change: { armed: true, tolerate: 0 } })
  let wrong = ['nothing was looked at']
  for (let round = 0; round < roundsMax && wrong.length > 0; round++) {
    if (round < 3) helpAll(cluster)
    const moves = movesIn(cluster, round === 0 ? roundMs / 2 : roundMs)
    wrong = [...wrongAtRest(cluster.sight), ...disbelieved(cluster), ...moves]
  }
  return wrong.length > 0 ? wrong : restless(cluster, restMs)
}

/** Load may be shared out a last time; who moves again and again never comes to rest. */
function restless(cluster: SearchCluster, restMs: number): string[] {
  let moves: string[] = []
  for (let rest = 0; rest < restsMax; rest++) {
    moves = movesIn(cluster, restMs)
    if (moves.length === 0) return wrongAtRest(cluster.sight)
  }
  return moves
}

function movesIn(cluster: SearchCluster, ms: number): string[] {
  const before = new Set(cluster.sight.state.migrations.keys())
  cluster.advance(ms)
  const moves = [...cluster.sight.state.migrations.values()].filter(({ id }) => !before.has(id))
  return moves.map(({ vmId, from, to, cause }) => `${vmId} moves at rest: ${from}>${to}, ${cause}`)
}

/** What an operator does who wants everything to run again. */
function helpAll(cluster: SearchCluster): void {
  for (const { id, maintenance } of cluster.sight.nodes())
    if (maintenance) cluster.ask({ do: 'end-maintenance', nodeId: id })
  for (const { id, policy, phase } of cluster.sight.vms()) {
    if (policy?.locked) cluster.ask({ do: 'set-policy', vmId: id, change: { locked: false } })
    if (phase === 'failed') cluster.ask({ do: 'start', vmId: id })
    if (phase === 'paused') cluster.ask({ do: 'resume', vmId: id })
  }
  for (const name of cluster.names) cluster.startNode(asNodeId(name))
}

/** What is executed is what the coordinator believes. */
function disbelieved(cluster: SearchCluster): string[] {
  const running = cluster.sight.vms().filter(({ phase }) => phase === 'running')
  const believed = running.map(({ id, nodeId }) => `${id}@${nodeId}`).sort()
  const executed = Object.entries(cluster.runners()).map(([id, at]) => `${id}@${at}`)
  const [is, thought] = [executed.sort().join(' '), believed.join(' ')]
  return is === thought ? [] : [`runs: ${is}; believed: ${thought}`]
}

/** Two findings that differ in names and numbers only are the same. */
const kindOf = ({ wrong }: SearchEnd): string =>
  (wrong[0] ?? '').replace(/\b([a-h]|[nmr]\d+|\d+)\b/g, '').slice(0, 30)

/** The shortest plan that breaks the same law. */
export function shortest(found: SearchEnd): SearchEnd {
  for (const plan of shorterThan(found.plan)) {
    const end = search(plan)
    if (end.wrong.length > 0 && kindOf(end) === kindOf(found)) return shortest(end)
  }
  return found
}

export const told = ({ plan, wrong, story }: SearchEnd): string =>
  [`seed ${plan.seed}: ${JSON.stringify(plan)}`, ...wrong, '--', ...story].join('\n')
