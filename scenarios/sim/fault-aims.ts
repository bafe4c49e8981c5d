// What a fault of a search is aimed at, and what it hits: migrations and replicas under way, by the
// coordinator's account. Pure. Not here: the faults (fault-run.ts).

import type { ClusterState } from '#coordinator/core/cluster-state.ts'
import { isCoordinator } from './sim-coordinator.ts'

/** The one that a number means, whoever is there; undefined: nobody is. */
export function pick<T>(from: Iterable<T>, at: number): T | undefined {
  const all = [...from]
  return all[at % Math.max(1, all.length)]
}

/** Two nodes that have something to say to each other besides what guests say. */
export function isBetween(state: ClusterState, one: string, other: string): boolean {
  const areEnds = (ends: readonly (string | undefined)[]) =>
    ends.includes(one) && ends.includes(other)
  return (
    openMigrations(state).some(
      ({ phase, from, to }) => phase !== 'queued' && areEnds([from, to]),
    ) || [...state.vms.values()].some(({ nodeId, replica }) => areEnds([nodeId, replica?.nodeId]))
  )
}

const rights: readonly string[] = ['start', 'resolve', 'take-over', 'go-on', 'migrate', 'clone']

/** It has been told, and has not answered, what gives somebody a right to run a VM. */
export const hasOrder = ({ commands }: ClusterState, node: string): boolean =>
  [...commands.values()].some(({ kind, nodeId }) => nodeId === node && rights.includes(kind))

/** Nodes that write a layer, or give one to a VM. */
export const whoMerges = ({ commands }: ClusterState): string[] =>
  [...commands.values()].flatMap(({ kind, nodeId }) =>
    kind === 'merge-layers' || kind === 'swap-layers' ? [nodeId] : [],
  )

/** What is under way there, as sentences that are counted. */
export function hits(state: ClusterState, name: string): string[] {
  const found: string[] = []
  for (const { phase, from, to } of openMigrations(state)) {
    const role = name === from ? 'source' : name === to ? 'destination' : undefined
    if (isCoordinator(name)) found.push(`coordinator lost while ${phase}`)
    else if (role) found.push(`${role} lost while ${phase}`)
  }
  for (const { nodeId, replica } of state.vms.values())
    if (nodeId === name && replica) found.push(`primary lost while its replica is ${replica.phase}`)
    else if (replica?.nodeId === name) found.push(`replica lost while it is ${replica.phase}`)
  for (const { kind, nodeId } of state.commands.values()) {
    if (name !== nodeId && !isCoordinator(name)) continue
    const who = name === nodeId ? 'node' : 'coordinator'
    if (kind === 'merge-layers') found.push(`${who} lost while layers are merged`)
    if (kind === 'swap-layers') found.push(`${who} lost while layers are swapped`)
  }
  return found
}

const openMigrations = ({ openMigrations: open, migrations }: ClusterState) =>
  [...open].flatMap((id) => migrations.get(id) ?? [])
