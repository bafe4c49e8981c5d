// How the load of the cluster, a node or a VM went over the last half hour: a graph each of CPU,
// memory and what else counts, asked for again while it is looked at. Its numbers stand beside it:
// those of now, or of the moment that is pointed at. Not here: the lines (loads.ts), how they are
// drawn (load-plot.ts).

import { useEffect, useRef, useState } from 'preact/hooks'
import type { EventView, NodeView, VmView } from '#proto/api.ts'
import { connection, view } from '../cluster.ts'
import type { LoadPlot } from '../load-plot.ts'
import { clusterLoads, nodeLoads, vmLoads } from '../loads.ts'
import { type Graph, graphText, type Loads, type Mark, marksOf } from '../loads-model.ts'
import { momentText } from '../moment-text.ts'

/** As often as there is a new mean. */
const againMs = 4000

const marks = (isMeant: (event: EventView) => boolean) => marksOf(view.value?.events ?? [], isMeant)

export const VmLoads = ({ vm }: { vm: VmView }) => (
  <LoadGraphs
    titles={['CPU', 'Dirty rate', 'Memory']}
    load={() => vmLoads(vm)}
    marks={marks(({ vmId }) => vmId === vm.id)}
  />
)

export const NodeLoads = ({ node }: { node: NodeView }) => (
  <LoadGraphs
    titles={['CPU', 'Memory', 'Power']}
    load={() => nodeLoads(node)}
    marks={marks(({ nodeId }) => nodeId === node.id)}
  />
)

/** A place of its own: that of all nodes together. */
export const Load = () => (
  <main class="single">
    <LoadGraphs
      titles={['CPU', 'Memory', 'Power', 'What runs']}
      load={clusterLoads}
      marks={marks(({ kind }) => kind.startsWith('node-'))}
      isPlace
    />
  </main>
)

interface LoadGraphsProps {
  /** Each has its place before the first loads come. */
  readonly titles: readonly string[]
  readonly load: () => Promise<Loads | undefined>
  readonly marks: readonly Mark[]
  /** It has the page for itself. */
  readonly isPlace?: boolean
}

function LoadGraphs({ titles, load, marks, isPlace = false }: LoadGraphsProps) {
  const [loads, setLoads] = useState<Loads>()
  const [pointed, setPointed] = useState<number>()
  const isLive = connection.value.is === 'live'
  const latest = useRef(load)
  latest.current = load
  useEffect(() => {
    let isOver = false
    let isAsking = false
    const look = async () => {
      // One that hangs is not asked again and again: a browser has few connections.
      if (isAsking || document.hidden || !isLive) return
      isAsking = true
      const now = await latest.current()
      isAsking = false
      if (now && !isOver) setLoads(now)
    }
    void look()
    const timer = setInterval(look, againMs)
    return () => {
      isOver = true
      clearInterval(timer)
    }
  }, [isLive])
  const wallMs = loads?.wallMs ?? []
  const Heading = isPlace ? 'h2' : 'h3'
  const at = pointed !== undefined && pointed < wallMs.length ? pointed : undefined
  return (
    <section
      class={isPlace ? 'loads card' : 'loads'}
      aria-labelledby="loads"
      onMouseLeave={() => setPointed(undefined)}
    >
      <Heading id="loads">
        Load <small>{whenText(wallMs, at)}</small>
      </Heading>
      {titles.map((title, number) => (
        <GraphFigure
          key={title}
          {...{ title, wallMs, marks, at }}
          graph={loads?.graphs[number]}
          onPoint={setPointed}
        />
      ))}
    </section>
  )
}

function whenText(wallMs: readonly number[], at: number | undefined): string {
  if (wallMs.length === 0) return 'not known yet'
  return at === undefined ? 'the last half hour' : `at ${momentText(wallMs[at] ?? 0)}`
}

interface GraphProps {
  readonly title: string
  readonly graph: Graph | undefined
  readonly wallMs: readonly number[]
  readonly marks: readonly Mark[]
  /** What is pointed at; undefined: the newest is told. */
  readonly at: number | undefined
  readonly onPoint: (at: number | undefined) => void
}

function GraphFigure({ title, graph, wallMs, marks, at, onPoint }: GraphProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<Promise<LoadPlot | undefined>>(undefined)
  useEffect(() => {
    plot.current = openLate(box, onPoint)
    return () => void plot.current?.then((opened) => opened?.dispose())
  }, [])
  useEffect(() => {
    if (graph && wallMs.length > 0)
      void plot.current?.then((opened) => opened?.show(graph, wallMs, marks))
  }, [graph, marks.length])
  const label = graph && wallMs.length > 0 ? graphText(graph, wallMs) : `${title}: not known yet`
  return (
    <figure>
      <figcaption aria-hidden="true">
        <b>{title}</b>
        {graph?.lines.map(([name, values], number) => (
          <span key={name} class={number === 0 ? 'filled' : 'dashed'}>
            {name} <b>{valueText(graph, values[at ?? values.length - 1])}</b>
          </span>
        ))}
      </figcaption>
      <div class="plot" ref={box} role="img" aria-label={label} />
    </figure>
  )
}

const valueText = ({ text }: Graph, value: number | null | undefined): string =>
  typeof value === 'number' ? text(value) : '–'

/** undefined: it is gone before its program came, or that did not come. */
async function openLate(
  box: { readonly current: HTMLElement | null },
  onPoint: (at: number | undefined) => void,
): Promise<LoadPlot | undefined> {
  try {
    const { openPlot } = await import('../load-plot.ts')
    return box.current ? openPlot(box.current, 'loads', onPoint) : undefined
  } catch {
    return undefined
  }
}
