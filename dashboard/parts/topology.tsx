// The network as a drawing: nodes on a ring, the coordinator in the middle, links as thick as what
// passes. For the eye alone; the table beside it says the same in words.

import type { NodeView } from '#proto/api.ts'
import type { LinkView } from '#proto/sights.ts'
import { laboratory } from '../laboratory.ts'
import { coordinatorAt, drawing, type Point, pathOf, placesOf, widthOf } from '../topology.ts'
import { rateText } from './links.tsx'

interface TopologyProps {
  readonly nodes: readonly NodeView[]
  readonly links: readonly LinkView[]
}

export function Topology({ nodes, links }: TopologyProps) {
  const places = placesOf(nodes.map(({ id }) => id))
  return (
    <svg class="topology" viewBox={`0 0 ${drawing.wide} ${drawing.high}`} aria-hidden="true">
      {nodes.map((node) => (
        <Spoke key={node.id} node={node} at={places.get(node.id)} />
      ))}
      {links.map((link) => (
        <Link key={`${link.from} ${link.to}`} link={link} places={places} />
      ))}
      {links.map((link) => (
        <Rate key={`${link.from} ${link.to}`} link={link} places={places} />
      ))}
      <g class="coordinator" transform={`translate(${coordinatorAt.x} ${coordinatorAt.y})`}>
        <rect x="-38" y="-11" width="76" height="22" rx="11" />
        <text dy="0.35em">coordinator</text>
      </g>
      {nodes.map((node) => (
        <NodeSpot key={node.id} node={node} at={places.get(node.id)} />
      ))}
    </svg>
  )
}

function Spoke({ node: { id, phase }, at }: { node: NodeView; at: Point | undefined }) {
  if (!at) return null
  const isCut = laboratory.value?.nodes.find((each) => each.id === id)?.cut.coordinator ?? false
  const isHeard = phase === 'online' && !isCut
  const { x, y } = coordinatorAt
  return <line class={`spoke ${isHeard ? '' : 'lost'}`} x1={x} y1={y} x2={at.x} y2={at.y} />
}

interface LinkProps {
  readonly link: LinkView
  readonly places: ReadonlyMap<string, Point>
}

function endsOf({ link, places }: LinkProps) {
  const [from, to] = [places.get(link.from), places.get(link.to)]
  return from && to ? pathOf(from, to) : undefined
}

function Link({ link, places }: LinkProps) {
  const path = endsOf({ link, places })
  if (!path) return null
  const [a, b] = [link.from, link.to].sort()
  const isCut = laboratory.value?.links.some((cut) => cut.a === a && cut.b === b) ?? false
  const isLost = isCut || !link.isTrunkUp
  const frames = widthOf(link.trunkBytesPerSec)
  const pages = widthOf(link.pageBytesPerSec)
  return (
    <g>
      <path class={`link ${isLost ? 'lost' : ''}`} d={path.d} />
      {frames > 0 && <path class="flow frames" d={path.d} stroke-width={frames} />}
      {pages > 0 && <path class="flow pages" d={path.d} stroke-width={pages} />}
    </g>
  )
}

/** What is hardly anything is not written on the drawing. */
const writtenBytesPerSec = 2000

function Rate({ link, places }: LinkProps) {
  const path = endsOf({ link, places })
  const rate = link.pageBytesPerSec + link.trunkBytesPerSec
  if (!path || rate < writtenBytesPerSec) return null
  return (
    <text class="rate" x={path.label.x} y={path.label.y} dy="0.35em">
      {rateText(rate)}
    </text>
  )
}

function NodeSpot({ node: { id, phase, vmCount }, at }: { node: NodeView; at: Point | undefined }) {
  if (!at) return null
  return (
    <g class={`spot ${phase}`} transform={`translate(${at.x} ${at.y})`}>
      <rect x="-46" y="-22" width="92" height="44" rx="9" />
      <text class="name" dy="-0.1em">
        {id.length > 10 ? `${id.slice(0, 9)}…` : id}
      </text>
      <text class="count" dy="1.15em">
        {phase === 'online' ? `${vmCount} ${vmCount === 1 ? 'VM' : 'VMs'}` : phase}
      </text>
    </g>
  )
}
