// What every node and VM was like, from when to when, and how busy the nodes were: what a report
// draws. From the coordinator's views alone, so up to 100 ms late. Pure. Times in ms of the run.

import type { ClusterView, NodeView } from '#proto/api.ts'
import type { Span, Tracks } from '../report/recording.ts'

/** Samples of load are at least so far apart. */
const sampleMs = 250

export class TrackKeeper {
  readonly #nodes = new Map<string, Span[]>()
  readonly #vms = new Map<string, Span[]>()
  readonly #loads = new Map<string, { atMs: number; percent: number }[]>()

  onView({ nodes, vms, power }: ClusterView, atMs: number): void {
    const powerOf = new Map(power.nodes.map(({ id, state }) => [id, state]))
    for (const node of nodes) {
      note(this.#nodes, node.id, atMs, { state: nodeState(node, powerOf.get(node.id)) })
      this.#sample(node, atMs)
    }
    const ids = new Set(vms.map(({ id }) => id))
    for (const { id, phase, nodeId } of vms)
      note(this.#vms, id, atMs, { state: phase, ...(nodeId === undefined ? {} : { nodeId }) })
    for (const id of this.#vms.keys())
      if (!ids.has(id)) note(this.#vms, id, atMs, { state: 'gone' })
  }

  /** What it was last is not known to be so any more. */
  unseen(atMs: number): void {
    for (const map of [this.#nodes, this.#vms])
      for (const [id, spans] of map)
        if (spans.at(-1)?.state !== 'gone') note(map, id, atMs, { state: 'unseen' })
  }

  get tracks(): Tracks {
    const all = <T>(map: Map<string, T>) => [...map].map(([id, spans]) => ({ id, spans }))
    return {
      nodes: all(this.#nodes),
      vms: all(this.#vms),
      loads: [...this.#loads].map(([id, samples]) => ({ id, samples })),
    }
  }

  #sample({ id, cpuDemandPercent, capacity }: NodeView, atMs: number): void {
    const samples = this.#loads.get(id) ?? []
    this.#loads.set(id, samples)
    const last = samples.at(-1)
    if (last && atMs - last.atMs < sampleMs) return
    samples.push({ atMs, percent: cpuDemandPercent / capacity.cores })
  }
}

const nodeState = ({ phase, evacuation }: NodeView, power: string | undefined): string => {
  if (phase !== 'online') return phase
  if (evacuation) return 'maintenance'
  return power === 'standby' || power === 'waking' ? power : phase
}

/** A new span only where something is different. */
function note(map: Map<string, Span[]>, id: string, atMs: number, now: Omit<Span, 'fromMs'>): void {
  const spans = map.get(id) ?? []
  map.set(id, spans)
  const last = spans.at(-1)
  if (last?.state !== now.state || last?.nodeId !== now.nodeId) spans.push({ fromMs: atMs, ...now })
}
