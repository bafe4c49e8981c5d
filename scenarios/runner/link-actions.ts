// What steps about links and racks do: expands names of racks into nodes and links into directions,
// and says what may come of it. Not here: all other steps (actions.ts).

import { FaultError, fault } from '#proto/faults.ts'
import { asNodeId } from '#proto/ids.ts'
import type { ClusterPart } from '../language/cluster.ts'
import { coordinatorEnd, roadsOf, shapeOf } from '../language/links.ts'
import type { StepOf } from '../language/timeline.ts'
import type { Scenario } from '../schema.ts'
import type { Road, Roads, World } from '../world.ts'
import { mayBeFenced, type Stage, untilOnline } from './stage.ts'

type RackStep = StepOf<'kill-rack' | 'start-rack' | 'cut-rack' | 'heal-rack'>

export const linkActions = {
  'cut-link': (step: StepOf<'cut-link'>, stage: Stage) =>
    cutAll(roadsOf(step, stage.scenario.cluster), stage),
  'heal-link': (step: StepOf<'heal-link'>, stage: Stage) =>
    healAll(roadsOf(step, stage.scenario.cluster), stage),
  'shape-link': (step: StepOf<'shape-link'>, stage: Stage) => {
    const roads = roadsOf(step, stage.scenario.cluster)
    // Heartbeats that come too late are as good as none.
    for (const node of nodesUnheard(roads)) mayBeFenced(node, stage)
    return shapeAll(roads, shapeOf(step), stage.world)
  },
  'kill-rack': async (step: StepOf<'kill-rack'>, stage: Stage) => {
    const nodes = nodesOf(step, stage)
    for (const node of nodes) {
      stage.mayEnd(node, true)
      stage.breaks(node, 'killed')
    }
    await Promise.all(nodes.map((node) => stage.world.killNode(asNodeId(node))))
  },
  'start-rack': startRack,
  'cut-rack': (step: StepOf<'cut-rack'>, stage: Stage) => cutAll(waysOut(step, stage), stage),
  'heal-rack': (step: StepOf<'heal-rack'>, stage: Stage) => healAll(waysOut(step, stage), stage),
}

/** What the world cannot break is said before anything is started. */
export function refuseWhatCannotBe({ cluster, persons, timeline }: Scenario, world: World): void {
  const needs = cluster.links.length > 0 || timeline.some((step) => step.do in linkActions)
  if (needs && !world.roads) throw noRoads()
  const breaks = timeline.some(({ do: what }) => what === 'fail-disk' || what === 'fill-disk')
  if (breaks && !world.breakDisk) throw noDisks()
  if (persons.length > 0 && !world.doors) throw noAccounts()
  const drifts = timeline.some(({ do: what }) => what === 'drift-clock')
  if (drifts && !world.driftClock) throw noClocks()
}

/** Before the first VM is there. */
export async function shapeFromTheStart(cluster: ClusterPart, world: World): Promise<void> {
  for (const link of cluster.links) await shapeAll(roadsOf(link, cluster), shapeOf(link), world)
}

const nodesOf = ({ rack }: RackStep, { scenario }: Stage): readonly string[] =>
  scenario.cluster.racks[rack] ?? []

const waysOut = ({ rack }: RackStep, { scenario }: Stage): Road[] =>
  roadsOf({ from: rack, 'one-way': false }, scenario.cluster)

/** Nodes whose way to the coordinator, or back, is among these. */
function nodesUnheard(roads: readonly Road[]): Set<string> {
  const ends = roads.map(({ from, to }) => [from, to]).filter((two) => two.includes(coordinatorEnd))
  return new Set(ends.flat().filter((end) => end !== coordinatorEnd))
}

async function cutAll(roads: readonly Road[], stage: Stage): Promise<void> {
  const able = roadsIn(stage.world)
  for (const node of nodesUnheard(roads)) {
    mayBeFenced(node, stage)
    stage.breaks(node, 'cut')
  }
  for (const road of roads) await able.cut(road)
}

async function healAll(roads: readonly Road[], { world }: Stage): Promise<void> {
  for (const road of roads) await roadsIn(world).heal(road)
}

async function shapeAll(
  roads: readonly Road[],
  shape: ReturnType<typeof shapeOf>,
  world: World,
): Promise<void> {
  for (const road of roads) await roadsIn(world).shape(road, shape)
}

function roadsIn({ roads }: World): Roads {
  if (roads) return roads
  throw noRoads()
}

const noRoads = (): FaultError => {
  const text = 'This world cannot cut or shape single links: run it with --world local or sim.'
  return new FaultError(fault('bad-request', text))
}

export const noDisks = (): FaultError => {
  const text = 'Disks cannot be broken in this world: run it with --world local or sim.'
  return new FaultError(fault('bad-request', text))
}

const noAccounts = () =>
  new FaultError(
    fault(
      'bad-request',
      'In this world nobody has an account (`persons`). Run it with --world local, compose or sim.',
    ),
  )

export const noClocks = (): FaultError => {
  const text =
    'Agents of this world keep the clock of their host: run it with --world sim or local.'
  return new FaultError(fault('bad-request', text))
}

async function startRack(step: StepOf<'start-rack'>, stage: Stage): Promise<void> {
  const ended = new Set(
    stage.world.processes().flatMap(({ id, state }) => (state === 'exited' ? [id] : [])),
  )
  await Promise.all(
    nodesOf(step, stage)
      .filter((node) => ended.has(node))
      .map(async (node) => {
        await stage.world.startNode(asNodeId(node))
        stage.mayEnd(node, false)
        await untilOnline(stage, node, step.within)
      }),
  )
}
