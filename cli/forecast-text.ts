// A forecast as a person reads it: what is expected, between its error bars. Pure: text only.
// Not here: how it is reckoned (proto/pre-copy/). Bytes and ms.

import type { ForecastView } from '#proto/api.ts'
import type { Forecast, Range, Way } from '#proto/pre-copy/forecast.ts'
import { bytesText, countText, msText } from '#proto/quantity.ts'

const wayWords: Record<Way, string> = {
  converges: 'its dirty pages become few, round by round',
  stopped: 'it does not get faster than its writes, and is stopped for the rest',
  'slowed-down': 'it is slowed down until its pages can follow',
  'post-copy': 'it runs there before its last pages, and fetches them',
  'given-up': 'it writes faster than pages can be sent, and stays where it is',
}

const verdictWords: Record<Forecast['verdict'], string> = {
  fits: '',
  doubtful: ' This may fail: choose a way out (--when-stuck), or allow more (--downtime).',
  hopeless: ' It would be refused: choose a way out (--when-stuck), or --force it.',
}

/** `412 ms`, or with error bars `412 ms, 300 to 700 ms`. */
export function rangeText({ expected, low, high }: Range, text: (value: number) => string): string {
  const [from, to] = [text(low), text(high)]
  return from === to ? text(expected) : `${text(expected)}, ${from} to ${to}`
}

export function forecastLines({ vmId, from, to, forecast }: ForecastView): string[] {
  const title = `${vmId} ${from} → ${to}`
  if (!forecast) return [`${title}  nothing is known of its writing yet; ask again in a second`]
  const { rounds, bytes, totalMs, downtimeMs, way, verdict } = forecast
  return [
    `${title}  ${wayWords[way]}.${verdictWords[verdict]}`,
    `  total     ${rangeText(totalMs, msText)}`,
    `  downtime  ${rangeText(downtimeMs, msText)}`,
    `  bytes     ${rangeText(bytes, bytesText)}`,
    `  rounds    ${rangeText(rounds, countText)}`,
  ]
}
