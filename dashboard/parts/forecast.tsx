// A forecast as a picture and in words: where the downtime is expected, between its error bars, and
// where it came to be in the end. Not here: how it is reckoned (proto/pre-copy/).

import type { Forecast as Foreseen, Range } from '#proto/pre-copy/forecast.ts'
import { bytesText, countText, msText } from '#proto/quantity.ts'
import { type Prospect, rangeText, wayWords } from '../forecasts.ts'
import { Sign } from './sign.tsx'

/** What a node would be for the VM, in the room of a card. */
export function ProspectSign({ prospect }: { prospect: Prospect }) {
  if (prospect.is === 'here') return <p class="prospect">It is here.</p>
  if (prospect.is === 'asking') return <p class="prospect">Asking how it would go …</p>
  if (prospect.is === 'closed')
    return (
      <p class="prospect closed">
        <Sign name="bad" /> Not here: {prospect.why}
      </p>
    )
  if (!prospect.forecast)
    return (
      <p class="prospect">It may go here. Too little is known of its writing to foresee how.</p>
    )
  return <ForecastFacts {...prospect.forecast} />
}

export function ForecastFacts({ verdict, way, rounds, bytes, totalMs, downtimeMs }: Foreseen) {
  const word = { fits: '', doubtful: 'This may fail: ', hopeless: 'Not like this: ' }[verdict]
  return (
    <div class={`prospect ${verdict}`}>
      <dl class="facts">
        <Fact name="Downtime" value={msText(downtimeMs.expected)} of={between(downtimeMs)} />
        <Fact name="Total time" value={msText(totalMs.expected)} of={between(totalMs)} />
        <Fact name="Sent" value={bytesText(Math.round(bytes.expected))} />
        <Fact name="Rounds" value={countText(rounds.expected)} />
      </dl>
      {verdict !== 'fits' && (
        <p class="doubt">
          <Sign name="wait" /> {word}
          {wayWords[way]}.
        </p>
      )}
    </div>
  )
}

function Fact({ name, value, of }: { name: string; value: string; of?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value} {of && <small>{of}</small>}
      </dd>
    </div>
  )
}

const between = ({ low, high }: Range): string => `${msText(low)} to ${msText(high)}`

const wide = 240
const high = 26

/** The expected downtime with its bars, and the actual one as a mark. */
export function DowntimeBar({ range, actualMs }: { range: Range; actualMs?: number }) {
  const most = Math.max(range.high, actualMs ?? 0) * 1.08 || 1
  const x = (ms: number) => Math.round((ms / most) * wide * 10) / 10
  const actual = actualMs === undefined ? '' : `, it was ${msText(actualMs)}`
  return (
    <svg
      class="downtime"
      viewBox={`0 0 ${wide} ${high}`}
      role="img"
      aria-label={`Downtime expected ${rangeText(range, msText)}${actual}`}
    >
      <line class="axis" x1="0" x2={wide} y1="13" y2="13" />
      <rect class="bars" x={x(range.low)} width={x(range.high - range.low)} y="8" height="10" />
      <line class="expected" x1={x(range.expected)} x2={x(range.expected)} y1="5" y2="21" />
      {actualMs !== undefined && <path class="actual" d={`M${x(actualMs)} 6l6 7l-6 7l-6 -7z`} />}
    </svg>
  )
}
