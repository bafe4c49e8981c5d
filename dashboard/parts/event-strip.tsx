// The events on a line of time, a lane for each group: when much happened, and when it went wrong.
// For the eye alone; the list below says the same. Not here: the filters (events.tsx).

import type { EventView } from '#proto/api.ts'
import { toneOf } from '../cluster-model.ts'
import { isInGroup, kindGroups } from '../story-model.ts'

const lanes = ['nodes', 'vms', 'moves', 'copies', 'rules'] as const
const wide = 1000
const laneHigh = 14
const labelled = 190

export function EventStrip({ events }: { events: readonly EventView[] }) {
  const [first, last] = [events[0], events.at(-1)]
  if (!first || !last) return null
  const spanMs = Math.max(1, last.wallMs - first.wallMs)
  const x = ({ wallMs }: EventView) =>
    Math.round(labelled + ((wide - labelled - 6) * (wallMs - first.wallMs)) / spanMs)
  const high = lanes.length * laneHigh
  return (
    <svg class="strip" viewBox={`0 0 ${wide} ${high}`} aria-hidden="true">
      {lanes.map((lane, at) => (
        <g key={lane} transform={`translate(0 ${at * laneHigh})`}>
          <text class="lane" y={laneHigh - 4}>
            {kindGroups[lane]}
          </text>
          <line x1={labelled} x2={wide} y1={laneHigh / 2} y2={laneHigh / 2} />
          {marksOf(
            events.filter((event) => isInGroup(event, lane)),
            x,
          )}
        </g>
      ))}
    </svg>
  )
}

/** One mark a place and tone, however many events fall there. */
function marksOf(events: readonly EventView[], x: (event: EventView) => number) {
  const marks = new Map(events.map((event) => [`${x(event)} ${toneOf(event)}`, event]))
  return [...marks].map(([key, event]) => (
    <rect
      key={key}
      class={toneOf(event)}
      x={x(event)}
      y={toneOf(event) === 'bad' ? 0 : 3}
      width="3"
      height={toneOf(event) === 'bad' ? laneHigh - 1 : laneHigh - 7}
    />
  ))
}
